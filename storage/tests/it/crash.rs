//! `kill -9` while commits are under way: what was acknowledged is there, and nothing is there in part.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use storage::{Batch, NamespacedStore};
use tenant_core::Context;

use crate::support::{body, id, install, open, tenant};

/// Tells the child which folder is its; without it the child's test is no test.
const FOLDER: &str = "TENANTRY_CRASH_FOLDER";
const ROUND: &str = "TENANTRY_CRASH_ROUND";
const KILLS: usize = 20;
const PARTS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_writes_until_it_is_killed() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    let store = open(Path::new(&folder)).expect("a store");
    let acme = tenant("acme");
    install(&store, &acme).await;
    let data = NamespacedStore::new(store, &acme, Context::Production);
    let writers =
        (0..4).map(|writer| tokio::spawn(write_for_ever(data.clone(), format!("{round}-{writer}"))));
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
}

async fn write_for_ever(data: NamespacedStore, name: String) {
    for number in 0.. {
        let mut batch = Batch::default();
        for part in 0..PARTS {
            let time = "2026-01-01T00:00:00Z";
            batch.put(
                "event",
                id(&format!("{name}-{number}/{part}")),
                body(json!({"time": time, "n": number})),
            );
        }
        say(&format!("begin {name}-{number}\n"));
        data.write(batch).await.expect("written");
        say(&format!("done {name}-{number}\n"));
    }
}

/// In one call, so that a line is whole or is not there.
fn say(line: &str) {
    std::io::stdout()
        .write_all(line.as_bytes())
        .and_then(|()| std::io::stdout().flush())
        .expect("the parent listens");
}

fn child(folder: &Path, round: usize) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "crash::child_that_writes_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

/// Kills a child some time after its first commits. What it said before that.
fn killed(folder: &Path, round: usize) -> Vec<String> {
    let mut child = child(folder, round);
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let mut lines = output.lines().map_while(Result::ok);
    let mut said = Vec::new();
    for _ in 0..fastrand::usize(5..200) {
        said.extend(lines.next());
    }
    // A random moment is the point here, not a wait for something.
    std::thread::sleep(Duration::from_micros(fastrand::u64(..3000)));
    child.kill().expect("killed");
    said.extend(lines);
    child.wait().expect("its end");
    said
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_kill_9_and_nothing_is_there_in_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    let mut acknowledged = Vec::new();
    let mut killed_under_way = 0;
    for round in 0..KILLS {
        let said = killed(folder.path(), round);
        let of = |word: &str| -> Vec<String> {
            said.iter().filter_map(|line| line.strip_prefix(word)).map(str::to_owned).collect()
        };
        let (begun, done) = (of("begin "), of("done "));
        assert!(!done.is_empty(), "round {round}: the child did nothing: {said:?}");
        killed_under_way += usize::from(begun.len() > done.len());
        acknowledged.extend(done);

        let store = open(folder.path()).expect("the lock died with the child");
        let data = NamespacedStore::new(Arc::clone(&store), &acme, Context::Production);
        let mut parts: BTreeMap<String, usize> = BTreeMap::new();
        for event in data.scan("event", None, usize::MAX).await.expect("scanned") {
            let batch = event.id.as_str().split_once('/').expect("a batch and a part").0.to_owned();
            *parts.entry(batch).or_default() += 1;
        }
        for batch in &acknowledged {
            assert_eq!(parts.get(batch), Some(&PARTS), "round {round}: {batch} was acknowledged");
        }
        assert!(parts.values().all(|count| *count == PARTS), "round {round}: half a batch in {parts:?}");
        drop((data, store));
        let file = format!("tenants/acme/{}/production.db", acme.incarnation());
        assert_eq!(integrity(&folder.path().join(file)), "ok", "round {round}");
    }
    assert!(killed_under_way * 2 >= KILLS, "{killed_under_way} of {KILLS} kills met a commit under way");
}

fn integrity(file: &Path) -> String {
    let connection = rusqlite::Connection::open(file).expect("the file");
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer")
}
