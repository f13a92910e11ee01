//! Backups of a database in use, and what they are good for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Connection as _, SqliteConnection};

use crate::process::{Caller, Place, Running, exchange, key_in, run};
use crate::support::{Database, Feed, Tms, config};

const DATABASE: &str = "data/tms/tms.db";

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// The ids of the tenants in a database file.
async fn tenants(file: &Path) -> Vec<String> {
    let mut open = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("opens");
    let ids =
        sqlx::query_scalar("SELECT id FROM tenant ORDER BY id").fetch_all(&mut open).await.expect("rows");
    open.close().await.expect("closed");
    ids
}

async fn by_hand(file: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut open = SqliteConnection::connect_with(&options).await.expect("opens");
    sqlx::query(sql).execute(&mut open).await.expect("done");
    open.close().await.expect("closed");
}

/// The one file that a restore has kept.
fn kept(folder: &Path) -> PathBuf {
    let kept = names(&folder.join("data/tms"));
    let kept: Vec<_> =
        kept.iter().filter(|name| name.contains(".replaced-") && name.ends_with('Z')).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    folder.join("data/tms").join(kept[0])
}

/// A folder with a running server, and its operator.
fn start() -> (tempfile::TempDir, Running, Caller) {
    let place = Place::new();
    let (running, url) = place.serve();
    let key = place.run(&["keys", "create", "--scope", "operator", "--label", "test"]).ok();
    let caller = Caller::new(&url, key.trim_end());
    (place.folder, running, caller)
}

/// A server in a folder that has a database.
fn serve(folder: tempfile::TempDir) -> (tempfile::TempDir, Running, String) {
    let place = Place { folder, database: None };
    let (running, url) = place.serve();
    (place.folder, running, url)
}

fn create(caller: &Caller, name: &str) -> u16 {
    caller.post("/tenant", &format!(r#"{{"name":"{name}","email":"a@b"}}"#)).0
}

/// Says that it is over, also where a test gives up.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_backup_is_of_one_moment_while_others_write_and_replaces_nothing_unasked() {
    let (folder, running, caller) = start();
    assert_eq!(create(&caller, "tenant-000"), 200);
    let copy = folder.path().join("copy.db");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut made = 1;
            while !done.load(Ordering::Relaxed) {
                assert_eq!(create(&caller, &format!("tenant-{made:03}")), 200);
                made += 1;
            }
            made
        });
        let ended = OnDrop(&done);
        for force in [&[][..], &["--force"], &["--force"]] {
            let said = run(folder.path(), &[&["backup", "copy.db"], force].concat());
            assert!(said.err.contains("copying") && said.err.contains("wrote"), "{said:?}");
            assert_eq!(said.ok(), "");
        }
        drop(ended);
        assert!(writer.join().expect("no panic") > 1);
    });
    let copied = tenants(&copy).await;
    let expected: Vec<String> = (0..copied.len()).map(|n| format!("tenant{n:03}")).collect();
    assert_eq!(copied, expected, "all that was before one moment");
    assert_eq!(copy.metadata().expect("there").permissions().mode() & 0o777, 0o600);

    fs::write(&copy, "something else").expect("written");
    let refused = run(folder.path(), &["backup", "copy.db"]).refusal();
    assert!(refused.contains("--force"), "{refused}");
    assert_eq!(fs::read(&copy).expect("there"), b"something else");
    let refused = run(folder.path(), &["backup", DATABASE, "--force"]).refusal();
    assert!(refused.contains("the database itself"), "{refused}");
    let refused = run(folder.path(), &["backup", "no/such/folder/copy.db"]).refusal();
    assert!(refused.contains("no/such/folder"), "{refused}");
    running.terminate();
    assert_eq!(names(folder.path()), ["copy.db", "data"], "nothing unfinished is left");
}

#[tokio::test]
async fn a_restore_waits_for_no_server_and_keeps_what_it_replaces() {
    let (folder, running, caller) = start();
    assert_eq!(create(&caller, "before"), 200);
    let key = run(folder.path(), &["keys", "create", "--scope", "directory", "--label", "short"]).ok();
    run(folder.path(), &["backup", "copy.db"]).ok();
    let id = key.split('_').nth(1).expect("a key").to_owned();
    run(folder.path(), &["keys", "revoke", &id]).ok();
    let later = run(folder.path(), &["keys", "create", "--scope", "directory", "--label", "later"]).ok();
    assert_eq!(create(&caller, "after"), 200);
    let refused = run(folder.path(), &["restore", "copy.db"]).refusal();
    assert!(refused.contains(&format!("process {}", running.0.id())), "{refused}");
    assert_eq!(caller.get("/tenant/after").1["id"], "after", "it serves as before");
    let (before, after) = (key.trim_end().to_owned(), later.trim_end().to_owned());
    running.terminate();

    let restored = run(folder.path(), &["restore", "copy.db"]);
    let revoked_since = before.split('_').nth(1).expect("a key");
    assert!(restored.err.contains("revoked since") && restored.err.contains(revoked_since), "{restored:?}");
    assert!(!restored.err.contains("rotate"), "nothing was: {restored:?}");
    restored.ok();
    assert_eq!(tenants(&folder.path().join(DATABASE)).await, ["before"]);
    assert_eq!(tenants(&kept(folder.path())).await, ["after", "before"]);
    assert_eq!(tenants(&folder.path().join("copy.db")).await, ["before"], "the backup can be used again");
    for file in [folder.path().join(DATABASE), kept(folder.path())] {
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    }
    let (_folder, running, url) = serve(folder);
    assert_eq!((exchange(&url, &before).0, exchange(&url, &after).0), (200, 403));
    let (out, _) = running.terminate();
    assert_eq!(key_in(&out), None);
}

#[tokio::test]
async fn what_was_rotated_since_the_backup_is_told_and_can_be_rotated_again() {
    let (folder, running, _) = start();
    let command = |args: &[&str]| run(folder.path(), args);
    let mut ids = Vec::new();
    let mut first = String::new();
    for label in ["rotated", "untouched"] {
        first = command(&["keys", "create", "--scope", "directory", "--label", label]).ok();
        ids.push(first.split('_').nth(1).expect("a key").to_owned());
    }
    let untouched = first;
    let earlier = command(&["keys", "rotate", &ids[0], "--overlap", "0s"]).ok();
    command(&["backup", "copy.db"]).ok();
    let later = command(&["keys", "rotate", &ids[0], "--overlap", "1h"]).ok();
    command(&["secrets", "rotate", "--overlap", "10m"]).ok();
    running.terminate();

    let restored = command(&["restore", "copy.db"]);
    let told: Vec<&str> = restored.err.lines().filter(|line| line.contains("rotated since")).collect();
    assert!(told.len() == 1 && told[0].contains(&ids[0]) && !told[0].contains(&ids[1]), "{restored:?}");
    assert!(!restored.err.contains("revoked since"), "{restored:?}");
    assert!(restored.err.contains("keys rotate ID --overlap 0s"), "{restored:?}");
    assert!(restored.err.contains("secrets rotate --overlap 0s"), "{restored:?}");
    restored.ok();
    // As was told, before the start.
    let newest = command(&["keys", "rotate", &ids[0], "--overlap", "0s"]).ok();
    let (_folder, _running, url) = serve(folder);
    for (key, status) in [(&earlier, 403), (&later, 403), (&newest, 200), (&untouched, 200)] {
        assert_eq!(exchange(&url, key.trim_end()).0, status);
    }
}

/// The last commits of a server that was killed are in the write-ahead log alone.
#[tokio::test]
async fn what_a_killed_server_had_written_is_kept_whole() {
    let (folder, mut running, caller) = start();
    run(folder.path(), &["backup", "copy.db"]).ok();
    assert_eq!(create(&caller, "last"), 200);
    running.0.kill().expect("killed");
    running.0.wait().expect("ended");
    assert!(folder.path().join(format!("{DATABASE}-wal")).metadata().expect("a log").len() > 0);
    run(folder.path(), &["restore", "copy.db"]).ok();
    assert!(tenants(&folder.path().join(DATABASE)).await.is_empty());
    assert_eq!(tenants(&kept(folder.path())).await, ["last"]);
    // With a new server's log, and nothing of the old one's, on it.
    let (folder, running, _) = serve(folder);
    running.terminate();
    assert!(tenants(&folder.path().join(DATABASE)).await.is_empty());
}

#[tokio::test]
async fn a_damaged_database_is_replaced_and_kept_with_its_log() {
    let (folder, mut running, caller) = start();
    assert_eq!(create(&caller, "before"), 200);
    run(folder.path(), &["backup", "copy.db"]).ok();
    running.0.kill().expect("killed");
    running.0.wait().expect("ended");
    let database = folder.path().join(DATABASE);
    let log = folder.path().join(format!("{DATABASE}-wal"));
    for file in [&database, &log] {
        fs::write(file, vec![0x55; 8192]).expect("written");
    }
    let said = run(folder.path(), &["restore", "copy.db"]);
    assert!(said.err.contains("could not be read"), "{said:?}");
    said.ok();
    assert_eq!(tenants(&database).await, ["before"]);
    let kept = kept(folder.path());
    assert_eq!(fs::read(&kept).expect("there"), vec![0x55; 8192]);
    assert_eq!(fs::read(format!("{}-wal", kept.display())).expect("there"), vec![0x55; 8192]);
}

#[tokio::test]
async fn a_file_that_is_no_sound_backup_changes_nothing() {
    let (folder, running, caller) = start();
    for n in 0..20 {
        assert_eq!(create(&caller, &format!("tenant-{n}")), 200);
    }
    run(folder.path(), &["backup", "sound.db"]).ok();
    running.terminate();
    let sound = fs::read(folder.path().join("sound.db")).expect("there");
    let with = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("written");
    with("text.db", b"not a database at all");
    with("empty.db", b"");
    with("short.db", &sound[..sound.len() / 2]);
    let mut torn = sound.clone();
    let middle = torn.len() / 2;
    torn[4096..middle].fill(0xa5);
    with("torn.db", &torn);
    for name in ["later.db", "orphan.db"] {
        with(name, &sound);
    }
    let later = "INSERT INTO _sqlx_migrations VALUES (99, 'later', CURRENT_TIMESTAMP, TRUE, x'00', 0)";
    by_hand(&folder.path().join("later.db"), later).await;
    let orphan = "INSERT INTO api_key_secret (key_id, generation, sha256) VALUES ('nobody', 1, x'00')";
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("orphan.db"))
        .foreign_keys(false);
    let mut open = SqliteConnection::connect_with(&options).await.expect("opens");
    sqlx::query(orphan).execute(&mut open).await.expect("done");
    open.close().await.expect("closed");
    by_hand(&folder.path().join("other.db"), "CREATE TABLE mine (x)").await;

    let before = fs::read(folder.path().join(DATABASE)).expect("there");
    let files = names(&folder.path().join("data/tms"));
    for name in ["text", "empty", "short", "torn", "later", "orphan", "other", "missing"] {
        let refused = run(folder.path(), &["restore", &format!("{name}.db")]).refusal();
        assert!(refused.contains(&format!("{name}.db")), "{refused}");
    }
    let refused = run(folder.path(), &["restore", DATABASE]).refusal();
    assert!(refused.contains("the database itself"), "{refused}");
    assert_eq!(fs::read(folder.path().join(DATABASE)).expect("there"), before);
    assert_eq!(names(&folder.path().join("data/tms")), files);
}

#[tokio::test]
async fn a_backup_makes_a_database_where_there_is_none() {
    let (folder, running, caller) = start();
    assert_eq!(create(&caller, "before"), 200);
    run(folder.path(), &["backup", "copy.db"]).ok();
    running.terminate();
    let fresh = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.db");
    run(fresh.path(), &["restore", copy.to_str().expect("text")]).ok();
    assert_eq!(tenants(&fresh.path().join(DATABASE)).await, ["before"]);
    assert_eq!(fresh.path().join("data/tms").metadata().expect("there").permissions().mode() & 0o777, 0o700);
}

#[test]
fn for_postgresql_its_own_tools_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (command, tool) in [("backup", "pg_dump"), ("restore", "pg_restore")] {
        let args = [command, "copy.db", "--database-url", "postgres://tms:pass-word@db.example/tms"];
        let refused = run(folder.path(), &args).refusal();
        assert!(refused.contains(tool) && !refused.contains("pass-word"), "{refused}");
    }
    assert!(names(folder.path()).is_empty());
}

/// Runs a tool of PostgreSQL's.
fn tool(name: &str, args: &[&str]) {
    let output = Command::new(name).args(args).output().expect(name);
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_dump_of_postgresql_that_was_restored_resets_the_feed_and_lacks_nothing() {
    let (Some(first), Some(second)) = (Database::make().await, Database::make().await) else { return };
    let start = async |database: &Database| {
        let folder = tempfile::tempdir().expect("a folder");
        let config = tms_server::Config { database_url: database.url().into(), ..config(&folder) };
        Tms::start_with(config, folder, std::sync::Arc::new(tenant_core::SystemClock::default())).await
    };
    let tms = start(&first).await;
    let operator = tms.operator().await;
    operator.create("acme").await;
    let cursor = async |by: &crate::support::As<'_>| {
        by.get("/tenant").await.headers["x-cursor"].to_str().expect("text").to_owned()
    };
    let kept = cursor(&operator).await;
    let dump = tms.folder.path().join("tms.dump").display().to_string();
    tool("pg_dump", &["--format=custom", "--file", &dump, "--dbname", &first.url()]);
    operator.create("globex").await;
    let lost = cursor(&operator).await;
    tool("pg_restore", &["--exit-on-error", "--dbname", &second.url(), &dump]);
    let token = operator.token.clone();
    tms.server.shutdown().await;

    let tms = start(&second).await;
    let operator = crate::support::As { tms: &tms, token };
    assert_eq!(operator.get("/tenant").await.ok()[0]["id"], "acme", "tokens and tenants are there");
    for other in ["initech", "hooli", "umbrella"] {
        let mut feed = Feed::follow(&operator, Some(&lost)).await;
        assert_eq!(feed.next().await.expect("a frame").event, "reset", "before {other}");
        operator.create(other).await;
    }
    let mut feed = Feed::follow(&operator, Some(&kept)).await;
    assert_eq!(feed.up_to_heartbeat().await.0.len(), 3);
    drop(feed);
    tms.server.shutdown().await;
}

/// A server that is stopped, and not only slow, still has the database.
#[test]
fn a_server_that_is_suspended_still_counts_as_running() {
    let (folder, running, _) = start();
    run(folder.path(), &["backup", "copy.db"]).ok();
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().expect("kill").success());
    let refused = run(folder.path(), &["restore", "copy.db"]).refusal();
    assert!(Command::new("kill").args(["-CONT", &pid]).status().expect("kill").success());
    assert!(refused.contains(&format!("process {pid}")), "{refused}");
    running.terminate();
}
