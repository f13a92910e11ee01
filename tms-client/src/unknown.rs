//! [`UnknownNames`]: names that the TMS does not know, for a short time and in bounded number; [`Budget`]: how many
//! questions such names may cause.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tenant_core::{TenantId, TenantKey};

use crate::entry::millis;
use crate::key::LookupKey;

/// Marks of names that do not exist. Reading takes no lock and allocates nothing.
#[derive(Debug)]
pub(crate) struct UnknownNames {
    ttl: Duration,
    max: usize,
    ids: papaya::HashMap<TenantId, u64, RandomState>,
    domains: papaya::HashMap<Box<str>, u64, RandomState>,
    /// All marks, with the time at which each ends. One lifetime for all makes this the order of their ends too.
    order: Mutex<VecDeque<(u64, LookupKey)>>,
}

impl UnknownNames {
    pub(crate) fn new(ttl: Duration, max: usize) -> Self {
        let (ids, domains) = (papaya::HashMap::default(), papaya::HashMap::default());
        Self { ttl, max, ids, domains, order: Mutex::default() }
    }

    /// Whether the name was unknown a moment ago; the time is in milliseconds.
    pub(crate) fn contains(&self, key: &TenantKey<'_>, now: u64) -> bool {
        let until = match key {
            TenantKey::Label { id, .. } => self.ids.pin().get(id).copied(),
            TenantKey::Domain(domain) => self.domains.pin().get(*domain).copied(),
        };
        until.is_some_and(|until| now < until)
    }

    /// Marks a name as unknown since `asked`. At the greatest number, the oldest mark gives way.
    pub(crate) fn insert(&self, key: LookupKey, asked: Duration) {
        let now = millis(asked);
        let until = millis(asked.saturating_add(self.ttl));
        let mut order = self.order();
        while order.len() >= self.max || order.front().is_some_and(|(until, _)| *until <= now) {
            let Some((until, key)) = order.pop_front() else { break };
            self.remove_if(&key, |mark| mark == until);
        }
        match &key {
            LookupKey::Id(id) => self.ids.pin().insert(*id, until).copied(),
            LookupKey::Domain(domain) => self.domains.pin().insert(domain.clone(), until).copied(),
        };
        order.push_back((until, key));
    }

    /// Drops the mark of a name, which exists now.
    pub(crate) fn remove(&self, key: &LookupKey) {
        self.remove_if(key, |_| true);
    }

    fn remove_if(&self, key: &LookupKey, drop_it: impl Fn(u64) -> bool) {
        match key {
            LookupKey::Id(id) => {
                let _ = self.ids.pin().remove_if(id, |_, until| drop_it(*until));
            }
            LookupKey::Domain(domain) => {
                let _ = self.domains.pin().remove_if(domain, |_, until| drop_it(*until));
            }
        }
    }

    fn order(&self) -> MutexGuard<'_, VecDeque<(u64, LookupKey)>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many marks are held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert!(self.ids.len() + self.domains.len() <= self.order().len());
        self.order().len()
    }
}

/// So many calls a second, and as many at once after a quiet second.
#[derive(Debug)]
pub(crate) struct Budget {
    per_second: f64,
    /// Calls left, and when that was so.
    left: Mutex<(f64, Duration)>,
}

impl Budget {
    pub(crate) fn new(per_second: u32, now: Duration) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, left: Mutex::new((per_second, now)) }
    }

    fn left(&self) -> MutexGuard<'_, (f64, Duration)> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one call, if there is one left.
    pub(crate) fn take(&self, now: Duration) -> bool {
        let mut left = self.left();
        let passed = now.saturating_sub(left.1).as_secs_f64();
        *left = ((left.0 + passed * self.per_second).min(self.per_second), now);
        let enough = left.0 >= 1.0;
        if enough {
            left.0 -= 1.0;
        }
        enough
    }

    /// Gives a call back: the name was not unknown.
    pub(crate) fn give_back(&self) {
        let mut left = self.left();
        left.0 = (left.0 + 1.0).min(self.per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn id(name: &str) -> LookupKey {
        LookupKey::Id(name.parse().expect("an id"))
    }

    #[test]
    fn a_mark_lasts_its_time_and_can_be_dropped() {
        let unknown = UnknownNames::new(5 * SECOND, 10);
        let domain = LookupKey::Domain("shop.example".into());
        unknown.insert(id("acme"), SECOND);
        unknown.insert(domain.clone(), SECOND);
        for key in [&id("acme"), &domain] {
            assert!(unknown.contains(&key.as_key(), millis(5 * SECOND)));
            assert!(!unknown.contains(&key.as_key(), millis(6 * SECOND)));
        }
        unknown.remove(&domain);
        assert!(!unknown.contains(&domain.as_key(), millis(SECOND)));
        assert!(unknown.contains(&id("acme").as_key(), millis(SECOND)));
    }

    #[test]
    fn the_number_of_marks_is_bounded_and_the_oldest_give_way() {
        let unknown = UnknownNames::new(5 * SECOND, 10);
        for n in 0..1000 {
            unknown.insert(id(&format!("n{n}")), SECOND);
            assert!(unknown.len() <= 10);
        }
        assert!(unknown.contains(&id("n999").as_key(), millis(SECOND)));
        assert!(!unknown.contains(&id("n989").as_key(), millis(SECOND)));
        unknown.insert(id("later"), 6 * SECOND);
        assert_eq!(unknown.len(), 1, "what has ended makes room");
    }

    #[test]
    fn a_mark_made_anew_outlives_its_first() {
        let unknown = UnknownNames::new(5 * SECOND, 10);
        unknown.insert(id("acme"), Duration::ZERO);
        unknown.insert(id("acme"), 3 * SECOND);
        unknown.insert(id("other"), 6 * SECOND);
        assert!(unknown.contains(&id("acme").as_key(), millis(7 * SECOND)));
    }

    #[test]
    fn a_budget_refills_with_time_and_takes_back() {
        let budget = Budget::new(100, Duration::ZERO);
        assert_eq!((0..500).filter(|_| budget.take(Duration::ZERO)).count(), 100);
        assert!(budget.take(Duration::from_millis(10)));
        assert!(!budget.take(Duration::from_millis(10)));
        budget.give_back();
        assert!(budget.take(Duration::from_millis(10)));
        assert_eq!(
            (0..500).filter(|_| budget.take(100 * SECOND)).count(),
            100,
            "never more than one second's"
        );
    }
}
