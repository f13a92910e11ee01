//! [`Turns`]: one after the other, of each key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long somebody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who is at it, by the key that it acts with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<String, Weak<Semaphore>>>>);

/// A turn of a key; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    /// The key's next turn; `None` where it does not come in time.
    pub(crate) async fn take(&self, key: &str) -> Option<Turn> {
        let own = self.own(key);
        let permit = timeout(PATIENCE, own.acquire_owned()).await;
        // Nobody closes it.
        permit.ok()?.ok().map(|permit| Turn { _permit: permit })
    }

    fn own(&self, key: &str) -> Arc<Semaphore> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = known.get(key).and_then(Weak::upgrade) {
            return own;
        }
        known.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(1));
        known.insert(key.to_owned(), Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_has_one_turn_at_a_time_and_what_is_over_is_forgotten() {
        let turns = Turns::default();
        let (a, b) = (turns.take("a").await.expect("free"), turns.take("b").await.expect("another's"));
        let next = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take("a").await }
        });
        let soon = timeout(Duration::from_millis(50), turns.take("a")).await;
        assert!(soon.is_err() && !next.is_finished(), "it waits");
        drop(a);
        let a = next.await.expect("no panic").expect("its turn");
        drop((a, b));
        drop(turns.take("c").await);
        assert_eq!(turns.0.lock().expect("no panic").len(), 1);
    }
}
