//! Ten thousand requests at once for a name of which nothing is known are one call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tenant_core::{Lookup, TenantDirectory, TenantKey};
use tms_client::testing::{Gate, Route};

use crate::proof::{MODES, Mode, Peer, no_task_is_left, settled, tasks};
use crate::support::{is_known, label, until};

const REQUESTS: usize = 10_000;
/// Tasks of a directory that are not a request's: its own, its calls, its connections.
const OWN_TASKS: usize = 16;

async fn one_call_for(mode: Mode, key: TenantKey<'static>, route: Route, exists: bool) {
    let peer = Peer::start(mode, &[]).await;
    let tms = &peer.tms;
    let (directory, _) = peer.directory(|builder| builder);
    settled(mode, &directory).await;
    // Who follows a feed must not hear of the tenant before it is asked for.
    tms.feed().stall();
    if exists {
        tms.add("acme");
        tms.edit("acme", |acme| acme.hosts = vec!["shop.example".to_owned()]);
    }
    let gate = Gate::closed();
    tms.on(route).behind(&gate).well();
    let begun = Arc::new(AtomicUsize::new(0));
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let (directory, begun) = (directory.clone(), Arc::clone(&begun));
            tokio::spawn(async move {
                begun.fetch_add(1, Ordering::SeqCst);
                directory.find(&key).await
            })
        })
        .collect();
    until("all requests have begun", || begun.load(Ordering::SeqCst) == REQUESTS).await;
    tms.until_calls(route, 1).await;
    assert!((REQUESTS..REQUESTS + OWN_TASKS).contains(&tasks()), "all wait: {}", tasks());
    gate.open();
    for request in requests {
        let found = request.await.expect("no panic");
        assert_eq!(is_known(&found), exists, "{mode:?} {key:?}: {found:?}");
        assert!(exists || matches!(found, Lookup::Unknown), "{mode:?} {key:?}: {found:?}");
    }
    assert_eq!((tms.calls(route), tms.calls(Route::Token)), (1, 1), "{mode:?} {key:?}");
    no_task_is_left(directory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_for_one_cold_tenant_are_one_call() {
    for mode in MODES {
        one_call_for(mode, label("acme"), Route::Tenant, true).await;
        one_call_for(mode, TenantKey::Domain("shop.example"), Route::Host, true).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_for_one_unknown_name_are_one_call() {
    for mode in MODES {
        one_call_for(mode, label("nobody"), Route::Tenant, false).await;
        one_call_for(mode, TenantKey::Domain("nobody.example"), Route::Host, false).await;
    }
}
