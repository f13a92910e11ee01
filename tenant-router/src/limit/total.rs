//! [`Total`]: one limit for all requests, which every thread counts in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::keys::Quota;
use super::refused::{Excess, Refused};
use crate::reject::LimitScope;

/// What all requests together may use. Its numbers are in one line of the processor's caches and nothing else is, so that
/// a request on another core costs one transfer of that line; no thread waits for one that was interrupted.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Total {
    full_at: AtomicU64,
    places: AtomicU32,
    quota: Quota,
}

impl Total {
    pub(crate) fn new(quota: Quota) -> Self {
        Self { full_at: AtomicU64::new(0), places: AtomicU32::new(0), quota }
    }

    /// Counts a request; a refusal counts for nothing.
    pub(crate) fn admit(self: &Arc<Self>, now: u64) -> Result<Option<TotalPlace>, Refused> {
        let refused = |excess| Refused { scope: LimitScope::Total, excess };
        let place = match self.quota.concurrent {
            Some(most) => Some(self.place(most).ok_or(refused(Excess::Concurrency))?),
            None => None,
        };
        if let Some(rate) = self.quota.rate {
            let mut full_at = self.full_at.load(Ordering::Relaxed);
            loop {
                // An early return gives the place back.
                let then = rate.take(full_at, now).map_err(|wait| refused(Excess::rate(wait)))?;
                let order = Ordering::Relaxed;
                match self.full_at.compare_exchange_weak(full_at, then, order, order) {
                    Ok(_) => break,
                    Err(other) => full_at = other,
                }
            }
        }
        Ok(place)
    }

    fn place(self: &Arc<Self>, most: u32) -> Option<TotalPlace> {
        let one_more = |places: u32| places.checked_add(1).filter(|places| *places <= most);
        self.places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(TotalPlace(Arc::clone(self)))
    }
}

/// A place among all requests, until this is dropped.
#[derive(Debug)]
pub(crate) struct TotalPlace(Arc<Total>);

impl Drop for TotalPlace {
    fn drop(&mut self) {
        self.0.places.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::limit::rate::Rate;

    #[test]
    fn threads_together_get_what_one_would() {
        let quota = Quota { rate: Some(Rate::new(1000, Some(500))), concurrent: None };
        let total = Arc::new(Total::new(quota));
        let admitted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        admitted.fetch_add(usize::from(total.admit(0).is_ok()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 500);
    }

    #[test]
    fn a_request_that_the_rate_refuses_holds_no_place() {
        let quota = Quota { rate: Some(Rate::new(1, Some(1))), concurrent: Some(2) };
        let total = Arc::new(Total::new(quota));
        let first = total.admit(0).expect("it is the first");
        for _ in 0..5 {
            assert!(matches!(total.admit(0), Err(Refused { excess: Excess::Rate(_), .. })));
        }
        let second = total.admit(1_000_000_000).expect("a second later there is a place");
        assert_eq!(total.admit(9_000_000_000).unwrap_err().excess, Excess::Concurrency);
        drop((first, second));
        assert!(total.admit(9_000_000_000).is_ok());
    }
}
