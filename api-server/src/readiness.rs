//! [`Readiness`]: what `/readyz` answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use storage::OpenSearchStore;
use storage::opensearch::EngineStatus;
use tms_client::{
    DirectoryStatus, FeedStatus, Mode, SnapshotFound, SnapshotStatus, TmsDirectory, TmsErrorKind,
};

/// Whether this process is ready, which only local causes can change; and how its directory of tenants and its engine stand,
/// which is told and changes nothing: taking every process out of service would bring neither back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness {
    ready: Arc<AtomicBool>,
    directory: Option<TmsDirectory>,
    engine: Option<Arc<OpenSearchStore>>,
}

impl Readiness {
    pub(crate) fn of(directory: Option<TmsDirectory>, engine: Option<Arc<OpenSearchStore>>) -> Self {
        Self { ready: Arc::default(), directory, engine }
    }

    pub(crate) fn set(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// The directory, for one who stops the process in order.
    pub(crate) fn directory(&self) -> Option<&TmsDirectory> {
        self.directory.as_ref()
    }

    pub(crate) fn answer(&self) -> impl IntoResponse + use<> {
        let (status, mut body) = if self.ready.load(Ordering::Acquire) {
            (StatusCode::OK, json!({ "status": "ready" }))
        } else {
            let detail = "The server is starting or stopping.";
            (StatusCode::SERVICE_UNAVAILABLE, json!({ "detail": detail, "code": "not_ready" }))
        };
        if let Some(directory) = &self.directory {
            body["directory"] = of_directory(&directory.status());
        }
        if let Some(engine) = &self.engine {
            body["storage"] = of_engine(&engine.status());
        }
        (status, Json(body))
    }
}

fn of_engine(status: &EngineStatus) -> Value {
    json!({
        "engine": "opensearch",
        "reachable": status.is_reachable(),
        "failing_s": status.failing_for.map(|lasting| lasting.as_secs()),
        "last_error": status.last_error,
    })
}

fn of_directory(status: &DirectoryStatus) -> Value {
    let mut body = Map::new();
    body.insert("mode".to_owned(), mode(status.mode).into());
    let (feed, down) = feed(status.feed);
    body.insert("feed".to_owned(), feed.into());
    body.insert("down_s".to_owned(), down.into());
    body.insert("confirmed_ago_s".to_owned(), status.confirmed_ago.map(|ago| ago.as_secs()).into());
    body.insert("tenants".to_owned(), status.tenants.into());
    body.insert("last_error".to_owned(), status.last_error.as_ref().map(kind).into());
    body.insert("snapshot".to_owned(), status.snapshot.as_ref().map(snapshot).into());
    Value::Object(body)
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Auto => "auto",
        Mode::Replica => "replica",
        Mode::Cache => "cache",
    }
}

fn feed(feed: FeedStatus) -> (&'static str, Option<u64>) {
    match feed {
        FeedStatus::Off => ("off", None),
        FeedStatus::CatchingUp => ("catching_up", None),
        FeedStatus::Current => ("current", None),
        FeedStatus::Down { lasting } => ("down", Some(lasting.as_secs())),
    }
}

fn kind(kind: &TmsErrorKind) -> &'static str {
    match kind {
        TmsErrorKind::Config => "config",
        TmsErrorKind::Forbidden => "forbidden",
        TmsErrorKind::NotFound => "not_found",
        TmsErrorKind::Conflict => "conflict",
        TmsErrorKind::Invalid(_) => "invalid",
        TmsErrorKind::Unavailable => "unavailable",
        TmsErrorKind::Protocol => "protocol",
    }
}

fn snapshot(status: &SnapshotStatus) -> Value {
    let found = match &status.found {
        SnapshotFound::Nothing => json!("nothing"),
        SnapshotFound::Loaded { tenants } => json!({ "tenants": tenants }),
        SnapshotFound::Ignored(fault) => json!({ "ignored": fault.to_string() }),
    };
    json!({
        "found": found,
        "written_ago_s": status.written_ago.map(|ago| ago.as_secs()),
        "fault": status.fault,
        "refusals_fault": status.refusals_fault,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_feed_that_is_down_says_for_how_long() {
        assert_eq!(feed(FeedStatus::Current), ("current", None));
        assert_eq!(feed(FeedStatus::Down { lasting: Duration::from_secs(7) }), ("down", Some(7)));
    }
}
