//! [`Rate`] and [`Bucket`]: the generic cell rate algorithm as arithmetic, without a clock and without a lock.
//!
//! A bucket is one number, the time at which it will be full again. What is left in it is kept as time too, in
//! nanoseconds: a request costs the interval between two requests at the rate.

use std::time::Duration;

/// A rate of no requests at all says this when asked when to come back.
const CLOSED: u64 = 3_600_000_000_000;

/// So many requests a second over time, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// What a request costs. Rounded up, so that nobody gets more than the rate: a thousandth less at a million a second.
    interval: u64,
    /// What a full bucket holds.
    span: u64,
}

impl Rate {
    /// Without a burst, a second's worth may come at once; at least one request may. A rate of 0 admits nothing.
    pub(crate) fn new(per_second: u32, burst: Option<u32>) -> Self {
        if per_second == 0 {
            return Self { interval: CLOSED, span: 0 };
        }
        let interval = 1_000_000_000_u64.div_ceil(u64::from(per_second));
        // At most 2^62.
        Self { interval, span: interval * u64::from(burst.unwrap_or(per_second).max(1)) }
    }

    /// Takes a request's cost out of a bucket that is full again at `full_at`: when it will be full after that, or, if
    /// there is not enough in it, in how many nanoseconds there will be.
    pub(crate) fn take(&self, full_at: u64, now: u64) -> Result<u64, u64> {
        let then = full_at.max(now) + self.interval;
        match (then - now).checked_sub(self.span) {
            None | Some(0) => Ok(then),
            Some(missing) => Err(missing),
        }
    }
}

/// What one key has left, at the rate that it had when it was last asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    rate: Rate,
    full_at: u64,
}

impl Bucket {
    pub(crate) fn full(rate: Rate) -> Self {
        Self { rate, full_at: 0 }
    }

    /// This bucket at another rate. It holds as many requests as before, or as many as it can: however often a rate is
    /// changed, the change itself adds nothing, and what was used before does not have to be waited for at the new rate.
    pub(crate) fn at(self, rate: Rate, now: u64) -> Self {
        if self.rate == rate {
            return self;
        }
        let left = self.rate.span.saturating_sub(self.full_at.saturating_sub(now));
        let requests = u128::from(left) * u128::from(rate.interval) / u128::from(self.rate.interval);
        let left = u64::try_from(requests).unwrap_or(u64::MAX).min(rate.span);
        Self { rate, full_at: now + (rate.span - left) }
    }

    /// This bucket with one request taken out of it, or in how many nanoseconds that can be done.
    pub(crate) fn take(mut self, now: u64) -> Result<Self, u64> {
        self.full_at = self.rate.take(self.full_at, now)?;
        Ok(self)
    }

    /// When nothing will be missing from it any more.
    pub(crate) fn full_at(&self) -> u64 {
        self.full_at
    }
}

/// A reading of a monotonic clock as buckets count it. It stands still after 146 years, so that no sum overflows.
pub(crate) fn nanoseconds(reading: Duration) -> u64 {
    u64::try_from(reading.as_nanos()).unwrap_or(u64::MAX).min(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn taken(bucket: &mut Bucket, now: u64) -> usize {
        std::iter::from_fn(|| bucket.take(now).ok().map(|after| *bucket = after)).count()
    }

    #[test]
    fn a_burst_may_come_at_once_and_then_the_rate() {
        let mut bucket = Bucket::full(Rate::new(10, Some(5)));
        assert_eq!(taken(&mut bucket, SECOND), 5);
        assert_eq!(bucket.take(SECOND).unwrap_err(), SECOND / 10, "a tenth of a second for the next one");
        assert_eq!(taken(&mut bucket, SECOND + SECOND / 10 - 1), 0);
        assert_eq!(taken(&mut bucket, SECOND + SECOND / 10), 1);
        assert_eq!(taken(&mut bucket, 3 * SECOND), 5, "no more is saved than the burst");
    }

    #[test]
    fn without_a_burst_a_seconds_worth_may_come_at_once_and_always_one() {
        assert_eq!(taken(&mut Bucket::full(Rate::new(7, None)), 0), 7);
        assert_eq!(taken(&mut Bucket::full(Rate::new(7, Some(0))), 0), 1);
        assert_eq!(taken(&mut Bucket::full(Rate::new(0, Some(9))), 0), 0, "a rate of nothing is closed");
    }

    #[test]
    fn a_change_of_the_rate_adds_nothing_however_often_it_comes() {
        let (small, large) = (Rate::new(1, Some(3)), Rate::new(1000, Some(5000)));
        let mut bucket = Bucket::full(small);
        assert_eq!(taken(&mut bucket, 0), 3);
        for _ in 0..10 {
            bucket = bucket.at(large, 0);
            assert_eq!(taken(&mut bucket, 0), 0);
            bucket = bucket.at(small, 0);
            assert_eq!(taken(&mut bucket, 0), 0);
        }
        bucket = bucket.at(large, 0);
        assert_eq!(taken(&mut bucket, SECOND / 100), 10, "the new rate counts from now on");
    }

    #[test]
    fn what_was_used_at_a_high_rate_is_not_owed_at_a_low_one() {
        let mut bucket = Bucket::full(Rate::new(1000, Some(1000)));
        assert_eq!(taken(&mut bucket, 0), 1000);
        bucket = bucket.at(Rate::new(2, Some(2)), 0);
        assert_eq!(taken(&mut bucket, SECOND), 2);
    }

    #[test]
    fn the_ends_of_every_range_do_not_overflow() {
        for now in [0, nanoseconds(Duration::MAX)] {
            for rate in
                [Rate::new(1, Some(u32::MAX)), Rate::new(u32::MAX, Some(u32::MAX)), Rate::new(1, Some(1))]
            {
                let full = Bucket::full(rate);
                let once = full.take(now).expect("one may come");
                assert!(once.full_at() > now);
                for other in [Rate::new(1, Some(u32::MAX)), Rate::new(u32::MAX, Some(1)), Rate::new(0, None)]
                {
                    let _ = once.at(other, now).take(now);
                }
            }
        }
    }
}
