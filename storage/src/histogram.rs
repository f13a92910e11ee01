//! Where the buckets of a time histogram begin.

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
    Timestamp::from_second(since.div_euclid(width) * width - offset).unwrap_or(Timestamp::MIN)
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

#[cfg(test)]
mod tests {
    use super::*;

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
