//! The order of system calls: no 200 leaves before the sync that follows its write has returned.

use std::io::Write;

use futures_util::future::join_all;
use serde_json::json;

use crate::recording::{self, Call};
use crate::site::{HOST, Site};
use crate::support::{Api, Program};
use crate::wal::{self, Acknowledged, Fault};

const JOURNAL: &str = "/production.db-wal";
const SEQUENTIAL: usize = 20;
const CLIENTS: usize = 16;
const OF_EACH_CLIENT: usize = 5;

/// A program under `strace`. Killing the tracer would leave the program running.
struct Traced(Option<Program>);

impl Traced {
    fn program(&self) -> &Program {
        self.0.as_ref().expect("running")
    }

    fn terminate(mut self) {
        assert!(self.0.take().expect("running").terminate().success());
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if let Some(program) = self.0.take() {
            program.kill();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_200_leaves_before_the_sync_that_follows_its_write() {
    if let Some(reason) = recording::what_is_missing() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
        // Not by a macro: the test harness would keep it to itself.
        let skipped = format!("\n*** SKIPPED: the order of system calls was not checked: {reason} ***\n");
        std::io::stderr().write_all(skipped.as_bytes()).expect("told");
        return;
    }
    let site = Site::start().await;
    let file = site.path("strace.txt");
    let command = recording::record(&Program::command(&site.tms, &site.data_dir()), &file);
    let traced = Traced(Some(Program::spawn(command, &site.path("ready.json"))));
    let requests = send(&site.install(traced.program()).await, traced.program()).await;
    traced.terminate();

    let text = std::fs::read_to_string(&file).expect("a recording");
    let calls = recording::read(&text);
    assert_eq!(wal::check(&calls, JOURNAL, &requests), []);
    assert_the_checker_would_have_noticed(&text, &calls, &requests);
}

/// Some requests one after the other, some at once. Each has an event and a session of its own.
async fn send(admin: &Api, program: &Program) -> Vec<Acknowledged> {
    let visitor = program.at(HOST);
    let mut requests = Vec::new();
    for number in 0..SEQUENTIAL {
        requests.push(track(&visitor, format!("sequential-{number:03}")).await);
    }
    let clients = (0..CLIENTS).map(|client| {
        let visitor = visitor.clone();
        async move {
            let mut sent = Vec::new();
            for number in 0..OF_EACH_CLIENT {
                sent.push(track(&visitor, format!("client-{client:03}-{number:03}")).await);
            }
            sent
        }
    });
    requests.extend(join_all(clients).await.into_iter().flatten());
    // The platform adds three events to a first visit.
    assert_eq!(admin.count("event").await, 4 * requests.len() as u64);
    requests
}

async fn track(visitor: &Api, name: String) -> Acknowledged {
    let request = Acknowledged { event: format!("event-{name}-"), session: format!("session-{name}-") };
    let payload = json!({
        "source": { "id": "web" }, "session": { "id": request.session },
        "events": [{ "id": request.event, "type": "page-view" }],
    });
    visitor.track(&payload).await.ok();
    request
}

/// The same recording, spoilt in each of the ways in which a program without the promise would differ.
fn assert_the_checker_would_have_noticed(text: &str, calls: &[Call], requests: &[Acknowledged]) {
    let is_sync = |call: &Call| call.name.ends_with("sync");
    let none_synced: String =
        text.lines().filter(|line| !line.contains("sync")).map(|line| format!("{line}\n")).collect();
    let spoil = |change: &dyn Fn(&mut Call)| {
        let mut spoilt = calls.to_vec();
        spoilt.iter_mut().filter(|call| is_sync(call)).for_each(change);
        spoilt
    };
    let spoilt = [
        ("without any sync", recording::read(&none_synced)),
        ("with syncs that began before the write", spoil(&|call| call.began = 0)),
        ("with syncs that had not returned", spoil(&|call| call.ended = None)),
        ("with syncs of another file", spoil(&|call| call.target = format!("{}-of-another", call.target))),
    ];
    for (how, calls) in spoilt {
        let found = wal::check(&calls, JOURNAL, requests);
        let all = found.iter().all(|(_, fault)| *fault == Fault::AnsweredBeforeDurable);
        assert!(all && found.len() == requests.len(), "{how}: {found:?}");
    }
    let silent: Vec<Call> = calls.iter().filter(|call| !call.target.starts_with("TCP")).cloned().collect();
    let found = wal::check(&silent, JOURNAL, requests);
    assert!(found.iter().all(|(_, fault)| *fault == Fault::NotAnswered) && found.len() == requests.len());
}
