//! The order of system calls: no 200 of `/track` leaves before the sync that follows its write has returned.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::{EMAIL, OPERATOR_KEY, PASSWORD, Platform, Program};

/// One system call of a recording: at which line it began and ended.
struct Call {
    name: String,
    text: String,
    began: usize,
    ended: usize,
}

/// Reads what `strace -f` wrote. A call that was interrupted by another thread's stands in two lines.
fn calls(recording: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (line, text) in recording.lines().enumerate() {
        let Some((pid, text)) = text.split_once(' ') else { continue };
        let text = text.trim_start();
        if text.starts_with("<... ") {
            if let Some(call) = unfinished.remove(pid) {
                calls[call].ended = line;
            }
        } else if let Some((name, _)) = text.split_once('(') {
            let ended = if text.ends_with("<unfinished ...>") {
                unfinished.insert(pid, calls.len());
                usize::MAX
            } else {
                line
            };
            calls.push(Call { name: name.to_owned(), text: text.to_owned(), began: line, ended });
        }
    }
    calls
}

impl Call {
    fn is_write(&self) -> bool {
        matches!(self.name.as_str(), "pwrite64" | "write" | "writev" | "sendto" | "sendmsg")
    }

    fn is_sync(&self) -> bool {
        matches!(self.name.as_str(), "fdatasync" | "fsync")
    }

    /// The file or socket that the call is about, as `strace -y` shows it.
    fn target(&self) -> &str {
        self.text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(target, _)| target)
    }
}

/// Checks that the answer which carries `id` left after a sync of the journal that got it. Its first write counts: later
/// ones are of other requests, whose documents share its page.
fn is_synced_before_its_answer(calls: &[Call], id: &str) -> Result<(), String> {
    let answer = calls
        .iter()
        .find(|call| call.is_write() && call.text.contains("HTTP/1.1 200") && call.text.contains(id))
        .ok_or_else(|| format!("{id}: no answer in the recording"))?;
    let written = calls
        .iter()
        .find(|call| {
            call.is_write()
                && call.target().ends_with("-wal")
                && call.text.contains(id)
                && call.began < answer.began
        })
        .ok_or_else(|| format!("{id}: answered without a write"))?;
    let synced = calls.iter().any(|call| {
        call.is_sync()
            && call.target() == written.target()
            && call.began > written.ended
            && call.ended < answer.began
    });
    if synced { Ok(()) } else { Err(format!("{id}: answered before its write was synced")) }
}

/// Whether `strace` can be run; a test run that must not skip anything fails without it.
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn can_trace() -> bool {
    let found = Command::new("strace").arg("-V").output().is_ok_and(|run| run.status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "strace is missing: apt-get install strace");
        eprintln!(
            "SKIPPED: the order of system calls was not checked, strace is missing (apt-get install strace)"
        );
    }
    found
}

fn traced(platform: &Platform, recording: &Path) -> Program {
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "65536", "-o"]).arg(recording);
    command.args(["-e", "trace=pwrite64,write,writev,sendto,sendmsg,fdatasync,fsync", "--"]);
    command.arg(env!("CARGO_BIN_EXE_api-server"));
    let data = platform.data_dir();
    Program::configure(&mut command, &platform.tms, &data);
    Program::spawn(command, &platform.folder().join("ready.json"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_leaves_before_its_write_is_synced() {
    if !can_trace() {
        return;
    }
    let platform = Platform::without_server().await;
    let recording = platform.folder().join("recording");
    let program = traced(&platform, &recording);
    let install =
        json!({ "name": "company-x", "tms_api_key": OPERATOR_KEY, "email": EMAIL, "password": PASSWORD });
    program.at("localhost").post("/tenant/install", &install).await.ok();
    let admin = program.at("company-x.localhost").log_in(EMAIL, PASSWORD).await.in_context("production");
    admin.connect_web().await;

    let payload = |id: &str| json!({ "source": { "id": "web" }, "session": { "id": id }, "events": [{ "id": id, "type": "tick" }] });
    let mut ids: Vec<String> = (0..10).map(|n| format!("alone{n}probe")).collect();
    for id in &ids {
        assert_eq!(admin.track(&payload(id)).await.status, 200);
    }
    let together: Vec<String> = (0..40).map(|n| format!("together{n}probe")).collect();
    let answers = together.iter().map(|id| {
        let (admin, payload) = (admin.clone(), payload(id));
        async move { admin.track(&payload).await.status }
    });
    assert!(futures_util::future::join_all(answers).await.iter().all(|status| *status == 200));
    ids.extend(together);
    assert!(program.terminate().success());

    let recorded = std::fs::read_to_string(&recording).expect("the recording");
    let calls_made = calls(&recorded);
    for id in &ids {
        is_synced_before_its_answer(&calls_made, id).expect("synced");
    }
    // The check itself: without the syncs, the same recording must not pass.
    let without: Vec<Call> = calls(&recorded).into_iter().filter(|call| !call.is_sync()).collect();
    for id in &ids {
        assert!(is_synced_before_its_answer(&without, id).is_err(), "{id}");
    }
}

#[test]
fn the_check_sees_a_sync_that_comes_too_late() {
    let recording = |order: [&str; 3]| order.join("\n");
    let write = r#"7 pwrite64(9</d/production.db-wal>, "probe", 5, 0) = 5"#;
    let sync = "7 fdatasync(9</d/production.db-wal>) = 0";
    let answer = r#"8 writev(5<socket:[1]>, [{iov_base="HTTP/1.1 200 OK probe", iov_len=21}], 1) = 21"#;
    assert!(is_synced_before_its_answer(&calls(&recording([write, sync, answer])), "probe").is_ok());
    assert!(is_synced_before_its_answer(&calls(&recording([write, answer, sync])), "probe").is_err());
    assert!(is_synced_before_its_answer(&calls(&recording([sync, write, answer])), "probe").is_err());
    let begun = "7 fdatasync(9</d/production.db-wal> <unfinished ...>";
    let returned = "7 <... fdatasync resumed>) = 0";
    let late = [write, begun, answer, returned].join("\n");
    assert!(is_synced_before_its_answer(&calls(&late), "probe").is_err(), "it had not returned");
    let in_time = [write, begun, returned, answer].join("\n");
    assert!(is_synced_before_its_answer(&calls(&in_time), "probe").is_ok());
    let other = "7 fdatasync(9</d/staging.db-wal>) = 0";
    assert!(is_synced_before_its_answer(&calls(&recording([write, other, answer])), "probe").is_err());
}
