//! The faulty TMS itself: it does what it is told, and nothing else goes wrong.

use std::time::Instant;

use futures_util::future::join_all;
use reqwest::header::AUTHORIZATION;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tenant_core::{NewTenant, RegistryErrorKind, SuspendReason, TenantRegistry, TenantStatus};
use tms_client::testing::{FaultyTms, Gate, Route};

use crate::support::{SECOND, client, until};

/// Asks it as any HTTP client would, with a token of its own.
pub(crate) async fn get(tms: &FaultyTms, path: &str) -> reqwest::Result<Response> {
    let http = reqwest::Client::builder().no_proxy().timeout(10 * SECOND).build().expect("a client");
    let token = http.post(format!("{}/token", tms.url())).header("x-api-key", "k").send().await?;
    let token: Value = token.json().await?;
    let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token"));
    http.get(format!("{}{path}", tms.url())).header(AUTHORIZATION, bearer).send().await
}

async fn text(tms: &FaultyTms, path: &str) -> String {
    get(tms, path).await.expect("an answer").text().await.expect("a body")
}

#[tokio::test]
async fn it_keeps_tenants_as_a_tms_does() {
    let tms = FaultyTms::start().await;
    let client = client(&tms.url());
    let (name, email) = ("company-x".parse().expect("a name"), "a@x.com".to_owned());
    let new = NewTenant { name, email, install_token: Some("secret".into()), storage: None };
    let created = client.create(&new).await.expect("created");
    let id = created.tenant.id();
    assert_eq!((created.tenant.status, created.email.as_str()), (TenantStatus::Pending, "a@x.com"));
    let taken = client.create(&new).await.expect_err("taken");
    assert_eq!(taken.kind(), &RegistryErrorKind::Conflict);
    let early = client.suspend(&id, &SuspendReason::default()).await.expect_err("it is pending");
    assert_eq!(early.kind(), &RegistryErrorKind::Conflict);

    assert!(!client.verify_token(&id, &"another".into()).await.expect("an answer"));
    assert!(client.verify_token(&id, &"secret".into()).await.expect("an answer"));
    assert!(client.activate_with_token(&id, &"another".into()).await.is_err());
    client.activate_with_token(&id, &"secret".into()).await.expect("activated");
    let reason = SuspendReason { public: Some("unpaid".into()), private: Some("see 17".into()) };
    let suspended = client.suspend(&id, &reason).await.expect("suspended");
    assert_eq!(suspended.private_reason, reason.private);
    assert_eq!(tms.tenant("company-x").expect("a tenant"), suspended.tenant);
    assert_eq!(client.resume(&id).await.expect("resumed").tenant.public_reason, None);

    tms.remove("companyx");
    assert!(client.get(&id).await.expect("an answer").is_none());
    let reborn = tms.add("company-x");
    assert_ne!(reborn.incarnation, created.tenant.incarnation);
    assert_eq!(client.list().await.expect("a list"), [reborn]);
}

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    let tms = FaultyTms::start().await;
    for path in ["/tenant", "/tenant/acme", "/host/shop.example", "/changes"] {
        for bearer in ["", "Bearer", "Bearer t0", "t1"] {
            let http = reqwest::Client::new().get(format!("{}{path}", tms.url()));
            let answer = http.header(AUTHORIZATION, bearer).send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path} {bearer:?}");
            assert!(answer.json::<Value>().await.expect("json")["code"].is_string());
        }
    }
}

#[tokio::test]
async fn a_list_has_a_cursor_and_comes_in_pages_when_asked() {
    let tms = FaultyTms::start().await;
    for name in ["hooli", "acme", "globex"] {
        tms.add(name);
    }
    let (mut path, mut ids) = ("/tenant?limit=2".to_owned(), Vec::new());
    loop {
        let page = get(&tms, &path).await.expect("an answer");
        assert_eq!(page.headers()["x-cursor"], tms.feed().head());
        let link = page.headers().get("link").map(|link| link.to_str().expect("text").to_owned());
        let rows: Vec<Value> = page.json().await.expect("rows");
        ids.push(rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>());
        let Some(link) = link else { break };
        let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
        path = next.expect("a link").to_owned();
    }
    assert_eq!(ids, [vec!["acme", "globex"], vec!["hooli"]]);

    tms.on(Route::List).without_cursor();
    assert!(get(&tms, "/tenant").await.expect("an answer").headers().get("x-cursor").is_none());
    tms.heal();
    tms.feed().off();
    assert!(get(&tms, "/tenant").await.expect("an answer").headers().get("x-cursor").is_none());
}

#[tokio::test]
async fn each_fault_is_what_it_says() {
    let tms = FaultyTms::start().await;
    tms.add("acme");
    let whole = text(&tms, "/tenant/acme").await;
    tms.on(Route::Tenant).truncated();
    assert_eq!(text(&tms, "/tenant/acme").await, whole[..whole.len() / 2]);
    tms.on(Route::Tenant).cut();
    let mut cut = get(&tms, "/tenant/acme").await.expect("a head");
    assert_eq!(cut.content_length(), Some(whole.len() as u64));
    assert_eq!(cut.chunk().await.expect("the half").expect("the half"), whole[..whole.len() / 2]);
    assert!(cut.chunk().await.is_err(), "then the connection ends");
    tms.on(Route::Tenant).wrong_tenant();
    assert!(text(&tms, "/tenant/acme").await.contains("somebody-else"));
    tms.on(Route::Tenant).garbage();
    assert!(text(&tms, "/tenant/acme").await.starts_with("<html>"));
    tms.on(Route::Tenant).too_many(7 * SECOND);
    let busy = get(&tms, "/tenant/acme").await.expect("an answer");
    assert_eq!(
        (busy.status(), &busy.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().expect("a header"))
    );
    tms.on(Route::Tenant).delayed(SECOND / 5).status(500);
    let before = Instant::now();
    assert_eq!(get(&tms, "/tenant/acme").await.expect("an answer").status(), 500);
    assert!(before.elapsed() >= SECOND / 5);
    tms.on(Route::Tenant).well();
    assert_eq!(text(&tms, "/tenant/acme").await, whole);
}

#[tokio::test]
async fn a_gate_holds_answers_back_and_not_what_they_say() {
    let tms = FaultyTms::start().await;
    tms.add("acme");
    let gate = Gate::closed();
    tms.on(Route::Tenant).behind(&gate).well();
    let (tell, told) = tokio::sync::oneshot::channel();
    let first = async {
        let first = text(&tms, "/tenant/acme").await;
        tell.send(()).expect("it is waited for");
        first
    };
    let second = async {
        tms.until_calls(Route::Tenant, 1).await;
        (text(&tms, "/tenant/acme").await, Instant::now())
    };
    let open = async {
        tms.until_calls(Route::Tenant, 2).await;
        tms.suspend("acme", "unpaid");
        gate.let_through(1);
        told.await.expect("the first one is through");
        let opened = Instant::now();
        gate.open();
        opened
    };
    let (first, (second, came), opened) = tokio::join!(first, second, open);
    assert!(first.contains("\"active\"") && second.contains("\"active\""), "{first} {second}");
    assert!(came >= opened, "one was let through");
    assert!(text(&tms, "/tenant/acme").await.contains("\"suspended\""), "an open gate stays open");
}

#[tokio::test]
async fn answers_change_their_order() {
    let tms = FaultyTms::start().await;
    tms.on(Route::Tenant).reversed(3);
    let begin = Instant::now();
    let calls = join_all(["a", "b", "c"].iter().enumerate().map(async |(n, name)| {
        if n > 0 {
            tms.until_calls(Route::Tenant, n).await;
        }
        text(&tms, &format!("/tenant/{name}")).await;
        begin.elapsed()
    }))
    .await;
    assert!(calls[0] > calls[1] && calls[1] > calls[2], "{calls:?}");
    text(&tms, "/tenant/d").await;
}

#[tokio::test]
async fn it_can_be_gone_and_come_back_to_the_same_port() {
    let tms = FaultyTms::start().await;
    tms.add("acme");
    let whole = text(&tms, "/tenant/acme").await;
    for _ in 0..3 {
        tms.stop().await;
        assert!(get(&tms, "/tenant/acme").await.expect_err("refused").is_connect());
        tms.start_again().await;
        assert_eq!(text(&tms, "/tenant/acme").await, whole);
    }
}

#[tokio::test]
async fn half_open_it_accepts_and_never_answers() {
    let tms = FaultyTms::start().await;
    let address = tms.url();
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = async || {
        let answer = http.get(format!("{address}/tenant")).timeout(SECOND / 5).send().await;
        answer.map(|answer| answer.status())
    };
    assert_eq!(ask().await.expect("an answer"), StatusCode::UNAUTHORIZED);
    tms.half_open();
    for calls in [2, 2] {
        assert!(ask().await.expect_err("no answer").is_timeout());
        assert_eq!(tms.calls(Route::List), calls, "only the open connection is read");
    }
    assert_eq!(tms.connections(), 2);
    tms.answer_again();
    assert_eq!(ask().await.expect("an answer"), StatusCode::UNAUTHORIZED);
    tms.until_connections(3).await;
}

#[tokio::test]
async fn its_tasks_are_on_the_runtime_that_it_was_given() {
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let other = other.expect("a runtime");
    let tms = FaultyTms::start_on(other.handle()).await;
    tms.add("acme");
    assert!(text(&tms, "/tenant/acme").await.contains("acme"));
    tms.stop().await;
    tms.start_again().await;
    assert!(text(&tms, "/tenant/acme").await.contains("acme"));
    let here = tokio::runtime::Handle::current().metrics();
    until("no task is left here", || here.num_alive_tasks() == 0).await;
    assert!(other.metrics().num_alive_tasks() > 0);
    other.shutdown_background();
}

#[tokio::test]
async fn who_waits_in_vain_is_told_what_came() {
    let tms = FaultyTms::start().await;
    tms.patience(SECOND / 10);
    text(&tms, "/tenant/acme").await;
    let waiting = tokio::spawn(async move { tms.until_calls_of(Route::Tenant, "globex", 1).await });
    let panic = waiting.await.expect_err("it fails").into_panic();
    let said = panic.downcast_ref::<String>().expect("a text");
    assert!(said.contains("globex") && said.contains("GET /tenant/acme"), "{said}");
}
