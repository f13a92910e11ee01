//! Tenants are registered and read; what is taken is taken.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Tms;

#[tokio::test]
async fn a_new_tenant_is_pending_and_its_record_is_answered() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    let body = json!({
        "name": "Company-X", "email": "tenant@email", "hosts": ["Shop.Example."], "labels": { "plan": "gold" },
        "limits": { "requests_per_second": 5 }, "expire": "2030-01-01T01:00:00+01:00", "storage": "embedded",
        "license_id": "l", "install_key": "old name",
    });
    let created = operator.post("/tenant", body).await.ok();
    let incarnation = created["incarnation"].as_str().expect("a uuid").to_owned();
    assert_eq!(incarnation.len(), 36);
    let time = created["created"].as_str().expect("a time");
    assert!(time.ends_with('Z'), "{time}");
    let expected = json!({
        "id": "companyx", "name": "company-x", "incarnation": incarnation, "status": "pending",
        "hosts": ["shop.example"], "public_reason": null, "expire": "2030-01-01T00:00:00Z",
        "limits": { "requests_per_second": 5, "burst": null, "concurrent": null, "body_bytes": null },
        "storage": "embedded", "install_token": "old name", "email": "tenant@email", "labels": { "plan": "gold" },
        "created": time, "license_id": "l",
    });
    assert_eq!(created, expected);
    for path in ["companyx", "company-x", "COMPANY-X", &incarnation, &incarnation.to_uppercase()] {
        assert_eq!(operator.get(&format!("/tenant/{path}")).await.ok(), expected, "{path}");
    }
    assert_eq!(operator.get("/host/SHOP.example:443").await.ok(), expected);
    assert_eq!(operator.get("/tenant").await.ok(), json!([expected]));
}

#[tokio::test]
async fn what_is_unknown_is_null_and_so_is_another_spelling() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    assert_eq!(operator.get("/tenant").await.ok(), json!([]));
    let incarnation = operator.create("company-x").await["incarnation"].as_str().expect("a uuid").to_owned();
    for path in [
        "/tenant/nobody".to_owned(),
        "/tenant/c-ompanyx".to_owned(),
        "/tenant/company_x".to_owned(),
        "/tenant/%FF".to_owned(),
        "/tenant/..%2Fkeys".to_owned(),
        format!("/tenant/{}", incarnation.replace('-', "")),
        "/tenant/3d8bb87e-28d1-4a38-b19c-d0c1fbb71e22".to_owned(),
        "/host/nobody.example".to_owned(),
        "/host/company-x.your-domain.com".to_owned(),
        "/host/a..b".to_owned(),
        "/host/127.0.0.1".to_owned(),
    ] {
        assert_eq!(operator.get(&path).await.ok(), Value::Null, "{path}");
    }
}

#[tokio::test]
async fn what_a_client_sends_wrong_is_listed() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    for (body, fields) in [
        (json!({}), vec!["name", "email"]),
        (json!({ "name": 1, "email": null }), vec!["name", "email"]),
        (json!({ "name": "xn--a", "email": "a@b" }), vec!["name"]),
        (json!({ "name": "ad-min", "email": "a@b" }), vec!["name"]),
        (json!({ "name": "ab", "email": "a@b" }), vec!["name"]),
        (json!({ "name": "acme", "email": "a@b", "id": "other" }), vec!["id"]),
        (json!({ "name": "acme", "email": "a@b", "hosts": ["x.your-domain.com"] }), vec!["hosts"]),
    ] {
        let answer = operator.post("/tenant", body.clone()).await;
        assert_eq!(answer.fields(), fields, "{body}");
    }
    assert_eq!(operator.get("/tenant").await.ok(), json!([]), "nothing was registered");
}

#[tokio::test]
async fn what_is_taken_is_409() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    let uuid = "3d8bb87e-28d1-4a38-b19c-d0c1fbb71e22";
    let first = json!({ "name": "company-x", "email": "a@b", "id": uuid, "hosts": ["shop.example"] });
    assert_eq!(operator.post("/tenant", first.clone()).await.ok()["incarnation"], uuid);
    operator.post("/tenant", first).await.is(409, "tenant_exists");
    for name in ["companyx", "COMPANY-x", "c-o-mpanyx"] {
        let body = json!({ "name": name, "email": "other@b" });
        operator.post("/tenant", body).await.is(409, "tenant_exists");
    }
    let body = json!({ "name": "other", "email": "a@b", "id": uuid });
    operator.post("/tenant", body).await.is(409, "incarnation_taken");
    let body = json!({ "name": "other", "email": "a@b", "hosts": ["new.example", "SHOP.example"] });
    operator.post("/tenant", body).await.is(409, "host_taken");
    assert_eq!(operator.get("/host/new.example").await.ok(), Value::Null);
    let body = json!({ "name": "other", "email": "a@b", "id": "other", "hosts": ["new.example"] });
    operator.post("/tenant", body).await.ok();
}

#[tokio::test]
async fn of_a_hundred_names_with_the_same_id_one_is_registered() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    // Hyphens in all ways between the ten letters: the same id each time.
    let names = (0..100_u32).map(|ways| {
        "abcdefghij".chars().enumerate().fold(String::new(), |mut name, (i, letter)| {
            // Never in the third place, where a second hyphen behind it would be reserved.
            if i > 2 && ways & (1 << (i - 3)) != 0 {
                name.push('-');
            }
            name.push(letter);
            name
        })
    });
    let calls = names.map(|name| operator.post("/tenant", json!({ "name": name, "email": "a@b" })));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(calls).await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[409; 99][..]));
    assert_eq!(operator.get("/tenant").await.ok().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn removal_and_other_rooms_to_come_are_404() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    operator.create("acme").await;
    for (method, path) in [
        (Method::DELETE, "/tenant/acme"),
        (Method::POST, "/tenant/acme/restore"),
        (Method::GET, "/tenant/acme/receipt"),
        (Method::GET, "/changes"),
        (Method::GET, "/audit"),
    ] {
        operator.call(method, path, None).await.is(404, "not_found");
    }
}
