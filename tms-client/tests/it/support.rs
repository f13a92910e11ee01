//! What the tests share: keys, records, directories, and waiting for something to become true.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use tenant_core::{Cached, Lookup, Tenant, TenantDirectory, TenantKey, TenantStatus};
use tms_client::testing::{Fault, FaultyTms, ManualClock};
use tms_client::{FeedStatus, Mode, TmsClient, TmsDirectory, TmsDirectoryBuilder};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const FRESH: Duration = Duration::from_secs(60);
pub(crate) const STALE: Duration = Duration::from_secs(3600);

pub(crate) fn label(label: &str) -> TenantKey<'_> {
    TenantKey::label(label).expect("a label")
}

/// Says what goes wrong.
pub(crate) type Say = fn(Fault<'_>);

/// A TMS as the original's, which is asked and has no feed, with these active tenants.
pub(crate) async fn tms_with(tenants: &[&str]) -> FaultyTms {
    let tms = FaultyTms::start().await;
    tms.feed().off();
    for tenant in tenants {
        tms.add(tenant);
    }
    tms
}

pub(crate) fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH))
}

pub(crate) fn client(url: &str) -> TmsClient {
    TmsClient::builder(url, "yyy".into()).build().expect("a client")
}

/// A directory that caches the answers of a faulty TMS, on a clock that stands still, and its clock.
pub(crate) fn directory_with(
    tms: &FaultyTms,
    set: impl FnOnce(TmsDirectoryBuilder) -> TmsDirectoryBuilder,
) -> (TmsDirectory, Arc<ManualClock>) {
    let clock = manual_clock();
    let builder = TmsDirectory::builder(client(&tms.url())).mode(Mode::Cache).clock(clock.clone());
    (set(builder).build().expect("a directory"), clock)
}

pub(crate) fn directory(tms: &FaultyTms) -> (TmsDirectory, Arc<ManualClock>) {
    directory_with(tms, |builder| builder)
}

/// A TMS with a feed whose heart beats ten times a second, with these active tenants.
pub(crate) async fn tms_with_feed(tenants: &[&str]) -> FaultyTms {
    let tms = FaultyTms::start().await;
    tms.feed().heartbeat_every(SECOND / 10);
    for tenant in tenants {
        tms.add(tenant);
    }
    tms
}

/// A directory that follows the feed of a faulty TMS, on a clock that stands still, and its clock. It does not wait for
/// long: not for a sign of life, and not before it connects again.
pub(crate) fn replica_with(
    tms: &FaultyTms,
    set: impl FnOnce(TmsDirectoryBuilder) -> TmsDirectoryBuilder,
) -> (TmsDirectory, Arc<ManualClock>) {
    directory_with(tms, |builder| {
        set(builder.mode(Mode::Auto).feed_silence(SECOND / 2).reconnect_max(SECOND / 10))
    })
}

pub(crate) fn replica(tms: &FaultyTms) -> (TmsDirectory, Arc<ManualClock>) {
    replica_with(tms, |builder| builder)
}

/// Waits until a directory is connected to the feed, and its memory complete.
pub(crate) async fn current(directory: &TmsDirectory) {
    until("the feed is current", || directory.status().feed == FeedStatus::Current).await;
}

/// Polls what is known at once until it is so, and fails the test after 10 s.
pub(crate) async fn until_cached<D: TenantDirectory>(
    directory: &D,
    key: &TenantKey<'_>,
    so: impl Fn(&Cached) -> bool,
) {
    until(&format!("{key:?}"), || so(&directory.cached(key))).await;
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
