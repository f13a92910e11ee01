//! [`Table`]: what each key has left and how many places it holds; at most so many keys.
//!
//! A key's limits may differ from the next one's and may change from one request to the next, and then what is left has
//! to change together with them. So a key is a few plain numbers under the lock of its shard, not an atomic: the lock is
//! held for some arithmetic, a key that was just forgotten needs no second look, and the number of keys is exact.
//! `governor` was looked at: it has one quota for all keys of a limiter and no bound on their number, and a limiter for each
//! key would start anew, full, with every change of its quota.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;

use super::keys::{Entry, Keys, Quota};
use super::refused::Refused;
use crate::reject::LimitScope;

const SHARDS: usize = 16;

/// Keys and what they use. Its size is that of the keys of the last seconds, and never more than was allowed.
pub(crate) struct Table<K> {
    scope: LimitScope,
    shards: [Shard<K>; SHARDS],
    hasher: RandomState,
    most_in_shard: usize,
}

/// Two shards share no line of the processor's caches, which fetches them in pairs.
#[repr(align(128))]
struct Shard<K>(Mutex<Keys<K>>);

impl<K: Hash + Eq + Copy> Table<K> {
    /// A table of at most so many keys, rounded up to a multiple of 16.
    pub(crate) fn new(scope: LimitScope, most: usize) -> Self {
        Self {
            scope,
            shards: std::array::from_fn(|_| Shard(Mutex::default())),
            hasher: RandomState::default(),
            most_in_shard: most.div_ceil(SHARDS).max(1),
        }
    }

    /// Counts a request of a key, if its quota allows it and then `further` does too; a refusal counts for nothing.
    ///
    /// A new key is not counted while the table is full of keys that hold places: it would have to take the place of one,
    /// and to refuse it would lock out everybody who is new.
    pub(crate) fn admit<T>(
        self: &Arc<Self>,
        key: K,
        quota: &Quota,
        now: u64,
        further: impl FnOnce() -> Result<T, Refused>,
    ) -> Result<(Option<Place<K>>, T), Refused> {
        let mut keys = self.lock(&key);
        keys.sweep_if_due(now);
        let known = keys.entries.get_mut(&key);
        let is_new = known.is_none();
        let bucket = match known {
            Some(entry) => {
                entry.change(quota, now);
                entry.look(quota, now)
            }
            None => Entry::default().look(quota, now),
        };
        let bucket = bucket.map_err(|excess| Refused { scope: self.scope, excess })?;
        if is_new && !keys.make_room(self.most_in_shard, now) {
            drop(keys);
            return further().map(|further| (None, further));
        }
        let further = further()?;
        let entry = keys.entries.entry(key).or_default();
        entry.bucket = bucket;
        let place = quota.concurrent.is_some().then(|| {
            entry.places += 1;
            Place { table: Arc::clone(self), key }
        });
        Ok((place, further))
    }

    fn release(&self, key: &K) {
        let mut keys = self.lock(key);
        if let Some(entry) = keys.entries.get_mut(key) {
            entry.places = entry.places.saturating_sub(1);
            if entry.places == 0 && entry.bucket.is_none() {
                keys.entries.remove(key);
            }
        }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| locked(shard).entries.len()).sum()
    }

    fn lock(&self, key: &K) -> MutexGuard<'_, Keys<K>> {
        let hash = self.hasher.hash_one(key);
        // The map uses the bits at both ends.
        locked(&self.shards[(hash >> 32) as usize % SHARDS])
    }
}

fn locked<K>(shard: &Shard<K>) -> MutexGuard<'_, Keys<K>> {
    shard.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place that a key holds until this is dropped.
pub(crate) struct Place<K: Hash + Eq + Copy> {
    table: Arc<Table<K>>,
    key: K,
}

impl<K: Hash + Eq + Copy> Drop for Place<K> {
    fn drop(&mut self) {
        self.table.release(&self.key);
    }
}

impl<K: Hash + Eq + Copy> fmt::Debug for Table<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("keys", &self.len())
            .field("most_in_shard", &self.most_in_shard)
            .finish()
    }
}

impl<K: Hash + Eq + Copy + fmt::Debug> fmt::Debug for Place<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.key).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::keys::SWEEP_EVERY;
    use crate::limit::rate::Rate;
    use crate::limit::refused::Excess;

    const SECOND: u64 = 1_000_000_000;

    fn per_second(rate: u32, burst: u32) -> Quota {
        Quota { rate: Some(Rate::new(rate, Some(burst))), concurrent: None }
    }

    fn at_once(concurrent: u32) -> Quota {
        Quota { rate: None, concurrent: Some(concurrent) }
    }

    fn table(most: usize) -> Arc<Table<u64>> {
        Arc::new(Table::new(LimitScope::Address, most))
    }

    fn admit(
        table: &Arc<Table<u64>>,
        key: u64,
        quota: &Quota,
        now: u64,
    ) -> Result<Option<Place<u64>>, Excess> {
        let admitted = table.admit(key, quota, now, || Ok(()));
        admitted.map(|(place, ())| place).map_err(|refused| refused.excess)
    }

    fn capacity(table: &Table<u64>) -> usize {
        table.shards.iter().map(|shard| locked(shard).entries.capacity()).sum()
    }

    #[test]
    fn a_million_keys_take_no_more_room_than_the_cap() {
        let (table, quota) = (table(10_000), per_second(1, 10));
        let mut most = 0;
        for key in 0..1_000_000 {
            admit(&table, key, &quota, SECOND + key).expect("each key is new");
            most = most.max(if key % 1000 == 0 { capacity(&table) } else { 0 });
        }
        assert!(table.len() <= 10_000, "{}", table.len());
        assert!(most <= 4 * 10_000, "{most}");
    }

    #[test]
    fn a_key_that_is_being_refused_stays_so_while_a_million_others_pass() {
        let (table, quota) = (table(1_000), per_second(1, 10));
        let flood = |now, key| (0..100).filter(|_| admit(&table, key, &quota, now).is_ok()).count();
        let flooded = |now| (0..20).map(|i| flood(now, u64::MAX - i)).sum::<usize>();
        assert_eq!(flooded(SECOND), 200);
        for key in 0..1_000_000 {
            admit(&table, key, &quota, SECOND + key).expect("each key is new");
        }
        assert_eq!(flooded(SECOND + 1_000_000), 0);
    }

    #[test]
    fn a_table_full_of_held_places_lets_new_keys_in_and_forgets_no_place() {
        let (table, quota) = (table(SHARDS), at_once(1));
        let held: Vec<_> = (0..1000).map(|key| admit(&table, key, &quota, 0).expect("new")).collect();
        let known = held.iter().flatten().count();
        assert!((1..=SHARDS).contains(&known), "{known}");
        let refused = (0..1000).filter(|key| admit(&table, *key, &quota, 0).is_err()).count();
        assert_eq!(refused, known, "those that hold their one place, and nobody else");
        drop(held);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn keys_are_forgotten_some_seconds_after_they_were_used() {
        let (table, quota) = (table(100_000), per_second(10, 10));
        for key in 0..50_000 {
            admit(&table, key, &quota, SECOND).expect("new");
        }
        assert_eq!(table.len(), 50_000);
        let later = 2 * SECOND + SWEEP_EVERY;
        for key in 0..1_000 {
            admit(&table, key, &quota, later).expect("it has all of its burst again");
        }
        assert_eq!(table.len(), 1_000);
        assert!(capacity(&table) < 16_000, "{}", capacity(&table));
    }

    #[test]
    fn a_refusal_counts_for_nothing_whoever_refuses() {
        let (table, quota) = (table(100), Quota { rate: Some(Rate::new(1, Some(2))), concurrent: Some(9) });
        let total = Refused { scope: LimitScope::Total, excess: Excess::Concurrency };
        for _ in 0..50 {
            assert_eq!(table.admit(1, &quota, 0, || Err::<(), _>(total)).unwrap_err(), total);
        }
        assert_eq!(table.len(), 0, "not even the key is kept");
        let held =
            [admit(&table, 1, &quota, 0).expect("first"), admit(&table, 1, &quota, 0).expect("second")];
        for _ in 0..50 {
            assert!(matches!(admit(&table, 1, &quota, 0), Err(Excess::Rate(_))));
        }
        let third = admit(&table, 1, &quota, SECOND).expect("what was refused is not owed");
        assert_eq!(table.lock(&1).entries[&1].places, 3);
        drop((held, third));
    }

    #[test]
    fn a_quota_that_changes_counts_at_once_and_gives_no_burst() {
        let table = table(100);
        let admitted = |quota: Quota, now| (0..100).filter(|_| admit(&table, 1, &quota, now).is_ok()).count();
        assert_eq!(admitted(per_second(1, 3), 0), 3);
        assert_eq!(admitted(per_second(50, 60), 0), 0);
        assert_eq!(admitted(Quota::default(), 0), 100, "no limit any more");
        assert_eq!(admitted(per_second(50, 60), SECOND / 10), 5, "the bucket is as old as it was");
        assert_eq!(admitted(per_second(10, 60), SECOND / 5), 5, "until now the old rate counted");
        assert_eq!(admitted(per_second(10, 60), 2 * SECOND / 5), 2);
    }

    #[test]
    fn a_place_is_given_back_once() {
        let table = table(100);
        let first = admit(&table, 1, &at_once(2), 0).expect("free");
        let second = admit(&table, 1, &at_once(2), 0).expect("free");
        assert_eq!(admit(&table, 1, &at_once(2), 0).unwrap_err(), Excess::Concurrency);
        assert_eq!(admit(&table, 1, &at_once(1), 0).unwrap_err(), Excess::Concurrency, "it was lowered");
        drop(first);
        assert_eq!(admit(&table, 1, &at_once(1), 0).unwrap_err(), Excess::Concurrency);
        let third = admit(&table, 1, &at_once(2), 0).expect("free");
        drop((second, third));
        assert_eq!(table.len(), 0);
    }
}
