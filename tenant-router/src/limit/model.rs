//! The rate limiter beside a plain model, a bucket of tokens by timestamps; and what no sequence of requests gets past.

use proptest::collection::vec;
use proptest::prelude::*;

use super::rate::{Bucket, Rate};

/// A bucket as one would write it down: tokens come with time, up to so many, and a request takes one. A token is kept as
/// the time that it takes to come.
struct Plain {
    interval: u64,
    most: u64,
    left: u64,
    seen: u64,
}

impl Plain {
    fn new(per_second: u32, burst: u32) -> Self {
        let interval = 1_000_000_000_u64.div_ceil(u64::from(per_second));
        let most = interval * u64::from(burst);
        Self { interval, most, left: most, seen: 0 }
    }

    fn take(&mut self, now: u64) -> bool {
        self.left = self.most.min(self.left + (now - self.seen));
        self.seen = now;
        let enough = self.left >= self.interval;
        if enough {
            self.left -= self.interval;
        }
        enough
    }
}

/// How far the clock goes between two requests: not at all, by nanoseconds, by about an interval, or by years.
fn step() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => Just(0),
        2 => 1..1000_u64,
        4 => 1..2_000_000_000_u64,
        1 => Just(1_000_000_000),
        1 => 1_000_000_000_000..1_000_000_000_000_000_u64,
    ]
}

fn rates() -> impl Strategy<Value = (u32, u32)> {
    let per_second = prop_oneof![1..10_u32, 1..1_000_000_u32, any::<u32>().prop_map(|rate| rate.max(1))];
    (per_second, prop_oneof![1..5_u32, 1..1_000_u32])
}

proptest! {
    #[test]
    fn the_limiter_equals_the_model((rate, burst) in rates(), steps in vec(step(), 1..400)) {
        let (mut bucket, mut plain) = (Bucket::full(Rate::new(rate, Some(burst))), Plain::new(rate, burst));
        let mut now = 0;
        for step in steps {
            now += step;
            match bucket.take(now) {
                Ok(after) => {
                    prop_assert!(plain.take(now), "at {now}");
                    bucket = after;
                }
                Err(wait) => {
                    prop_assert!(!plain.take(now), "at {now}");
                    prop_assert!(wait > 0 && bucket.take(now + wait).is_ok(), "it may come back when it was told to");
                    prop_assert!(bucket.take(now + wait - 1).is_err(), "and not before");
                }
            }
        }
    }

    /// Whatever the order in which threads come with their readings of the clock.
    #[test]
    fn no_window_gets_more_than_the_rate_and_the_burst(
        (rate, burst) in rates(),
        steps in vec((step(), 0..1_000_000_u64), 1..200),
    ) {
        let mut bucket = Bucket::full(Rate::new(rate, Some(burst)));
        let (mut clock, mut admitted) = (0_u64, Vec::new());
        for (step, late) in steps {
            clock += step;
            let now = clock.saturating_sub(late);
            if let Ok(after) = bucket.take(now) {
                bucket = after;
                admitted.push(now);
            }
        }
        admitted.sort_unstable();
        for (first, from) in admitted.iter().enumerate() {
            for (last, to) in admitted.iter().enumerate().skip(first) {
                let allowed = u128::from(to - from) * u128::from(rate) / 1_000_000_000 + u128::from(burst);
                prop_assert!(((last - first) as u128) < allowed, "{from} to {to}");
            }
        }
    }

    /// Whatever the rates that a record is given on the way, and however often.
    #[test]
    fn a_changing_rate_gives_each_its_time_and_no_second_burst(
        changes in vec((rates(), vec(step(), 0..20)), 1..30),
    ) {
        let rate_of = |(rate, burst)| Rate::new(rate, Some(burst));
        let mut bucket = Bucket::full(rate_of(changes[0].0));
        let (mut now, mut admitted, mut allowed) = (0_u64, 0_u128, u128::from(changes[0].0.1) * 1_000_000_000);
        for (rates, steps) in changes {
            bucket = bucket.at(rate_of(rates), now);
            for step in steps {
                now += step;
                allowed += u128::from(step) * u128::from(rates.0);
                if let Ok(after) = bucket.take(now) {
                    bucket = after;
                    admitted += 1;
                }
                prop_assert!(admitted * 1_000_000_000 <= allowed, "{admitted} at {now}");
            }
        }
    }
}
