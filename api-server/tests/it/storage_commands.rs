//! `api-server storage`: what an operator does with the files while no server has them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::older::{self, older_folder};
use crate::support::{Platform, Program, page_view};

/// Runs a command on a data folder, without the settings of whoever runs the tests.
fn storage(data_dir: &Path, arguments: &[&str]) -> Output {
    storage_command(data_dir, arguments).output().expect("the program starts")
}

fn storage_command(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
    command.env_clear().env("DATA_DIR", data_dir).arg("storage").args(arguments).stdin(Stdio::null());
    command
}

/// What a command that has done all of it prints.
fn done(data_dir: &Path, arguments: &[&str]) -> String {
    let output = storage(data_dir, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    text(&output.stdout)
}

/// What a command says that has not, with this exit code.
fn refused(data_dir: &Path, arguments: &[&str], code: i32) -> String {
    let output = storage(data_dir, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Whether each tenant waits for an upgrade, by its id.
fn waiting(data_dir: &Path) -> Vec<(String, Value)> {
    let output = storage(data_dir, &["list", "--json"]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a JSON array");
    let row = |row: Value| (row["id"].as_str().expect("an id").to_owned(), row["waits_for_upgrade"].clone());
    rows.into_iter().map(row).collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

const EACH: [&[&str]; 3] = [&["list"], &["upgrade", "--all"], &["detach", "company-x"]];

#[tokio::test]
async fn a_folder_in_use_is_refused_and_afterwards_listed() {
    let mut platform = Platform::without_server().await;
    platform.start_server(|_| {}).await;
    platform.tenant("company-x").await;
    platform.tenant("acme").await;
    platform.stop_server().await;
    let data_dir = platform.data_dir();
    let program = Program::serve(&platform.tms, &data_dir);
    let by = format!("in use by the process {}", program.pid());
    for command in EACH {
        let said = refused(&data_dir, command, 1);
        assert!(said.contains(&by), "{command:?}: {said}");
    }
    assert!(program.terminate().success());

    let printed = done(&data_dir, &["list"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 2, "{printed}");
    let rows: Value = serde_json::from_str(&done(&data_dir, &["list", "--json"])).expect("JSON");
    for (number, id) in ["acme", "companyx"].into_iter().enumerate() {
        let row = &rows[number];
        let files = platform.files_of(id);
        let life =
            files[0].parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a life");
        assert_eq!((&row["id"], &row["incarnation"]), (&json!(id), &json!(life)));
        assert_eq!(row["waits_for_upgrade"], json!(false));
        for (file, path) in files.iter().enumerate() {
            let bytes = fs::metadata(path).expect("it is there").len();
            let context = path.file_stem().and_then(|stem| stem.to_str());
            let expected = json!({
                "context": context, "path": path, "bytes": bytes, "waits_for_upgrade": false, "error": null,
            });
            assert_eq!(row["files"][file], expected);
        }
        assert!(lines[number].starts_with(id) && lines[number].contains(life), "{printed}");
        assert!(lines[number].contains("staging 1") && lines[number].contains("up to date"), "{printed}");
    }
    assert_eq!(done(&data_dir, &["upgrade", "--all"]), "0 upgraded, 2 up to date before, 0 failed\n");
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in EACH {
        let missing = folder.path().join("data");
        let said = refused(&missing, command, 1);
        assert!(said.contains(&format!("no data folder {}", missing.display())), "{said}");
        let said = refused(folder.path(), command, 1);
        assert!(said.contains("holds no embedded storage"), "{said}");
        assert!(names_in(folder.path()).is_empty(), "{command:?}");
    }
    fs::write(folder.path().join("file"), "").expect("written");
    assert!(refused(&folder.path().join("file"), &["list"], 1).contains("no data folder"));
}

#[test]
fn wrong_words_are_usage_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, tells) in [
        (&["upgrade"][..], "<--all|TENANT>"),
        (&["upgrade", "--all", "acme"], "<--all|TENANT>"),
        (&["upgrade", "a_b"], "a tenant name is one DNS label"),
        (&["detach"], "<TENANT>"),
        (&["detach", "acme", "--incarnation", "first"], "--incarnation"),
    ] {
        let said = refused(folder.path(), arguments, 2);
        assert!(said.contains(tells), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn files_of_an_older_program_wait_until_they_are_upgraded() {
    let folder = older_folder(&["acme", "company-x", "globex"]).await;
    older::bring_to_the_first_format(&older::production(folder.path(), "globex"));
    let states = |waits: [bool; 3]| {
        ["acme", "companyx", "globex"]
            .map(str::to_owned)
            .into_iter()
            .zip(waits.map(Value::from))
            .collect::<Vec<_>>()
    };
    assert_eq!(waiting(folder.path()), states([true; 3]));
    let printed = done(folder.path(), &["list"]);
    assert_eq!(printed.matches("waits for an upgrade").count(), 3, "{printed}");

    let one = done(folder.path(), &["upgrade", "Company-X", "companyx"]);
    assert_eq!(one, "1 upgraded, 0 up to date before, 0 failed\n", "named twice is upgraded once");
    assert_eq!(waiting(folder.path()), states([true, false, true]));
    let none = refused(folder.path(), &["upgrade", "acme", "nobody"], 1);
    assert!(none.contains("the tenant nobody has no files here"), "{none}");
    assert_eq!(
        waiting(folder.path()),
        states([true, false, true]),
        "a misspelt name ends it before it begins"
    );
    assert_eq!(done(folder.path(), &["upgrade", "--all"]), "2 upgraded, 1 up to date before, 0 failed\n");
    assert_eq!(waiting(folder.path()), states([false; 3]));
    for name in ["acme", "company-x", "globex"] {
        assert_eq!(older::events_by_type(folder.path(), name, "page-view").await, 1, "{name}");
    }
}

#[tokio::test]
async fn a_tenant_that_fails_does_not_keep_the_others_from_their_upgrade() {
    let folder = older_folder(&["acme", "globex", "initech"]).await;
    older::write(folder.path(), "acme", "e-wrong", json!({ "type": 5 })).await;
    let damaged = older::production(folder.path(), "globex");
    fs::write(&damaged, vec![b'x'; 8192]).expect("overwritten");

    let first = storage(folder.path(), &["upgrade", "--all"]);
    assert_eq!(first.status.code(), Some(1));
    assert_eq!(text(&first.stdout), "1 upgraded, 0 up to date before, 2 failed\n");
    let said = text(&first.stderr);
    for tells in [
        "failed: acme ",
        "`e-wrong`",
        "failed: globex ",
        "2 of 3 tenants",
        "running this again does the rest",
    ] {
        assert!(said.contains(tells), "{tells} is not in\n{said}");
    }
    assert!(!said.contains("initech"), "{said}");
    let listed = storage(folder.path(), &["list"]);
    assert_eq!(listed.status.code(), Some(1), "a file cannot be read");
    let lines = text(&listed.stdout);
    assert!(lines.contains("cannot be read: ") && lines.contains("waits for an upgrade"), "{lines}");

    fs::remove_file(&damaged).expect("removed");
    let repaired = rusqlite::Connection::open(older::production(folder.path(), "acme")).expect("the file");
    repaired.execute("DELETE FROM doc_event WHERE id = 'e-wrong'", []).expect("deleted");
    drop(repaired);
    let second = storage(folder.path(), &["upgrade", "--all"]);
    assert_eq!(text(&second.stdout), "1 upgraded, 1 up to date before, 1 failed\n");
    assert_eq!(done(folder.path(), &["upgrade", "acme"]), "0 upgraded, 1 up to date before, 0 failed\n");
}

#[tokio::test]
async fn an_upgrade_that_was_killed_is_finished_by_the_next_one() {
    let names: Vec<String> = (0..20).map(|number| format!("tenant-{number}")).collect();
    let folder = older_folder(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut command = storage_command(folder.path(), &["upgrade", "--all"]);
    let mut killed = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut first_line = String::new();
    let stderr = killed.stderr.take().expect("piped");
    BufReader::new(stderr).read_line(&mut first_line).expect("it says something");
    assert!(first_line.starts_with("20 tenants;"), "{first_line}");
    killed.kill().expect("killed");
    killed.wait().expect("ended");

    let printed = done(folder.path(), &["upgrade", "--all"]);
    let numbers: Vec<u64> = printed.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!((numbers[0] + numbers[1], numbers[2]), (20, 0), "{printed}");
    assert!(waiting(folder.path()).iter().all(|(_, waits)| *waits == json!(false)));
    for name in &names {
        assert_eq!(older::events_by_type(folder.path(), name, "page-view").await, 1, "{name}");
    }
}

#[tokio::test]
async fn progress_is_lines_for_a_file_and_a_bar_for_a_terminal() {
    let names: Vec<String> = (0..101).map(|number| format!("tenant-{number}")).collect();
    let folder = older_folder(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let output = storage(folder.path(), &["upgrade", "--all"]);
    assert_eq!(text(&output.stdout), "101 upgraded, 0 up to date before, 0 failed\n");
    let expected = "101 tenants; if this is interrupted, running it again does the rest\n\
                    100 of 101 tenants are done\n101 of 101 tenants are done\n";
    assert_eq!(text(&output.stderr), expected);

    // `script` gives it a terminal.
    let program = format!("'{}' storage upgrade --all", env!("CARGO_BIN_EXE_api-server"));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &program, "/dev/null"]).stdin(Stdio::null());
    let seen = command.env("DATA_DIR", folder.path()).env("TERM", "xterm").output().expect("script runs");
    let seen = text(&seen.stdout);
    assert!(seen.contains("of 101 tenants, "), "{seen}");
    assert!(
        seen.contains("0 upgraded, 101 up to date before, 0 failed") && !seen.contains("are done"),
        "{seen}"
    );
}

#[tokio::test]
async fn a_detached_tenant_is_whole_in_its_files_after_a_kill_too() {
    let mut platform = Platform::without_server().await;
    platform.start_server(|_| {}).await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    platform.stop_server().await;
    let data_dir = platform.data_dir();
    let program = Program::serve(&platform.tms, &data_dir);
    assert_eq!(program.at("company-x.localhost").track(&page_view("s1")).await.status, 200);
    program.kill();
    let files = platform.files_of("companyx");
    let home = files[0].parent().expect("a folder");
    assert!(names_in(home).contains(&"production.db-wal".to_owned()), "what was killed left it open");

    let output = storage(&data_dir, &["detach", "company-x"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let paths: Vec<PathBuf> = text(&output.stdout).lines().map(PathBuf::from).collect();
    assert_eq!(paths, files);
    assert!(text(&output.stderr).contains("one plain file"), "{output:?}");
    assert_eq!(names_in(home), ["production.db", "staging.db"]);
    let copy = platform.folder().join("copy.db");
    fs::copy(&files[1], &copy).expect("copied");
    let copy = rusqlite::Connection::open(copy).expect("the copy alone");
    let events: i64 =
        copy.query_row("SELECT count(*) FROM doc_event", [], |row| row.get(0)).expect("counted");
    assert_eq!(events, 4, "the event, and three that tell of a first visit");
}

#[tokio::test]
async fn which_life_of_a_tenant_is_detached_is_never_guessed() {
    let folder = older_folder(&["acme"]).await;
    let first = older::life("acme").to_string();
    let second = older::install_again(folder.path(), "acme", "second").await.to_string();
    let said = refused(folder.path(), &["detach", "acme"], 1);
    assert!(said.contains("--incarnation") && said.contains(&first) && said.contains(&second), "{said}");
    let printed = done(folder.path(), &["detach", "acme", "--incarnation", &second]);
    assert_eq!(printed.matches(&second).count(), 2, "{printed}");
    let nil = "00000000-0000-0000-0000-000000000000";
    let said = refused(folder.path(), &["detach", "acme", "--incarnation", nil], 1);
    assert!(said.contains(nil) && said.contains(&first), "{said}");
    let said = refused(folder.path(), &["detach", "nobody"], 1);
    assert!(said.contains("the tenant nobody has no files here"), "{said}");
    let all = done(folder.path(), &["upgrade", "acme"]);
    assert_eq!(all, "1 upgraded, 1 up to date before, 0 failed\n", "every life; detaching upgrades, too");
}
