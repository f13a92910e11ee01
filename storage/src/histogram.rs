//! Where the buckets of a time histogram begin, and how far one reaches.

#[cfg(any(feature = "embedded", feature = "opensearch"))]
use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::{Dst, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::query::{Interval, TimeUnit};

const EPOCH: Date = Date::constant(1970, 1, 1);

/// The beginning of the bucket that an instant belongs to.
pub(crate) fn bucket(instant: Timestamp, interval: Interval, zone: &TimeZone) -> Timestamp {
    match interval.unit {
        TimeUnit::Second => fixed(instant, interval.count, 1, zone),
        TimeUnit::Minute => fixed(instant, interval.count, 60, zone),
        TimeUnit::Hour => fixed(instant, interval.count, 3600, zone),
        TimeUnit::Day | TimeUnit::Month | TimeUnit::Year => {
            start_of_day(first_day(zone.to_datetime(instant).date(), interval), zone)
        }
    }
}

fn fixed(instant: Timestamp, count: u32, seconds: i64, zone: &TimeZone) -> Timestamp {
    let width = i64::from(count) * seconds;
    let offset = standard_offset(instant, zone);
    let since = (instant.as_second() - i64::from(instant.subsec_nanosecond() < 0)) + offset;
    at_second(since.div_euclid(width) * width - offset)
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
}

/// The zone's offset without daylight saving time, in seconds: that of the last moment that had none.
fn standard_offset(instant: Timestamp, zone: &TimeZone) -> i64 {
    let now = zone.to_offset_info(instant);
    if now.dst() == Dst::No {
        return now.offset().seconds().into();
    }
    let standard = zone.preceding(instant).find(|transition| transition.dst() == Dst::No);
    standard.map_or(now.offset(), |transition| transition.offset()).seconds().into()
}

/// The first calendar day of the bucket that a day belongs to. Several days are counted from 1970-01-01.
fn first_day(day: Date, interval: Interval) -> Date {
    match interval.unit {
        TimeUnit::Year => day.first_of_year(),
        TimeUnit::Month => day.first_of_month(),
        _ => {
            let since = i64::from((day - EPOCH).get_days());
            let back = since.rem_euclid(i64::from(interval.count));
            day.checked_sub(back.days()).unwrap_or(Date::MIN)
        }
    }
}

fn start_of_day(day: Date, zone: &TimeZone) -> Timestamp {
    zone.to_zoned(day.into()).map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

/// Buckets for instants that come more or less in order: the zone is asked once a bucket, not once an instant.
#[cfg(any(feature = "embedded", feature = "opensearch"))]
pub(crate) struct Spans {
    interval: Interval,
    zone: TimeZone,
    era: Era,
}

/// Some of the instants of one bucket: all of it, unless the clock changes inside.
#[cfg(any(feature = "embedded", feature = "opensearch"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where the bucket begins.
    pub(crate) bucket: Timestamp,
    /// The whole seconds since 1970, rounded down, of the instants.
    pub(crate) seconds: Range<i64>,
}

/// The time between two changes of the clock, its offset from UTC and that of its standard time, in seconds.
#[cfg(any(feature = "embedded", feature = "opensearch"))]
struct Era {
    seconds: Range<i64>,
    offset: i64,
    standard: i64,
}

#[cfg(any(feature = "embedded", feature = "opensearch"))]
impl Era {
    fn of(second: i64, zone: &TimeZone) -> Self {
        let instant = at_second(second);
        // Strictly before the next second: at this one, or earlier.
        let begin = zone.preceding(at_second(second + 1)).next();
        let end = zone.following(instant).next();
        let begin = begin.map_or(i64::MIN, |transition| transition.timestamp().as_second());
        let end = end.map_or(i64::MAX, |transition| transition.timestamp().as_second());
        Self {
            seconds: begin..end,
            offset: zone.to_offset(instant).seconds().into(),
            standard: standard_offset(instant, zone),
        }
    }
}

#[cfg(any(feature = "embedded", feature = "opensearch"))]
impl Spans {
    pub(crate) fn new(interval: Interval, zone: TimeZone) -> Self {
        Self { interval, zone, era: Era { seconds: 0..0, offset: 0, standard: 0 } }
    }

    /// The span of a second since 1970.
    pub(crate) fn span(&mut self, second: i64) -> Span {
        if !self.era.seconds.contains(&second) {
            self.era = Era::of(second, &self.zone);
        }
        let (bucket, seconds) = match self.interval.unit {
            TimeUnit::Second => self.fixed(second, 1),
            TimeUnit::Minute => self.fixed(second, 60),
            TimeUnit::Hour => self.fixed(second, 3600),
            TimeUnit::Day | TimeUnit::Month | TimeUnit::Year => self.calendar(second),
        };
        let Era { seconds: era, .. } = &self.era;
        Span { bucket, seconds: seconds.start.max(era.start)..seconds.end.min(era.end) }
    }

    fn fixed(&self, second: i64, unit: i64) -> (Timestamp, Range<i64>) {
        let width = i64::from(self.interval.count) * unit;
        let begin = (second + self.era.standard).div_euclid(width) * width - self.era.standard;
        (at_second(begin), begin..begin + width)
    }

    fn calendar(&self, second: i64) -> (Timestamp, Range<i64>) {
        let first = first_day(self.zone.to_datetime(at_second(second)).date(), self.interval);
        let next = match self.interval.unit {
            TimeUnit::Year => first.checked_add(1.year()),
            TimeUnit::Month => first.checked_add(1.month()),
            _ => first.checked_add(i64::from(self.interval.count).days()),
        };
        // Midnight by the clock of the era, which is all that the span is cut to.
        let midnight = |day: Date| i64::from((day - EPOCH).get_days()) * 86_400 - self.era.offset;
        (start_of_day(first, &self.zone), midnight(first)..next.map_or(i64::MAX, midnight))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(any(feature = "embedded", feature = "opensearch"))]
    use proptest::prelude::*;

    use super::*;

    /// Zones whose clocks change by an hour, by half an hour, at midnight, one minute after it, by a day, and never.
    #[cfg(any(feature = "embedded", feature = "opensearch"))]
    const ZONES: [&str; 8] = [
        "UTC",
        "Europe/Warsaw",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Casablanca",
        "Asia/Kathmandu",
    ];

    #[cfg(any(feature = "embedded", feature = "opensearch"))]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn all_of_a_span_is_in_its_bucket(
            zone in 0..ZONES.len(),
            unit in 0..6usize,
            count in 1u32..40,
            // 1885 to 2121, and near the changes of the clock.
            second in -2_700_000_000i64..4_800_000_000,
            near_change in any::<bool>(),
            near in -100_000i64..100_000,
            inside in proptest::collection::vec(0.0f64..1.0, 8),
        ) {
            let zone = TimeZone::get(ZONES[zone]).expect("a zone");
            let unit = [
                TimeUnit::Second, TimeUnit::Minute, TimeUnit::Hour, TimeUnit::Day, TimeUnit::Month, TimeUnit::Year,
            ][unit];
            let count = if matches!(unit, TimeUnit::Month | TimeUnit::Year) { 1 } else { count };
            let interval = Interval { count, unit };
            let change = zone.following(at_second(second)).next().filter(|_| near_change);
            let second = change.map_or(second, |change| change.timestamp().as_second() + near);
            let mut spans = Spans::new(interval, zone.clone());
            for _ in 0..2 {
                let span = spans.span(second);
                prop_assert!(span.seconds.contains(&second), "{span:?}");
                let reach = span.seconds.start.max(second - 100_000_000)..span.seconds.end.min(second + 100_000_000);
                let width = reach.end - reach.start;
                let inside = inside.iter().map(|part| reach.start + (width as f64 * part) as i64);
                for second in inside.chain([second, reach.start, reach.end - 1]) {
                    prop_assert_eq!(bucket(at_second(second), interval, &zone), span.bucket, "at {}", second);
                    let late = Timestamp::new(second, 999_999_999).expect("an instant");
                    prop_assert_eq!(bucket(late, interval, &zone), span.bucket, "at the end of {}", second);
                }
            }
        }

        #[test]
        fn a_bucket_is_made_of_few_spans(second in 0i64..2_000_000_000, unit in 0..6usize) {
            let zone = TimeZone::get("Europe/Warsaw").expect("a zone");
            let unit = [
                TimeUnit::Second, TimeUnit::Minute, TimeUnit::Hour, TimeUnit::Day, TimeUnit::Month, TimeUnit::Year,
            ][unit];
            let interval = Interval { count: 1, unit };
            let mut spans = Spans::new(interval, zone.clone());
            let span = spans.span(second);
            let before = spans.span(span.seconds.start - 1);
            let after = spans.span(span.seconds.end);
            if before.bucket == span.bucket || after.bucket == span.bucket {
                let cut = [span.seconds.start, span.seconds.end].into_iter().any(|second| {
                    zone.preceding(at_second(second + 1)).next().is_some_and(|t| t.timestamp().as_second() == second)
                });
                prop_assert!(cut, "only a change of the clock cuts a bucket: {before:?} {span:?} {after:?}");
            }
        }
    }

    fn begins(instant: &str, count: u32, unit: TimeUnit, zone: &str) -> String {
        let zone = TimeZone::get(zone).expect("a zone");
        bucket(instant.parse().expect("an instant"), Interval { count, unit }, &zone).to_string()
    }

    #[test]
    fn days_have_23_to_25_hours_where_the_clock_changes() {
        let day = |instant| begins(instant, 1, TimeUnit::Day, "Europe/Warsaw");
        assert_eq!(day("2026-03-28T22:59:59Z"), "2026-03-27T23:00:00Z");
        assert_eq!(day("2026-03-28T23:00:00Z"), "2026-03-28T23:00:00Z");
        assert_eq!(day("2026-03-29T21:59:59Z"), "2026-03-28T23:00:00Z");
        assert_eq!(day("2026-03-29T22:00:00Z"), "2026-03-29T22:00:00Z", "a day of 23 hours has ended");
        assert_eq!(day("2026-10-25T22:59:59Z"), "2026-10-24T22:00:00Z", "a day of 25 hours has not");
    }

    #[test]
    fn a_day_begins_where_the_clock_skips_midnight() {
        assert_eq!(
            begins("2018-11-04T12:00:00Z", 1, TimeUnit::Day, "America/Sao_Paulo"),
            "2018-11-04T03:00:00Z"
        );
    }

    #[test]
    fn months_and_years_follow_the_calendar_of_the_zone() {
        assert_eq!(
            begins("2025-12-31T23:30:00Z", 1, TimeUnit::Year, "Europe/Warsaw"),
            "2025-12-31T23:00:00Z"
        );
        assert_eq!(begins("2025-12-31T23:30:00Z", 1, TimeUnit::Month, "UTC"), "2025-12-01T00:00:00Z");
    }

    #[test]
    fn several_days_are_counted_from_1970() {
        assert_eq!(begins("1970-01-08T23:00:00Z", 7, TimeUnit::Day, "UTC"), "1970-01-08T00:00:00Z");
        assert_eq!(begins("1969-12-31T23:00:00Z", 7, TimeUnit::Day, "UTC"), "1969-12-25T00:00:00Z");
    }

    #[test]
    fn hours_are_aligned_to_the_standard_offset() {
        assert_eq!(begins("2026-01-15T10:40:00Z", 1, TimeUnit::Hour, "Asia/Kolkata"), "2026-01-15T10:30:00Z");
        let half_days = |instant| begins(instant, 12, TimeUnit::Hour, "Europe/Warsaw");
        assert_eq!(half_days("2026-01-15T12:00:00Z"), "2026-01-15T11:00:00Z");
        assert_eq!(half_days("2026-07-15T12:00:00Z"), "2026-07-15T11:00:00Z", "summer time moves no bucket");
    }

    #[test]
    fn seconds_and_minutes_round_down_before_1970_too() {
        assert_eq!(begins("1969-12-31T23:59:59.5Z", 1, TimeUnit::Second, "UTC"), "1969-12-31T23:59:59Z");
        assert_eq!(begins("1969-12-31T23:59:59.5Z", 15, TimeUnit::Minute, "UTC"), "1969-12-31T23:45:00Z");
        assert_eq!(begins("2026-01-01T00:14:59Z", 15, TimeUnit::Minute, "UTC"), "2026-01-01T00:00:00Z");
    }
}
