//! [`watch`]: asks the engine now and then whether it answers, so that `/readyz` and the log know while nobody asks for
//! documents, and the indices are made when it is first reached.

use std::sync::Arc;
use std::time::Duration;

use storage::{OpenSearchStore, StoreError};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

/// How long after an answer it is asked again.
const PAUSE: Duration = Duration::from_secs(5);
/// The same where there was no answer.
const PAUSE_FAILING: Duration = Duration::from_secs(1);

/// Until the server stops.
pub(crate) async fn watch(engine: Arc<OpenSearchStore>, mut stop: watch::Receiver<bool>) {
    let asks = async {
        let mut is_failing = false;
        loop {
            let checked = engine.check().await;
            if checked.is_err() != is_failing {
                tell(&engine, &checked);
            }
            is_failing = checked.is_err();
            sleep(if is_failing { PAUSE_FAILING } else { PAUSE }).await;
        }
    };
    tokio::select! {
        () = asks => {}
        // Also if nobody is left who could stop it.
        _ = stop.changed() => {}
    }
}

/// Once when an outage begins, and once when it ends.
fn tell(engine: &OpenSearchStore, checked: &Result<(), StoreError>) {
    match checked {
        Ok(()) => warn!("OpenSearch answers again"),
        Err(error) => {
            let cause = engine.status().last_error.unwrap_or_default();
            warn!(%error, cause, "OpenSearch does not answer: requests that need it fail until it does");
        }
    }
}
