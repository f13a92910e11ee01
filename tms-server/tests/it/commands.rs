//! The commands that work on the database itself, as processes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Caller, Place, Said, exchange, key_in, run};
use crate::support::{Feed, Tms, by_hand};

const CREATE: [&str; 6] = ["keys", "create", "--scope", "operator", "--label", "lost all keys"];

/// The key of a server that has made the database and ended.
fn left_by_a_server(place: &Place) -> String {
    let (running, _) = place.serve();
    let (out, _) = running.terminate();
    key_in(&out).expect("its first key").to_owned()
}

fn id_of(key: &str) -> &str {
    key.strip_prefix("tk_").and_then(|rest| rest.split_once('_')).expect("a key").0
}

#[tokio::test]
async fn a_key_is_made_rotated_and_revoked_beside_a_running_server() {
    for place in Place::each().await {
        let (running, url) = place.serve();
        let created = place.run(&CREATE);
        let key = created.out.strip_suffix('\n').expect("a line").to_owned();
        assert!(key.starts_with("tk_") && !key.contains(char::is_whitespace), "{created:?}");
        assert!(created.err.contains(id_of(&key)) && !created.err.contains(&key), "{created:?}");
        assert_eq!(exchange(&url, &key).0, 200);

        let listed = place.run(&["keys", "list"]).ok();
        let line = listed.lines().find(|line| line.starts_with(id_of(&key))).expect("it is listed");
        assert!(line.contains("\toperator\t1\t") && line.ends_with("\tlost all keys"), "{line}");
        assert!(!listed.contains(&key));

        let rotated = place.run(&["keys", "rotate", id_of(&key), "--overlap", "1h"]).ok();
        let second = rotated.trim_end().to_owned();
        assert_eq!([exchange(&url, &key).0, exchange(&url, &second).0], [200, 200]);
        let third = place.run(&["keys", "rotate", id_of(&key), "--overlap", "0s"]).ok();
        let third = third.trim_end().to_owned();
        assert_eq!([&key, &second, &third].map(|key| exchange(&url, key).0), [403, 403, 200]);

        let caller = Caller::new(&url, &third);
        let audit = caller.get("/audit?limit=1000").1;
        let of_key = |line: &&Value| line["after"]["id"] == id_of(&key);
        let lines: Vec<&Value> = audit.as_array().expect("a list").iter().filter(of_key).collect();
        let actions: Vec<&Value> = lines.iter().map(|line| &line["action"]).collect();
        assert_eq!(actions, ["key.issue", "key.rotate", "key.rotate"]);
        assert!(lines.iter().all(|line| line["key"].is_null()), "{audit}");

        let revoked = place.run(&["keys", "revoke", id_of(&key)]);
        assert!(revoked.err.contains("lost all keys"), "{revoked:?}");
        assert_eq!(revoked.ok(), "");
        assert_eq!((exchange(&url, &third).0, caller.get("/tenant").0), (403, 401));
        for command in ["rotate", "revoke"] {
            let refused = place.run(&["keys", command, id_of(&key)]).refusal();
            assert!(refused.contains("there is no key"), "{refused}");
        }
        let (out, err) = running.terminate();
        for key in [&key, &second, &third] {
            assert!(!out.contains(key) && !err.contains(key) && !audit.to_string().contains(key));
        }
    }
}

#[tokio::test]
async fn a_signing_secret_is_rotated_beside_a_running_server_with_an_overlap() {
    for place in Place::each().await {
        let (running, url) = place.serve();
        let key = place.run(&CREATE).ok();
        let [first, second] = [(); 2].map(|()| Caller::new(&url, key.trim_end()));
        let said = place.run(&["secrets", "rotate", "--overlap", "1h"]);
        assert!(said.err.contains("1h"), "{said:?}");
        assert_eq!(said.ok(), "");
        // Longer than a server keeps what it has read.
        let deadline = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < deadline {
            assert_eq!((first.get("/tenant").0, exchange(&url, key.trim_end()).0), (200, 200));
        }
        let by_new = Caller::new(&url, key.trim_end());
        let audit = by_new.get("/audit?limit=1000").1;
        let rotated = audit.as_array().expect("a list").iter().find(|line| line["action"] == "secret.rotate");
        let rotated = rotated.expect("it is in the audit");
        assert!(["key", "before", "after"].iter().all(|field| rotated[field].is_null()), "{rotated}");

        place.run(&["secrets", "rotate", "--overlap", "0"]).ok();
        let deadline = Instant::now() + Duration::from_secs(5);
        while [&first, &second, &by_new].iter().any(|caller| caller.get("/tenant").0 != 401) {
            assert!(Instant::now() < deadline, "tokens of a secret that has ended open something");
        }
        assert_eq!(Caller::new(&url, key.trim_end()).get("/tenant").0, 200, "keys stay as they are");
        running.terminate();
    }
}

#[tokio::test]
async fn whoever_lost_every_key_makes_one_without_a_server() {
    for place in Place::each().await {
        let first = left_by_a_server(&place);
        place.run(&["keys", "revoke", id_of(&first)]).ok();
        assert_eq!(place.run(&["keys", "list"]).ok(), "");
        let key = place.run(&CREATE).ok();
        let (running, url) = place.serve();
        assert_eq!(exchange(&url, key.trim_end()).0, 200);
        assert_eq!(exchange(&url, &first).0, 403);
        let (out, _) = running.terminate();
        assert_eq!(key_in(&out), None, "there is a key, so none is generated");
    }
}

#[tokio::test]
async fn a_key_that_could_not_be_shown_is_not_kept() {
    for place in Place::each().await {
        left_by_a_server(&place);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = place.program().args(CREATE).stdout(Stdio::from(writer)).output().expect("runs");
        assert!(!output.status.success());
        assert!(!place.run(&["keys", "list"]).ok().contains("lost all keys"));
    }
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let backup: &[&str] = &["backup", "copy.db"];
    for command in [&["keys", "list"][..], &CREATE, &["tenants", "list"], &["secrets", "rotate"], backup] {
        let refused = run(folder.path(), command).refusal();
        assert!(refused.contains("tms.db"), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0, "{command:?} made something");
    }
}

#[tokio::test]
async fn a_database_of_another_version_is_left_alone() {
    for (sql, word) in [
        (
            "INSERT INTO _sqlx_migrations SELECT 99, 'later', CURRENT_TIMESTAMP, TRUE, checksum, 0 FROM _sqlx_migrations \
             WHERE version = 1",
            "later version",
        ),
        (
            "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
            "earlier version",
        ),
        ("DROP TABLE _sqlx_migrations", "no database of"),
    ] {
        for place in Place::each().await {
            left_by_a_server(&place);
            by_hand(&place.database_url(), sql).await.expect("done");
            let file = place.folder.path().join("data/tms/tms.db");
            let before = std::fs::read(&file).ok();
            for command in [
                &["keys", "list"][..],
                &CREATE,
                &["secrets", "rotate"],
                &["tenants", "list"],
                &["tenants", "resume", "acme"],
            ] {
                let refused = place.run(command).refusal();
                assert!(refused.contains(word), "{command:?}: {refused}");
            }
            assert_eq!(std::fs::read(&file).ok(), before, "{word}");
        }
    }
}

#[tokio::test]
async fn tenants_are_listed_shown_suspended_and_resumed_beside_a_running_server() {
    for place in Place::each().await {
        let (running, url) = place.serve();
        let key = place.run(&CREATE).ok();
        let caller = Caller::new(&url, key.trim_end());
        let body = r#"{"name":"company-x","email":"a@b","hosts":["shop.example"],"install_token":"an-install-token"}"#;
        assert_eq!(caller.post("/tenant", body).0, 200);
        assert_eq!(caller.post("/tenant", r#"{"name":"other","email":"a@b"}"#).0, 200);
        assert_eq!(caller.post("/tenant/companyx/activate", "").0, 200);

        let listed = place.run(&["tenants", "list"]).ok();
        let lines: Vec<&str> = listed.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("companyx\tactive\tcompany-x\t"), "{listed}");
        assert!(lines[0].ends_with("\tshop.example"), "{listed}");
        let pending = place.run(&["tenants", "list", "--status", "pending"]).ok();
        assert!(pending.starts_with("other\t") && pending.lines().count() == 1, "{pending}");
        let shown: Value =
            serde_json::from_str(&place.run(&["tenants", "show", "company-x"]).ok()).expect("json");
        assert_eq!((&shown["id"], &shown["email"]), (&"companyx".into(), &"a@b".into()));
        assert!(shown.get("install_token").is_none(), "{shown}");

        let reasons = ["--public-reason", "unpaid", "--private-reason", "third reminder"];
        let suspend = [&["tenants", "suspend", "company-x"], &reasons[..]].concat();
        assert_eq!(place.run(&suspend).ok(), "companyx\tsuspended\n");
        let (status, record) = caller.get("/tenant/companyx");
        assert_eq!(
            (status, &record["status"], &record["public_reason"]),
            (200, &"suspended".into(), &"unpaid".into())
        );
        assert_eq!(record["private_reason"], "third reminder");
        let incarnation = record["incarnation"].as_str().expect("a uuid").to_owned();
        assert_eq!(place.run(&["tenants", "resume", &incarnation]).ok(), "companyx\tactive\n");
        assert_eq!(caller.get("/tenant/companyx").1["status"], "active");

        let refused: Said = place.run(&["tenants", "suspend", "other"]);
        assert!(refused.refusal().contains("pending"));
        for command in ["show", "suspend", "resume"] {
            let refused = place.run(&["tenants", command, "c-ompanyx"]).refusal();
            assert!(refused.contains("there is no tenant"), "{refused}");
        }
        running.terminate();
    }
}

#[tokio::test]
async fn more_tenants_than_are_read_at_once_are_listed() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        for n in 0..501 {
            operator.create(&format!("tenant-{n:03}")).await;
        }
        let listed = tms.command(&["tenants", "list"]).await.ok();
        let ids: Vec<&str> = listed.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(ids, (0..501).map(|n| format!("tenant{n:03}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_a_command_changes_is_in_the_feed_of_a_running_server_within_a_second() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        operator.create_active("acme").await;
        let mut feed = Feed::follow(&operator, None).await;
        for status in ["suspended", "active"] {
            // The next one comes in 2 s: what comes earlier was heard of.
            feed.up_to_heartbeat().await;
            let word = if status == "active" { "resume" } else { "suspend" };
            tms.command(&["tenants", word, "acme"]).await.ok();
            let done = Instant::now();
            let frame = feed.event().await;
            assert_eq!((frame.tenant(), &frame.data["status"]), ("acme", &json!(status)));
            assert!(done.elapsed() < Duration::from_secs(1), "{:?}", done.elapsed());
        }
        drop(feed);
        tms.server.shutdown().await;
    }
}
