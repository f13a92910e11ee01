//! The commands that work on the database itself, as processes.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

use crate::process::{Caller, Running, Said, exchange, key_in, program, run};

const CREATE: [&str; 6] = ["keys", "create", "--scope", "operator", "--label", "lost all keys"];

/// A folder with the database that a server has left in it, and the server's key.
fn left_by_a_server() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, _) = Running::serve(folder.path());
    let (out, _) = running.terminate();
    let key = key_in(&out).expect("its first key").to_owned();
    (folder, key)
}

/// Changes the database behind everybody's back.
async fn by_hand(folder: &Path, sql: &'static str) {
    let url = format!("sqlite://{}", folder.join("data/tms/tms.db").display());
    let mut open = SqliteConnection::connect(&url).await.expect("opens");
    sqlx::query(sql).execute(&mut open).await.expect("done");
    open.close().await.expect("closed");
}

fn id_of(key: &str) -> &str {
    key.strip_prefix("tk_").and_then(|rest| rest.split_once('_')).expect("a key").0
}

#[test]
fn a_key_is_made_rotated_and_revoked_beside_a_running_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, url) = Running::serve(folder.path());
    let created = run(folder.path(), &CREATE);
    let key = created.out.strip_suffix('\n').expect("a line").to_owned();
    assert!(key.starts_with("tk_") && !key.contains(char::is_whitespace), "{created:?}");
    assert!(created.err.contains(id_of(&key)) && !created.err.contains(&key), "{created:?}");
    assert_eq!(exchange(&url, &key).0, 200);

    let listed = run(folder.path(), &["keys", "list"]).ok();
    let line = listed.lines().find(|line| line.starts_with(id_of(&key))).expect("it is listed");
    assert!(line.contains("\toperator\t1\t") && line.ends_with("\tlost all keys"), "{line}");
    assert!(!listed.contains(&key));

    let rotated = run(folder.path(), &["keys", "rotate", id_of(&key), "--overlap", "1h"]).ok();
    let second = rotated.trim_end().to_owned();
    assert_eq!([exchange(&url, &key).0, exchange(&url, &second).0], [200, 200]);
    let third = run(folder.path(), &["keys", "rotate", id_of(&key), "--overlap", "0s"]).ok();
    let third = third.trim_end().to_owned();
    assert_eq!([&key, &second, &third].map(|key| exchange(&url, key).0), [403, 403, 200]);

    let caller = Caller::new(&url, &third);
    assert_eq!(caller.get("/tenant").0, 200);
    let revoked = run(folder.path(), &["keys", "revoke", id_of(&key)]);
    assert!(revoked.err.contains("lost all keys"), "{revoked:?}");
    assert_eq!(revoked.ok(), "");
    assert_eq!((exchange(&url, &third).0, caller.get("/tenant").0), (403, 401));
    for command in ["rotate", "revoke"] {
        let refused = run(folder.path(), &["keys", command, id_of(&key)]).refusal();
        assert!(refused.contains("there is no key"), "{refused}");
    }
    let (out, err) = running.terminate();
    for key in [&key, &second, &third] {
        assert!(!out.contains(key) && !err.contains(key));
    }
}

#[test]
fn whoever_lost_every_key_makes_one_without_a_server() {
    let (folder, first) = left_by_a_server();
    run(folder.path(), &["keys", "revoke", id_of(&first)]).ok();
    assert_eq!(run(folder.path(), &["keys", "list"]).ok(), "");
    let key = run(folder.path(), &CREATE).ok();
    let (running, url) = Running::serve(folder.path());
    assert_eq!(exchange(&url, key.trim_end()).0, 200);
    assert_eq!(exchange(&url, &first).0, 403);
    let (out, _) = running.terminate();
    assert_eq!(key_in(&out), None, "there is a key, so none is generated");
}

#[test]
fn a_key_that_could_not_be_shown_is_not_kept() {
    let (folder, _) = left_by_a_server();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = program(folder.path()).args(CREATE).stdout(Stdio::from(writer)).output().expect("runs");
    assert!(!output.status.success());
    assert!(!run(folder.path(), &["keys", "list"]).ok().contains("lost all keys"));
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let backup: &[&str] = &["backup", "copy.db"];
    for command in [&["keys", "list"][..], &CREATE, &["tenants", "list"], backup] {
        let refused = run(folder.path(), command).refusal();
        assert!(refused.contains("tms.db"), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0, "{command:?} made something");
    }
}

#[tokio::test]
async fn a_database_of_another_version_is_left_alone() {
    for (sql, word) in [
        (
            "INSERT INTO _sqlx_migrations VALUES (99, 'later', CURRENT_TIMESTAMP, TRUE, x'00', 0)",
            "later version",
        ),
        (
            "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
            "earlier version",
        ),
        ("DROP TABLE _sqlx_migrations", "no database of"),
    ] {
        let (folder, _) = left_by_a_server();
        by_hand(folder.path(), sql).await;
        let before = std::fs::read(folder.path().join("data/tms/tms.db")).expect("there");
        for command in [&["keys", "list"][..], &CREATE, &["tenants", "list"], &["tenants", "resume", "acme"]]
        {
            let refused = run(folder.path(), command).refusal();
            assert!(refused.contains(word), "{command:?}: {refused}");
        }
        assert_eq!(std::fs::read(folder.path().join("data/tms/tms.db")).expect("there"), before, "{word}");
    }
}

#[test]
fn tenants_are_listed_shown_suspended_and_resumed_beside_a_running_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, url) = Running::serve(folder.path());
    let key = run(folder.path(), &CREATE).ok();
    let caller = Caller::new(&url, key.trim_end());
    let body =
        r#"{"name":"company-x","email":"a@b","hosts":["shop.example"],"install_token":"an-install-token"}"#;
    assert_eq!(caller.post("/tenant", body).0, 200);
    assert_eq!(caller.post("/tenant", r#"{"name":"other","email":"a@b"}"#).0, 200);
    assert_eq!(caller.post("/tenant/companyx/activate", "").0, 200);

    let listed = run(folder.path(), &["tenants", "list"]).ok();
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("companyx\tactive\tcompany-x\t"), "{listed}");
    assert!(lines[0].ends_with("\tshop.example"), "{listed}");
    let pending = run(folder.path(), &["tenants", "list", "--status", "pending"]).ok();
    assert!(pending.starts_with("other\t") && pending.lines().count() == 1, "{pending}");
    let shown: Value =
        serde_json::from_str(&run(folder.path(), &["tenants", "show", "company-x"]).ok()).expect("json");
    assert_eq!((&shown["id"], &shown["email"]), (&"companyx".into(), &"a@b".into()));
    assert!(shown.get("install_token").is_none(), "{shown}");

    let reasons = ["--public-reason", "unpaid", "--private-reason", "third reminder"];
    let suspend = [&["tenants", "suspend", "company-x"], &reasons[..]].concat();
    assert_eq!(run(folder.path(), &suspend).ok(), "companyx\tsuspended\n");
    let (status, record) = caller.get("/tenant/companyx");
    assert_eq!(
        (status, &record["status"], &record["public_reason"]),
        (200, &"suspended".into(), &"unpaid".into())
    );
    assert_eq!(record["private_reason"], "third reminder");
    let incarnation = record["incarnation"].as_str().expect("a uuid").to_owned();
    assert_eq!(run(folder.path(), &["tenants", "resume", &incarnation]).ok(), "companyx\tactive\n");
    assert_eq!(caller.get("/tenant/companyx").1["status"], "active");

    let refused: Said = run(folder.path(), &["tenants", "suspend", "other"]);
    assert!(refused.refusal().contains("pending"));
    for command in ["show", "suspend", "resume"] {
        let refused = run(folder.path(), &["tenants", command, "c-ompanyx"]).refusal();
        assert!(refused.contains("there is no tenant"), "{refused}");
    }
    running.terminate();
}
