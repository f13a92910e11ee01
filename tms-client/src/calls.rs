//! [`Calls`]: the calls under way, one for each key; and which of their answers still count.

use std::collections::HashMap;

use tenant_core::{Lookup, TenantId};

use crate::flight::{Flight, Landing};
use crate::key::LookupKey;

/// At most one call for each key. A call that was struck off goes on for those who wait for it, and is not remembered.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    last: u64,
    under_way: HashMap<LookupKey, (u64, Flight<Lookup>)>,
}

impl Calls {
    /// The call under way for a key.
    pub(crate) fn under_way(&self, key: &LookupKey) -> Option<Flight<Lookup>> {
        self.under_way.get(key).map(|(_, flight)| flight).filter(|flight| !flight.is_over()).cloned()
    }

    /// The next number: later calls, and what is heard later, have greater ones.
    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Enters a new call, and numbers it.
    pub(crate) fn begin(&mut self, key: LookupKey) -> (u64, Flight<Lookup>, Landing<Lookup>) {
        let (flight, landing) = Flight::begin();
        let number = self.number();
        self.under_way.insert(key, (number, flight.clone()));
        (number, flight, landing)
    }

    /// Takes a call out that has its answer; whether the answer counts.
    pub(crate) fn end(&mut self, key: &LookupKey, call: u64) -> bool {
        let counts = self.under_way.get(key).is_some_and(|(number, _)| *number == call);
        if counts {
            self.under_way.remove(key);
        }
        counts
    }

    /// Strikes off every call whose answer may be about this tenant: the one for its id, and those for domains, of which
    /// nobody knows yet whose they are.
    pub(crate) fn strike(&mut self, id: &TenantId) {
        self.under_way.retain(|key, _| matches!(key, LookupKey::Id(other) if other != id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_struck_off_does_not_count_and_ends_no_other() {
        let acme: TenantId = "acme".parse().expect("an id");
        let (one, other) = (LookupKey::Id(acme), LookupKey::Id("other".parse().expect("an id")));
        let domain = LookupKey::Domain("shop.example".into());
        let mut calls = Calls::default();
        let (first, _, _landing) = calls.begin(one.clone());
        let (kept, _, _landing) = calls.begin(other.clone());
        let (shop, _, _landing) = calls.begin(domain.clone());
        calls.strike(&acme);
        assert!(calls.under_way(&one).is_none() && calls.under_way(&domain).is_none());

        let (second, _, _landing) = calls.begin(one.clone());
        assert!(!calls.end(&one, first));
        assert!(calls.under_way(&one).is_some());
        assert!(calls.end(&one, second));
        assert!(!calls.end(&domain, shop));
        assert!(calls.end(&other, kept));
    }

    #[test]
    fn a_call_whose_task_was_dropped_makes_way() {
        let key = LookupKey::Id("acme".parse().expect("an id"));
        let mut calls = Calls::default();
        let (_, _, landing) = calls.begin(key.clone());
        drop(landing);
        assert!(calls.under_way(&key).is_none());
    }
}
