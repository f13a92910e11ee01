//! Faults of single calls: each has its kind, none is waited for without end.

use std::time::Duration;

use tenant_core::{NewTenant, RegistryErrorKind, TenantKey, TenantRegistry};
use tms_client::testing::Route;
use tms_client::{TmsClient, TmsErrorKind};

use crate::support::{Say, client, label, tms_with};

#[tokio::test]
async fn a_service_that_hangs_is_left_after_the_timeout() {
    let tms = tms_with(&["acme"]).await;
    tms.on(Route::Tenant).never();
    let timeout = Duration::from_millis(200);
    let client = TmsClient::builder(&tms.url(), "yyy".into()).timeout(timeout).build().expect("a client");
    let before = std::time::Instant::now();
    let error = client.find(&label("acme")).await.expect_err("no answer");
    assert!(error.is_retryable());
    assert!(before.elapsed() >= timeout);
}

#[tokio::test]
async fn an_answer_that_is_too_big_is_given_up() {
    let tms = tms_with(&[]).await;
    for route in [Route::Tenant, Route::List] {
        tms.on(route).says(200, &format!("[{}null]", "null,".repeat(100_000)));
    }
    let builder = || TmsClient::builder(&tms.url(), "yyy".into());
    let client = builder().max_answer(1000).max_list(1000).build().expect("a client");
    for error in [
        client.find(&label("acme")).await.map(drop).expect_err("too big"),
        client.list().await.map(drop).expect_err("too big"),
    ] {
        assert_eq!(error.kind(), &TmsErrorKind::Protocol);
    }
    assert!(
        builder().build().expect("a client").list().await.expect("a list").is_empty(),
        "no tenant among them"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = tms_with(&["acme"]).await;
    let location = format!("{}/tenant/acme", elsewhere.url());
    let tms = tms_with(&["acme"]).await;
    tms.on(Route::Tenant).says_with(307, &[("location", &location)], "");
    let error = client(&tms.url()).find(&label("acme")).await.expect_err("no answer");
    assert_eq!(error.kind(), &TmsErrorKind::Protocol);
    assert!(elsewhere.lines().is_empty());
}

/// Runs one of these tests once more, in a process whose environment names proxies that do not exist.
#[test]
fn proxy_variables_are_ignored() {
    let nowhere = "http://127.0.0.1:9";
    let output = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "errors::a_list_leaves_out_what_is_no_tenant"])
        .env("http_proxy", nowhere)
        .env("HTTP_PROXY", nowhere)
        .env("ALL_PROXY", nowhere)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn a_record_that_was_not_asked_for_is_refused() {
    let tms = tms_with(&["globex"]).await;
    tms.on_all().wrong_tenant();
    let client = client(&tms.url());
    for key in [label("globex"), label("nobody"), TenantKey::Domain("other.example")] {
        let error = client.find(&key).await.expect_err("another's");
        assert_eq!(error.kind(), &TmsErrorKind::Protocol, "{key:?}");
    }
    let globex = "globex".parse().expect("an id");
    let error = client.get(&globex).await.expect_err("another's");
    assert_eq!(error.kind(), &RegistryErrorKind::Protocol);
    let error = client.activate_with_token(&globex, &"install-token".into()).await.expect_err("another's");
    assert_eq!(error.kind(), &TmsErrorKind::Protocol);
}

#[tokio::test]
async fn a_domain_that_is_no_host_is_nobodys_and_never_sent() {
    let tms = tms_with(&["acme"]).await;
    let client = client(&tms.url());
    for domain in ["", "..", "../tenant/acme", "shop.example/x", "Shop.example", "shop.example?x", "10.0.0.1"]
    {
        assert!(client.find(&TenantKey::Domain(domain)).await.expect(domain).is_none());
    }
    assert!(tms.lines().is_empty(), "{:?}", tms.lines());
}

#[tokio::test]
async fn a_list_leaves_out_what_is_no_tenant() {
    let tms = tms_with(&[]).await;
    let rows =
        r#"[{"id":"acme","name":"acme"},{"id":"ab","name":"a_b"},7,{"id":"companyx","name":"company-x"}]"#;
    tms.on(Route::List).says(200, rows);
    let names = client(&tms.url()).list().await.expect("a list");
    let names: Vec<_> = names.iter().map(|tenant| tenant.name.as_str()).collect();
    assert_eq!(names, ["acme", "company-x"]);
    tms.on(Route::List).says(200, "{}");
    assert_eq!(client(&tms.url()).list().await.expect_err("no list").kind(), &TmsErrorKind::Protocol);
}

#[tokio::test]
async fn a_creation_is_sent_once_and_its_failures_have_kinds() {
    let new = NewTenant {
        name: "acme".parse().expect("a name"),
        email: "a@b".to_owned(),
        install_token: None,
        storage: None,
    };
    let down = RegistryErrorKind::Unavailable { retry_after: Duration::from_secs(1) };
    let faults: [(Say, Option<RegistryErrorKind>); 7] = [
        (|on| on.says(409, r#"{"detail":"taken"}"#), Some(RegistryErrorKind::Conflict)),
        (|on| on.says(403, r#"{"detail":"scope"}"#), Some(RegistryErrorKind::Forbidden)),
        (|on| on.cut(), Some(down)),
        (|on| on.says(200, "{}"), Some(RegistryErrorKind::Protocol)),
        (|on| on.says(200, r#"{"id":"acme","name":"acme"}"#), Some(RegistryErrorKind::Forbidden)),
        (
            |on| on.says(200, r#"{"id":"acme","name":"acme","install_token":"i","email":"a@b"}"#),
            Some(RegistryErrorKind::Protocol),
        ),
        (
            |on| on.says(422, r#"{"detail":[{"loc":["body","email"],"msg":"bad","type":"value_error"}]}"#),
            None,
        ),
    ];
    for (n, (say, kind)) in faults.into_iter().enumerate() {
        let tms = tms_with(&[]).await;
        say(tms.on(Route::Create));
        let error = client(&tms.url()).create(&new).await.expect_err("a failure");
        match kind {
            Some(kind) => assert_eq!(error.kind(), &kind, "{n}"),
            None => assert!(matches!(error.kind(), RegistryErrorKind::Invalid(rows) if rows[0].msg == "bad")),
        }
        assert_eq!(tms.calls(Route::Create), 1, "{n}");
    }
}
