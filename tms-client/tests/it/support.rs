//! What the tests share: keys, records, directories, and waiting for something to become true.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use tenant_core::{Cached, Lookup, ManualClock, Tenant, TenantDirectory, TenantKey, TenantStatus};
use tms_client::{TmsClient, TmsDirectory, TmsDirectoryBuilder};

use crate::faulty::FaultyTms;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const FRESH: Duration = Duration::from_secs(60);
pub(crate) const STALE: Duration = Duration::from_secs(3600);

pub(crate) fn label(label: &str) -> TenantKey<'_> {
    TenantKey::label(label).expect("a label")
}

/// The record of an active tenant as the TMS writes it.
pub(crate) fn record(name: &str) -> String {
    record_with(name, "active", &[])
}

pub(crate) fn record_with(name: &str, status: &str, hosts: &[&str]) -> String {
    let id = name.replace('-', "");
    format!(
        r#"{{"id":"{id}","name":"{name}","status":"{status}","hosts":{hosts:?},"install_token":"i","email":"a@b"}}"#
    )
}

pub(crate) fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH))
}

pub(crate) fn client(url: &str) -> TmsClient {
    TmsClient::builder(url, "yyy".into()).build().expect("a client")
}

/// A directory of a faulty TMS, on a clock that stands still, and its clock.
pub(crate) fn directory_with(
    tms: &FaultyTms,
    set: impl FnOnce(TmsDirectoryBuilder) -> TmsDirectoryBuilder,
) -> (TmsDirectory, Arc<ManualClock>) {
    let clock = manual_clock();
    let builder = TmsDirectory::builder(client(&tms.url())).clock(clock.clone());
    (set(builder).build().expect("a directory"), clock)
}

pub(crate) fn directory(tms: &FaultyTms) -> (TmsDirectory, Arc<ManualClock>) {
    directory_with(tms, |builder| builder)
}

/// Polls until it is so, and fails the test after 10 s.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + 10 * SECOND;
    while !so() {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Asks until the answer is so, and fails the test after 10 s.
pub(crate) async fn until_found<D: TenantDirectory>(
    directory: &D,
    key: &TenantKey<'_>,
    so: impl Fn(&Lookup) -> bool,
) -> Lookup {
    let deadline = tokio::time::Instant::now() + 10 * SECOND;
    loop {
        let found = directory.find(key).await;
        if so(&found) {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "not in time, but {found:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The status that a lookup found.
pub(crate) fn status(lookup: &Lookup) -> Option<TenantStatus> {
    match lookup {
        Lookup::Known(tenant) => Some(tenant.status),
        Lookup::Unknown | Lookup::Unavailable { .. } => None,
    }
}

pub(crate) fn is_known(lookup: &Lookup) -> bool {
    status(lookup).is_some()
}

pub(crate) fn is_unavailable(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Unavailable { .. })
}

/// The tenant that is known without a question, once the hot path's clock has been read.
pub(crate) async fn known_at_once<D: TenantDirectory>(directory: &D, key: &TenantKey<'_>) -> Tenant {
    let mut found = None;
    until("known at once", || {
        if let Cached::Known(tenant) = directory.cached(key) {
            found = Some((*tenant).clone());
        }
        found.is_some()
    })
    .await;
    found.expect("known")
}

/// Runs a future until it has begun to wait, and drops it.
pub(crate) async fn begin_and_drop(future: impl Future) {
    let mut future = Box::pin(future);
    let waits = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await;
    assert!(waits, "it was over at once");
}
