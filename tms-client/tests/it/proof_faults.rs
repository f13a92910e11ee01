//! A TMS that is slow, half-open or broken, and clocks that jump: no task is left behind, no answer is wrong, and every
//! wait has an end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::ToSpan;
use tenant_core::{Clock, Lookup, TenantDirectory, TenantKey, TenantStatus};
use tms_client::testing::{FaultyTms, Gate, ManualClock, Route};
use tms_client::{TmsClient, TmsDirectory};

use crate::proof::{BOUND, MODES, Mode, Peer, crowd, is_long, no_task_is_left, pass, settled, tasks};
use crate::support::{
    FRESH, SECOND, STALE, Say, begin_and_drop, is_known, is_unavailable, known_at_once, label, manual_clock,
    status, until_found,
};

const REQUESTS: usize = 500;
/// How long requests wait for a refresh where that is told from not waiting.
const WAIT: Duration = Duration::from_secs(2);
/// Tasks of a directory while nobody waits for it: its own, and the connections that are kept.
const QUIET_TASKS: usize = 16;

/// A tenant that is known, one that exists and was never asked for, and a name that does not exist.
async fn peer(mode: Mode) -> (Peer, TmsDirectory, Arc<ManualClock>) {
    let peer = Peer::start(mode, &["acme"]).await;
    let (directory, clock) = peer.directory(|builder| builder);
    settled(mode, &directory).await;
    until_found(&directory, &label("acme"), is_known).await;
    known_at_once(&directory, &label("acme")).await;
    // Who follows a feed must not hear of the other tenant before it is asked for.
    peer.tms.feed().stall();
    peer.tms.add("globex");
    (peer, directory, clock)
}

/// While the TMS fails: what is known serves, what is not is never said to be unknown, and nobody waits for long.
async fn only_what_is_known_is_answered(directory: &TmsDirectory, clock: &ManualClock) {
    for round in 0..3 {
        pass(directory, clock, FRESH).await;
        crowd(directory, label("acme"), REQUESTS).await.all("known", BOUND, is_known);
        for cold in ["globex", "nobody"] {
            let found = crowd(directory, label(cold), REQUESTS).await;
            found.all(&format!("{cold}, round {round}"), BOUND, is_unavailable);
        }
        let domain = TenantKey::Domain("shop.example");
        crowd(directory, domain, REQUESTS).await.all("a domain", BOUND, is_unavailable);
    }
    assert!(tasks() < QUIET_TASKS, "{} tasks", tasks());
}

/// Once the TMS is well again: everything is found as it is.
async fn all_is_well(tms: &FaultyTms, directory: &TmsDirectory, clock: &ManualClock) {
    tms.feed().flow();
    tms.suspend("acme", "unpaid");
    // No pause between two tries is longer.
    pass(directory, clock, FRESH).await;
    let is_suspended = |found: &Lookup| status(found) == Some(TenantStatus::Suspended);
    until_found(directory, &label("acme"), is_suspended).await;
    until_found(directory, &label("globex"), is_known).await;
    until_found(directory, &label("nobody"), |found| matches!(found, Lookup::Unknown)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_answers_hold_nobody_up_who_is_known_and_are_used_when_they_come() {
    for mode in MODES {
        let peer = Peer::start(mode, &["acme"]).await;
        let tms = &peer.tms;
        let clock = manual_clock();
        let client = TmsClient::builder(&tms.url(), "yyy".into()).build().expect("a client");
        let builder = TmsDirectory::builder(client).clock(clock.clone()).refresh_wait(WAIT);
        let directory = builder.build().expect("a directory");
        settled(mode, &directory).await;
        until_found(&directory, &label("acme"), is_known).await;
        known_at_once(&directory, &label("acme")).await;
        tms.feed().stall();
        tms.add("globex");

        // Nine seconds of a client that waits for ten, as long as the gate is closed.
        let gate = Gate::closed();
        tms.on_all().behind(&gate).well();
        pass(&directory, &clock, FRESH).await;
        crowd(&directory, label("acme"), REQUESTS).await.all("the first ones wait", 2 * WAIT, is_known);
        known_at_once(&directory, &label("acme")).await;
        for _ in 0..3 {
            pass(&directory, &clock, FRESH).await;
            crowd(&directory, label("acme"), REQUESTS).await.all("the others do not", WAIT, is_known);
            for cold in ["globex", "nobody"] {
                for _ in 0..REQUESTS {
                    begin_and_drop(directory.find(&label(cold))).await;
                }
                tms.until_calls_of(Route::Tenant, cold, 1).await;
            }
        }
        assert!(tasks() < QUIET_TASKS, "{} tasks after {REQUESTS} callers gave up", tasks());
        let (globex, nobody) = (label("globex"), label("nobody"));
        let opens = async { gate.open() };
        let (globex, nobody, ()) = tokio::join!(directory.find(&globex), directory.find(&nobody), opens);
        assert!(is_known(&globex) && matches!(nobody, Lookup::Unknown), "{globex:?} {nobody:?}");
        assert_eq!((tms.calls_of(Route::Tenant, "globex"), tms.calls_of(Route::Tenant, "nobody")), (1, 1));
        all_is_well(tms, &directory, &clock).await;
        no_task_is_left(directory).await;
    }
}

/// The same with real time: what a visitor of a new tenant waits at the most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_after_nine_seconds_is_an_answer() {
    if !is_long() {
        return;
    }
    for mode in MODES {
        let peer = Peer::start(mode, &[]).await;
        let client = TmsClient::builder(&peer.tms.url(), "yyy".into()).build().expect("a client");
        let directory = TmsDirectory::builder(client).build().expect("a directory");
        settled(mode, &directory).await;
        directory.find(&label("nobody")).await;
        peer.tms.feed().stall();
        peer.tms.add("globex");
        peer.tms.on(Route::Tenant).delayed(9 * SECOND).well();
        let began = Instant::now();
        assert!(is_known(&directory.find(&label("globex")).await));
        assert!((9..11).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        no_task_is_left(directory).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_never_answered_are_left() {
    for mode in MODES {
        let (peer, directory, clock) = peer(mode).await;
        peer.tms.half_open();
        only_what_is_known_is_answered(&directory, &clock).await;
        peer.tms.answer_again();
        all_is_well(&peer.tms, &directory, &clock).await;
        no_task_is_left(directory).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_answers_are_no_answers() {
    let faults: [(&str, Say); 6] = [
        ("truncated", |on| on.truncated()),
        ("cut", |on| on.cut()),
        ("garbage", |on| on.garbage()),
        ("another's", |on| on.wrong_tenant()),
        ("an error", |on| on.status(500)),
        ("refused", |on| on.status(401)),
    ];
    for mode in MODES {
        for (fault, say) in faults {
            let (peer, directory, clock) = peer(mode).await;
            println!("{mode:?}: {fault}");
            say(peer.tms.on_all());
            only_what_is_known_is_answered(&directory, &clock).await;
            peer.tms.heal();
            all_is_well(&peer.tms, &directory, &clock).await;
            no_task_is_left(directory).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wall_clock_that_jumps_changes_nothing() {
    for mode in MODES {
        let (peer, directory, clock) = peer(mode).await;
        let now = clock.wall();
        for years in [10, -10, 100, -1] {
            clock.set_wall(now + (years * 365 * 24).hours());
            crowd(&directory, label("acme"), REQUESTS).await.all("known", BOUND, is_known);
            known_at_once(&directory, &label("acme")).await;
        }
        all_is_well(&peer.tms, &directory, &clock).await;
        no_task_is_left(directory).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monotonic_clock_that_jumps_ahead_closes_what_was_not_confirmed() {
    for mode in MODES {
        let (peer, directory, clock) = peer(mode).await;
        pass(&directory, &clock, 2 * STALE).await;
        crowd(&directory, label("acme"), REQUESTS).await.all("confirmed anew", BOUND, is_known);
        peer.tms.stop().await;
        pass(&directory, &clock, 2 * STALE).await;
        let closed = crowd(&directory, label("acme"), REQUESTS).await;
        closed.all("older than the stale limit", BOUND, is_unavailable);
        peer.tms.start_again().await;
        all_is_well(&peer.tms, &directory, &clock).await;
        no_task_is_left(directory).await;
    }
}

/// No real one does; what must hold is that nothing panics or waits, and that the answers are the TMS's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monotonic_clock_that_jumps_back_breaks_nothing() {
    for mode in MODES {
        let (peer, directory, clock) = peer(mode).await;
        pass(&directory, &clock, 2 * STALE).await;
        until_found(&directory, &label("acme"), is_known).await;
        clock.set_monotonic(Duration::from_secs(1));
        crowd(&directory, label("acme"), REQUESTS).await.all("known", BOUND, is_known);
        crowd(&directory, label("globex"), REQUESTS).await.all("cold", BOUND, is_known);
        let found = crowd(&directory, label("nobody"), REQUESTS).await;
        found.all("unknown", BOUND, |found| matches!(found, Lookup::Unknown));
        pass(&directory, &clock, 3 * STALE).await;
        all_is_well(&peer.tms, &directory, &clock).await;
        no_task_is_left(directory).await;
    }
}
