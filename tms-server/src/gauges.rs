//! [`Gauges`]: what is read from the database when somebody asks for the metrics.

use std::sync::Arc;
use std::time::Duration;

use tenant_core::Clock;
use tokio::sync::Mutex;

use crate::meters::{DatabaseError, Meters};
use crate::repo::{Repo, RepoError};

/// How long what was read is good for: anybody may ask for the metrics, as often as they like.
const FRESH: Duration = Duration::from_secs(5);
/// How long the database has for it. The other metrics are wanted most when it is slow.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads the gauges, one caller at a time.
#[derive(Debug, Clone)]
pub(crate) struct Gauges {
    /// When the database was last asked, by the monotonic clock.
    asked: Arc<Mutex<Option<Duration>>>,
    clock: Arc<dyn Clock>,
    meters: Meters,
}

impl Gauges {
    pub(crate) fn new(clock: Arc<dyn Clock>, meters: Meters) -> Self {
        Self { asked: Arc::default(), clock, meters }
    }

    /// Brings the gauges up to date, unless they are fresh. Where the database does not answer, they stay as they are.
    pub(crate) async fn refresh(&self, repo: &dyn Repo) {
        // Held while the database is asked, so that those who come meanwhile wait for the same answer.
        let mut asked = self.asked.lock().await;
        let now = self.clock.monotonic();
        if asked.is_some_and(|asked| now < asked + FRESH) {
            return;
        }
        *asked = Some(now);
        let error = match tokio::time::timeout(PATIENCE, self.read(repo)).await {
            Ok(Ok(())) => None,
            Ok(Err(RepoError::Backend(_))) => Some(DatabaseError::Failed),
            Ok(Err(_)) | Err(_) => Some(DatabaseError::Unavailable),
        };
        self.meters.database_up(error.is_none());
        if let Some(error) = error {
            self.meters.database_error(error);
        }
    }

    async fn read(&self, repo: &dyn Repo) -> Result<(), RepoError> {
        for (status, count) in repo.count_by_status().await? {
            self.meters.tenants(status, count);
        }
        self.meters.feed_head(repo.head().await?.n);
        Ok(())
    }
}
