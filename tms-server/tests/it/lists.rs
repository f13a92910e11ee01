//! `GET /tenant`: all at once, or in pages; each says where the feed goes on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tms_server::{IssuedKey, Scope};

use crate::support::{As, Feed, Tms, by_hand};

fn ids(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter().map(|tenant| tenant["id"].as_str().expect("an id").to_owned()).collect()
}

/// The path of the next page.
fn next(headers: &reqwest::header::HeaderMap) -> Option<String> {
    let link = headers.get("link")?.to_str().expect("text");
    let (path, rest) = link.strip_prefix('<').expect("a link").split_once('>').expect("a link");
    assert_eq!(rest, "; rel=\"next\"");
    Some(path.to_owned())
}

async fn create(operator: &As<'_>, names: impl Iterator<Item = String>) {
    for name in names {
        operator.create(&name).await;
    }
}

#[tokio::test]
async fn all_tenants_come_in_pieces_as_one_array_and_the_feed_goes_on_from_there() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        let empty = operator.get("/tenant").await;
        assert!(empty.headers["x-cursor"].to_str().expect("text").ends_with(".0.0"), "{empty:?}");
        assert_eq!(empty.ok(), json!([]));
        // More than are read at once.
        create(&operator, (0..501).map(|i| format!("tenant-{i}"))).await;
        let answer = operator.get("/tenant").await;
        assert_eq!(answer.headers["content-type"], "application/json");
        let cursor = answer.headers["x-cursor"].to_str().expect("text").to_owned();
        let listed = ids(&answer.ok());
        let mut expected: Vec<_> = (0..501).map(|i| format!("tenant{i}")).collect();
        expected.sort();
        assert_eq!(listed, expected);

        operator.create_active("later").await;
        let mut feed = Feed::follow(&operator, Some(&cursor)).await;
        let (events, head) = feed.up_to_heartbeat().await;
        assert_eq!(events.iter().map(|event| event.tenant()).collect::<Vec<_>>(), ["later"]);
        assert_eq!(events[0].id.as_ref(), Some(&head));
        assert_eq!(operator.get("/tenant").await.headers["x-cursor"], head.as_str());
    }
}

#[tokio::test]
async fn pages_have_every_tenant_once_while_others_are_made() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        create(&operator, (0..60).map(|i| format!("old-{i}"))).await;
        let creating = create(&operator, (0..60).map(|i| format!("n{i}-new")));
        let paging = async {
            let (mut path, mut seen, mut cursors) = ("/tenant?limit=7".to_owned(), Vec::new(), Vec::new());
            loop {
                let answer = operator.get(&path).await;
                cursors.push(answer.headers["x-cursor"].to_str().expect("text").to_owned());
                let following = next(&answer.headers);
                let page = ids(&answer.ok());
                assert!(following.is_none() || page.len() == 7);
                seen.extend(page);
                match following {
                    Some(next) => path = next,
                    None => break (seen, cursors),
                }
            }
        };
        let ((), (seen, cursors)) = tokio::join!(creating, paging);
        assert!(seen.is_sorted(), "by id");
        let unique: BTreeSet<_> = seen.iter().collect();
        assert_eq!(unique.len(), seen.len(), "none twice");
        assert!((0..60).all(|i| unique.contains(&format!("old{i}"))), "none that was there is missing");

        // From the first page's cursor on, the feed has the rest.
        let mut feed = Feed::follow(&operator, Some(&cursors[0])).await;
        let mut known: BTreeSet<_> = seen.into_iter().collect();
        loop {
            let (events, head) = feed.up_to_heartbeat().await;
            known.extend(events.iter().map(|event| event.tenant().to_owned()));
            if operator.get("/tenant?limit=1").await.headers["x-cursor"] == head.as_str() {
                break;
            }
        }
        assert_eq!(known.len(), 120);
    }
}

#[tokio::test]
async fn a_page_is_asked_for_with_a_limit_or_a_place() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        create(&operator, ["acme", "globex", "initech"].map(str::to_owned).into_iter()).await;
        for (query, expected, more) in [
            ("limit=2", vec!["acme", "globex"], Some("/tenant?limit=2&after=globex")),
            ("limit=3", vec!["acme", "globex", "initech"], None),
            ("after=acme", vec!["globex", "initech"], None),
            ("after=b&limit=1", vec!["globex"], Some("/tenant?limit=1&after=globex")),
            ("after=zzz&limit=1000", vec![], None),
        ] {
            let answer = operator.get(&format!("/tenant?{query}")).await;
            assert_eq!(next(&answer.headers).as_deref(), more, "{query}");
            assert_eq!(ids(&answer.ok()), expected, "{query}");
        }
        for query in ["limit=0", "limit=1001", "limit=-1", "limit=", "after=a-b", "after=%00", "after="] {
            let answer = operator.get(&format!("/tenant?{query}")).await;
            answer.is(422, "invalid");
            let name = query.split_once('=').expect("a parameter").0;
            assert_eq!(answer.body["detail"][0]["loc"], json!(["query", name]), "{query}");
        }
        let directory = tms.directory().await;
        let listed = directory.get("/tenant?limit=1").await.ok();
        assert!(listed[0].get("install_token").is_none() && listed[0]["revision"] == 1, "{listed}");
    }
}

/// Makes more tenants than the buffers of a connection hold.
async fn fill(tms: &Tms) {
    create(&tms.operator().await, (0..48).map(|i| format!("large-{i}"))).await;
    let large = if tms.database_url().starts_with("sqlite:") {
        r#"UPDATE tenant SET labels = '{"a":"' || hex(zeroblob(250000)) || '"}'"#
    } else {
        r#"UPDATE tenant SET labels = '{"a":"' || repeat('0', 500000) || '"}'"#
    };
    by_hand(&tms.database_url(), large).await.expect("changed");
}

/// Asks for all tenants, and takes nothing of the answer but its head.
async fn begin(caller: &As<'_>) -> Response {
    let request = caller.tms.request(Method::GET, "/tenant").bearer_auth(&caller.token);
    request.send().await.expect("an answer")
}

async fn key(tms: &Tms) -> IssuedKey {
    tms.server.keys().issue(Scope::Directory, "router").await.expect("a key")
}

#[tokio::test]
async fn a_list_is_cut_short_when_its_key_is_revoked_and_holds_nothing_up() {
    for tms in Tms::on_each().await {
        fill(&tms).await;
        let operator = tms.operator().await;
        let mut lists = Vec::new();
        for key in [key(&tms).await, key(&tms).await] {
            let list = begin(&tms.with_key(key.key.expose_secret()).await).await;
            assert_eq!(list.status(), 200);
            tms.server.keys().revoke(&key.id).await.expect("revoked");
            lists.push(list);
        }
        // There is room for two at once.
        let revoked = Instant::now();
        let whole = begin(&operator).await;
        assert!(
            whole.status() == 200 && revoked.elapsed() < Duration::from_secs(3),
            "{:?}",
            revoked.elapsed()
        );
        let whole = whole.text().await.expect("whole");
        assert_eq!(ids(&serde_json::from_str(&whole).expect("json")).len(), 48);
        for list in lists {
            assert!(list.text().await.is_err(), "it is whole");
        }
    }
}

#[tokio::test]
async fn of_one_key_a_list_is_sent_after_the_other() {
    for tms in Tms::on_each().await {
        fill(&tms).await;
        let (one, other) = (key(&tms).await, key(&tms).await);
        let one = tms.with_key(one.key.expose_secret()).await;
        let other = tms.with_key(other.key.expose_secret()).await;
        let first = begin(&one).await;
        let (second, others) = tokio::join!(one.get("/tenant"), other.get("/tenant"));
        assert_eq!(ids(&others.ok()).len(), 48, "another key is not held up");
        second.is(503, "timeout");
        assert_eq!(second.headers["retry-after"], "1");
        let (second, ()) = tokio::join!(one.get("/tenant"), async { drop(first) });
        assert_eq!(ids(&second.ok()).len(), 48, "its turn has come");
    }
}
