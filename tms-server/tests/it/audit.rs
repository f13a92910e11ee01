//! `GET /audit`: who changed what.

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tms_server::Scope;

use crate::support::{Tms, by_hand};

fn actions(lines: &Value) -> Vec<String> {
    let lines = lines.as_array().expect("a list").iter();
    lines.map(|line| format!("{} by {}", line["action"].as_str().unwrap_or("?"), line["key"]["id"])).collect()
}

#[tokio::test]
async fn it_has_who_and_what_before_and_after_and_no_secret() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        let directory = tms.server.keys().issue(Scope::Directory, "router").await.expect("a key");
        let by_directory = tms.with_key(directory.key.expose_secret()).await;
        let body = json!({ "name": "company-x", "email": "a@b", "install_token": "the-install-token" });
        operator.post("/tenant", body).await.ok();
        let token = json!({ "install_token": "the-install-token" });
        for _ in 0..2 {
            by_directory.post("/tenant/companyx/activate", token.clone()).await.ok();
        }
        operator.call(Method::PATCH, "/tenant/companyx", Some(&json!({ "email": "c@d" }))).await.ok();
        let reason = json!({ "public_reason": "unpaid", "private_reason": "thrice" });
        operator.post("/tenant/companyx/suspend", reason).await.ok();
        operator.call(Method::POST, "/tenant/companyx/resume", None).await.ok();
        // What is refused, and what changes nothing, is not in it.
        operator.post("/tenant/companyx/activate", json!({})).await.ok();
        operator
            .post("/tenant", json!({ "name": "companyx", "email": "a@b" }))
            .await
            .is(409, "tenant_exists");

        let lines = operator.get("/audit?tenant=companyx").await.ok();
        let by = format!("by \"{}\"", directory.id);
        let expected = [
            "create by \"env\"",
            &format!("activate {by}"),
            "patch by \"env\"",
            "suspend by \"env\"",
            "resume by \"env\"",
        ];
        assert_eq!(actions(&lines), expected.map(|line| format!("tenant.{line}")));
        let fields: Vec<_> = lines[0].as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(fields, ["action", "after", "at", "before", "key", "seq", "tenant"]);
        assert_eq!((&lines[0]["before"], &lines[0]["tenant"]), (&json!(null), &json!("companyx")));
        assert_eq!(lines[1]["key"], json!({ "id": directory.id, "scope": "directory" }));
        assert_eq!(
            (&lines[1]["before"], &lines[1]["after"]["status"]),
            (&lines[0]["after"], &json!("active"))
        );
        assert_eq!(
            (&lines[2]["before"]["email"], &lines[2]["after"]["email"]),
            (&json!("a@b"), &json!("c@d"))
        );
        assert_eq!(lines[3]["after"]["private_reason"], "thrice");
        assert!(lines[0]["at"].as_str().is_some_and(|at| at.ends_with('Z')));

        let all = operator.get("/audit").await.ok();
        assert_eq!(
            all[0],
            json!({
                "seq": 1, "at": all[0]["at"], "action": "key.issue", "tenant": null, "key": null, "before": null,
                "after": { "id": directory.id, "scope": "directory", "label": "router", "generation": 1 },
            })
        );
        assert!(
            !all.to_string().contains("the-install-token") && !all.to_string().contains("install_"),
            "{all}"
        );
        by_directory.get("/audit").await.is(403, "forbidden");
    }
}

#[tokio::test]
async fn changes_of_keys_are_in_it_without_the_key() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        let issued = operator.post("/keys", json!({ "scope": "operator", "label": "mine" })).await.ok();
        let (id, key) = (issued["id"].as_str().expect("an id"), issued["key"].as_str().expect("a key"));
        let mine = tms.with_key(key).await;
        let rotated = mine.post(&format!("/keys/{id}/rotate"), json!({ "overlap_s": 60 })).await.ok();
        operator.call(Method::DELETE, &format!("/keys/{id}"), None).await.ok();

        let lines = operator.get("/audit").await.ok();
        let mine = format!("by \"{id}\"");
        assert_eq!(
            actions(&lines),
            [
                "key.issue by \"env\"".to_owned(),
                format!("key.rotate {mine}"),
                "key.revoke by \"env\"".to_owned()
            ]
        );
        let of =
            |generation| json!({ "id": id, "scope": "operator", "label": "mine", "generation": generation });
        assert_eq!((&lines[1]["before"], &lines[1]["after"]), (&of(1), &of(2)));
        assert_eq!((&lines[2]["before"], &lines[2]["after"]), (&of(2), &json!(null)));
        for key in [key, rotated["key"].as_str().expect("a key")] {
            let secret = key.splitn(3, '_').nth(2).expect("a key");
            assert!(!lines.to_string().contains(secret), "{lines}");
        }
    }
}

#[tokio::test]
async fn it_is_only_ever_added_to() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        operator.create("acme").await;
        let before = operator.get("/audit").await.ok();
        let all = ["UPDATE audit SET action = 'nothing'", "DELETE FROM audit", "TRUNCATE audit"];
        // SQLite has no such word.
        let some = if tms.database_url().starts_with("sqlite:") { &all[..2] } else { &all };
        for sql in some {
            let refused = by_hand(&tms.database_url(), sql).await.expect_err(sql);
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
        assert_eq!(operator.get("/audit").await.ok(), before);
    }
}

#[tokio::test]
async fn it_is_read_in_pages() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        for name in ["acme", "globex", "acmetwo", "initech"] {
            operator.create_active(name).await;
        }
        let mut path = "/audit?limit=3".to_owned();
        let mut seqs = Vec::new();
        let pages = loop {
            let answer = operator.get(&path).await;
            let link = answer.headers.get("link").map(|link| link.to_str().expect("text").to_owned());
            let lines = answer.ok();
            seqs.extend(
                lines.as_array().expect("a list").iter().map(|line| line["seq"].as_i64().expect("a number")),
            );
            match link {
                Some(link) => {
                    path =
                        link.strip_prefix('<').expect("a link").split_once('>').expect("a link").0.to_owned()
                }
                None => break seqs.len().div_ceil(3),
            }
        };
        assert_eq!((pages, seqs), (3, (1..=8).collect()));
        let acme = operator.get("/audit?tenant=acme&limit=1").await;
        assert_eq!(acme.headers["link"], "</audit?limit=1&after=1&tenant=acme>; rel=\"next\"");
        assert_eq!(operator.get("/audit?tenant=acme&after=1").await.ok()[0]["seq"], 2);
        assert_eq!(operator.get("/audit?tenant=..%00").await.ok(), json!([]));
        for query in ["limit=0", "limit=1001", "limit=x", "after=-1", "after=x"] {
            let answer = operator.get(&format!("/audit?{query}")).await;
            answer.is(422, "invalid");
            let name = query.split_once('=').expect("a parameter").0;
            assert_eq!(answer.body["detail"][0]["loc"], json!(["query", name]));
        }
    }
}
