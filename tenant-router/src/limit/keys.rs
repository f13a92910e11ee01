//! [`Keys`]: a bounded map from keys to what they use; what it forgets, and in which order.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::quality::RandomState;

use super::rate::{Bucket, Rate};
use super::refused::Excess;

/// How often a shard that is used drops the keys which are as if they had never been seen.
pub(crate) const SWEEP_EVERY: u64 = 10_000_000_000;
/// Which part of a full shard makes room for new keys at once.
const GIVES_WAY: usize = 8;

/// What a key may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) rate: Option<Rate>,
    pub(crate) concurrent: Option<u32>,
}

impl Quota {
    pub(crate) fn is_none(&self) -> bool {
        self.rate.is_none() && self.concurrent.is_none()
    }
}

/// What is known of some keys.
pub(crate) struct Keys<K> {
    pub(crate) entries: HashMap<K, Entry, RandomState>,
    sweep_at: u64,
}

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Self { entries: HashMap::default(), sweep_at: 0 }
    }
}

/// What one key has left, and how many places it holds.
#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) bucket: Option<Bucket>,
    pub(crate) places: u32,
}

impl Entry {
    fn full_at(&self) -> u64 {
        self.bucket.map_or(0, |bucket| bucket.full_at())
    }

    /// Whether a key that was never seen would be treated alike.
    fn is_as_new(&self, now: u64) -> bool {
        self.places == 0 && self.full_at() <= now
    }

    /// Goes over to the rate that counts now, so that time counts at it from now on.
    pub(crate) fn change(&mut self, quota: &Quota, now: u64) {
        if let (Some(bucket), Some(rate)) = (&mut self.bucket, quota.rate) {
            *bucket = bucket.at(rate, now);
        }
    }

    /// The bucket after one more request, if this one may come.
    pub(crate) fn look(&self, quota: &Quota, now: u64) -> Result<Option<Bucket>, Excess> {
        if quota.concurrent.is_some_and(|most| self.places >= most) {
            return Err(Excess::Concurrency);
        }
        let Some(rate) = quota.rate else { return Ok(self.bucket) };
        self.bucket.unwrap_or(Bucket::full(rate)).take(now).map(Some).map_err(Excess::rate)
    }
}

impl<K: Hash + Eq + Copy> Keys<K> {
    fn drop_idle(&mut self, now: u64) {
        self.entries.retain(|_, entry| !entry.is_as_new(now));
        self.sweep_at = now.saturating_add(SWEEP_EVERY);
    }

    pub(crate) fn sweep_if_due(&mut self, now: u64) {
        if now >= self.sweep_at {
            self.drop_idle(now);
            let len = self.entries.len();
            if self.entries.capacity() > 4 * len + 64 {
                self.entries.shrink_to(2 * len);
            }
        }
    }

    /// Room for one more key; `false` if every key holds a place.
    pub(crate) fn make_room(&mut self, most: usize, now: u64) -> bool {
        if self.entries.len() < most {
            return true;
        }
        self.drop_idle(now);
        if self.entries.len() < most {
            return true;
        }
        // Those that used least lose least. One that is being refused is among the last.
        let free = self.entries.values().filter(|entry| entry.places == 0);
        let mut order: Vec<u64> = free.map(Entry::full_at).collect();
        if order.is_empty() {
            return false;
        }
        let mut go = order.len().div_ceil(GIVES_WAY);
        let (_, last, _) = order.select_nth_unstable(go - 1);
        let last = *last;
        self.entries.retain(|_, entry| {
            let goes = go > 0 && entry.places == 0 && entry.full_at() <= last;
            go -= usize::from(goes);
            !goes
        });
        true
    }
}
