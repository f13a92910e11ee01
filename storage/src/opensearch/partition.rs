//! [`Period`]: into which partition of time a dedicated index's documents go (contract section 8).

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

/// How long a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A calendar day: `2024-327`, month and day without zeros, as the original writes them.
    Day,
    /// A calendar month: `2024-3`.
    Month,
    /// A quarter of a year: `2024-q1`.
    Quarter,
    /// A calendar year: `2024-year`.
    Year,
}

impl Period {
    /// The end of the name of the index of a moment, by the machine's time zone.
    pub(super) fn suffix(self, now: Timestamp) -> String {
        self.suffix_of(TimeZone::system().to_datetime(now).date())
    }

    fn suffix_of(self, date: Date) -> String {
        let (year, month) = (date.year(), date.month());
        match self {
            Self::Day => format!("{year}-{month}{}", date.day()),
            Self::Month => format!("{year}-{month}"),
            Self::Quarter => format!("{year}-q{}", (month - 1) / 3 + 1),
            Self::Year => format!("{year}-year"),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn suffixes_are_those_of_the_original() {
        let day = date(2024, 3, 27);
        for (period, suffix) in [
            (Period::Day, "2024-327"),
            (Period::Month, "2024-3"),
            (Period::Quarter, "2024-q1"),
            (Period::Year, "2024-year"),
        ] {
            assert_eq!(period.suffix_of(day), suffix);
        }
        assert_eq!(Period::Quarter.suffix_of(date(2024, 12, 31)), "2024-q4");
    }
}
