//! Several services on one PostgreSQL.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tenant_core::SystemClock;
use tms_server::{Config, Scope, Server, rotate_signing_secret};

use crate::support::{As, Database, Feed, Frame, Line, Logs, Tms, config};

async fn start(url: &str) -> Tms {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config { database_url: url.into(), ..config(&folder) };
    Tms::start_with(config, folder, Arc::new(SystemClock::default())).await
}

/// Two services that start at the same moment.
async fn two(database: &Database) -> [Tms; 2] {
    let url = database.url();
    tokio::join!(start(&url), start(&url)).into()
}

async fn shut(services: impl IntoIterator<Item = Tms>) {
    for tms in services {
        tms.server.shutdown().await;
    }
}

#[tokio::test]
async fn two_that_start_at_once_on_an_empty_database_make_one_operator_key_and_know_each_others_tokens() {
    let Some(database) = Database::make().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let bare = || Config { database_url: database.url().into(), api_key: None, ..config(&folder) };
    let (a, b) = tokio::join!(Server::start(bare()), Server::start(bare()));
    let servers = [a.expect("it starts"), b.expect("it starts")];
    assert_eq!(servers.iter().filter(|server| server.generated_key().is_some()).count(), 1);
    for server in servers {
        server.shutdown().await;
    }
    let [a, b] = two(&database).await;
    let token = a.operator().await.token;
    As { tms: &b, token }.get("/tenant").await.ok();
    shut([a, b]).await;
}

#[tokio::test]
async fn of_a_hundred_names_with_the_same_id_that_two_are_asked_for_one_is_registered() {
    let Some(database) = Database::make().await else { return };
    let [a, b] = two(&database).await;
    let (by_a, by_b) = (a.operator().await, b.operator().await);
    let calls = (0..100).map(|ways| {
        let name = crate::tenants::spelling(ways);
        let operator = if ways % 2 == 0 { &by_a } else { &by_b };
        async move { operator.post("/tenant", json!({ "name": name, "email": "a@b" })).await.status.as_u16() }
    });
    let mut statuses = join_all(calls).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[409; 99][..]));
    shut([a, b]).await;
}

/// Events until both have told of this many tenants, in the order in which they came.
async fn collect(mut feed: Feed, tenants: usize) -> Vec<Frame> {
    let mut last = BTreeMap::new();
    let mut all = Vec::new();
    while last.len() < tenants {
        let event = feed.event().await;
        last.insert(event.tenant().to_owned(), ());
        all.push(event);
    }
    all
}

#[tokio::test]
async fn both_accept_writes_and_the_feed_of_each_has_all_in_the_same_order() {
    let Some(database) = Database::make().await else { return };
    let [a, b] = two(&database).await;
    let (by_a, by_b) = (a.operator().await, b.operator().await);
    let feeds = [Feed::follow(&by_a, None).await, Feed::follow(&by_b, None).await];
    let create = async |operator: &As<'_>, who: &str| {
        for i in 0..40 {
            operator.create(&format!("{who}-{i}")).await;
        }
    };
    let [feed_a, feed_b] = feeds;
    let ((), (), told_a, told_b) =
        tokio::join!(create(&by_a, "left"), create(&by_b, "right"), collect(feed_a, 80), collect(feed_b, 80));
    let ids = |told: &[Frame]| told.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&told_a), ids(&told_b));
    assert_eq!(told_a, told_b);
    let left = told_a.iter().position(|event| event.tenant() == "left39").expect("told");
    let right = told_a.iter().position(|event| event.tenant() == "right0").expect("told");
    assert!(right < left, "side by side");
    shut([a, b]).await;
}

#[tokio::test]
async fn a_change_at_one_is_told_by_the_other_within_a_second() {
    let Some(database) = Database::make().await else { return };
    let [a, b] = two(&database).await;
    let (by_a, by_b) = (a.operator().await, b.operator().await);
    let mut feed = Feed::follow(&by_b, None).await;
    feed.up_to_heartbeat().await;
    let mut told = Vec::new();
    for i in 0..20 {
        by_a.create(&format!("tenant-{i}")).await;
        let created = Instant::now();
        assert_eq!(feed.event().await.tenant(), format!("tenant{i}"));
        told.push(created.elapsed());
    }
    told.sort_unstable();
    assert!(told[19] < Duration::from_secs(1), "{told:?}");
    // A change that nobody announces is found by the next look, which is 250 ms after the one that found the change before.
    assert!(told[10] < Duration::from_millis(100), "{told:?}");

    // A key that is revoked at one opens nothing at the other.
    let key = by_a.post("/keys", json!({ "scope": "directory" })).await.ok();
    let caller = b.with_key(key["key"].as_str().expect("a key")).await;
    let mut feed = Feed::follow(&caller, None).await;
    feed.up_to_heartbeat().await;
    let path = format!("/keys/{}", key["id"].as_str().expect("an id"));
    by_a.call(reqwest::Method::DELETE, &path, None).await.ok();
    let revoked = Instant::now();
    caller.get("/tenant").await.is(401, "unauthorized");
    feed.up_to_its_end().await;
    assert!(revoked.elapsed() < Duration::from_secs(1), "{:?}", revoked.elapsed());
    shut([a, b]).await;
}

#[tokio::test]
async fn a_new_signing_secret_is_everybodys_and_the_earlier_one_is_good_for_the_overlap() {
    let Some(database) = Database::make().await else { return };
    let [a, b] = two(&database).await;
    let key = a.server.keys().issue(Scope::Directory, "router").await.expect("a key");
    let key = key.key.expose_secret();
    let by_first = [a.operator().await.token, b.with_key(key).await.token];
    let overlap = Duration::from_secs(3);
    rotate_signing_secret(&database.url().into(), overlap).await.expect("rotated");
    let rotated = Instant::now();
    for (tms, token) in [(&a, &by_first[1]), (&b, &by_first[0])] {
        As { tms, token: token.clone() }.get("/tenant").await.ok();
    }
    let mut latest = b.with_key(key).await.token;
    while (As { tms: &a, token: by_first[0].clone() }).get("/tenant").await.status == 200 {
        assert!(rotated.elapsed() < overlap + Duration::from_secs(5), "it is still good");
        // Whoever has issued a token, the other one knows what signed it.
        latest = b.with_key(key).await.token;
        As { tms: &a, token: latest.clone() }.get("/tenant").await.ok();
        let token = a.with_key(key).await.token;
        As { tms: &b, token }.get("/tenant").await.ok();
    }
    assert!(rotated.elapsed() > overlap - Duration::from_secs(1), "{:?}", rotated.elapsed());
    for tms in [&a, &b] {
        for token in &by_first {
            As { tms, token: token.clone() }.get("/tenant").await.is(401, "unauthorized");
        }
        // What was made within the overlap is of the new secret.
        As { tms, token: latest.clone() }.get("/tenant").await.ok();
        tms.operator().await.get("/tenant").await.ok();
    }
    shut([a, b]).await;
}

#[tokio::test]
async fn a_database_out_of_reach_is_503_and_everything_goes_on_when_it_is_back() {
    let Some(database) = Database::make().await else { return };
    let url = database.url();
    let (user, server) = url.split_once('@').expect("a user in the url");
    let (server, name) = server.split_once('/').expect("a database in the url");
    let line = Line::to(server.parse::<SocketAddr>().expect("an address")).await;
    let [a, b] = [start(&format!("{user}@{}/{name}", line.addr)).await, start(&url).await];
    let (by_a, by_b) = (a.operator().await, b.operator().await);
    by_a.create("before").await;
    let mut feed = Feed::follow(&by_a, None).await;
    let head = feed.up_to_heartbeat().await.1;

    line.cut();
    let answer = by_a.get("/tenant/before").await;
    answer.is(503, "database_unavailable");
    assert_eq!(answer.headers["retry-after"], "1");
    for path in ["/readyz", "/changes", "/tenant"] {
        by_a.get(path).await.is(503, "database_unavailable");
    }
    by_a.post("/tenant", json!({ "name": "meanwhile", "email": "a@b" }))
        .await
        .is(503, "database_unavailable");
    a.exchange("tk_0011223344556677_x").await.is(503, "database_unavailable");
    feed.up_to_its_end().await;
    by_b.create("meanwhile").await;

    line.mend();
    let deadline = Instant::now() + Duration::from_secs(20);
    while by_a.get("/readyz").await.status != 200 {
        assert!(Instant::now() < deadline, "it does not come back");
    }
    let mut feed = Feed::follow(&by_a, Some(&head)).await;
    let (missed, _) = feed.up_to_heartbeat().await;
    assert_eq!(missed.iter().map(Frame::tenant).collect::<Vec<_>>(), ["meanwhile"]);
    by_b.create("after").await;
    assert_eq!(feed.event().await.tenant(), "after");

    let password = url.split([':', '@']).nth(2).expect("a password");
    assert!(!Logs::capture().text().contains(password), "the password is in the log");
    shut([a, b]).await;
}
