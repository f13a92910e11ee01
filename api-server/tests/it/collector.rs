//! `/track`, the event sources and the records: shapes, refusals, limits, cross-origin requests.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BRIDGE, Platform, page_view};

#[tokio::test]
async fn an_unknown_source_is_401_and_nothing_is_written() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    let refused = admin.track(&page_view("s1")).await;
    assert_eq!(refused.status, 401);
    let detail = refused.body["detail"].as_str().expect("text");
    assert!(detail.starts_with("Invalid event source `web`."), "{detail}");
    for kind in ["event", "session", "profile"] {
        assert_eq!(admin.count(kind).await, 0, "{kind}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_one_at_the_limit_is_not() {
    let limit = 64 * 1024;
    let platform = Platform::start_with(|config| config.max_body = limit).await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    let body = page_view("s1").to_string();
    let padded = |size: usize| format!("{body}{}", " ".repeat(size - body.len()));
    let send = async |body: reqwest::Body| admin.send(admin.public(Method::POST, "/track").body(body)).await;
    assert_eq!(send(padded(limit).into()).await.status, 200);
    let over = send(padded(limit + 1).into()).await;
    assert_eq!((over.status, &over.body["code"]), (413, &json!("body_too_large")));
    let text = padded(limit + 1).into_bytes();
    let pieces: Vec<_> = text
        .chunks(8192)
        .map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    let unannounced = reqwest::Body::wrap(StreamBody::new(futures_util::stream::iter(pieces)));
    assert_eq!(send(unannounced).await.status, 413, "also without a content length");
}

#[tokio::test]
async fn the_default_limit_is_8_mib() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    let over = admin.public(Method::POST, "/track").body(vec![b' '; (8 << 20) + 1]);
    assert_eq!(admin.send(over).await.status, 413);
}

#[tokio::test]
async fn any_content_type_is_read_as_json_and_faults_are_listed() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    for content_type in ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "application/json"]
    {
        let request = admin.public(Method::POST, "/track").header("content-type", content_type);
        assert_eq!(admin.send(request.body(page_view("s1").to_string())).await.status, 200, "{content_type}");
    }
    let faulty = json!({ "session": { "id": 7 }, "events": [{ "type": " " }] });
    let answer = admin.track(&faulty).await;
    let places: Vec<String> =
        answer.body["detail"].as_array().expect("a list").iter().map(|row| row["loc"].to_string()).collect();
    assert_eq!(answer.status, 422);
    assert_eq!(
        places,
        [r#"["body","source"]"#, r#"["body","session","id"]"#, r#"["body","events",0,"type"]"#]
    );
    assert_eq!(admin.track(&json!({ "source": { "id": "web" }, "events": [] })).await.ok(), Value::Null);
}

#[tokio::test]
async fn an_event_sent_again_with_its_id_or_key_is_stored_once() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    let mut with_id = page_view("s1");
    with_id["events"][0]["id"] = json!("e1");
    for _ in 0..2 {
        assert_eq!(admin.track(&with_id).await.status, 200);
    }
    assert_eq!(admin.count("event").await, 4);
    for _ in 0..2 {
        let request =
            admin.public(Method::POST, "/track").header("idempotency-key", "k1").json(&page_view("s1"));
        assert_eq!(admin.send(request).await.status, 200);
    }
    assert_eq!(admin.count("event").await, 5);
    assert_eq!(admin.track(&page_view("s1")).await.status, 200);
    assert_eq!(admin.count("event").await, 6, "without either, another event");
}

#[tokio::test]
async fn secrets_of_a_request_are_not_stored_with_its_events() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    let request =
        admin.public(Method::POST, "/track").header("cookie", "the-cookie").header("x-shop", "blue");
    assert_eq!(admin.send(request.json(&page_view("s1"))).await.status, 200);
    let stored = admin.post("/event/select", &json!({})).await.ok();
    assert_eq!(stored["result"][0]["request"]["headers"]["x-shop"], json!("blue"));
    let text = stored.to_string();
    assert!(!text.contains("the-cookie") && !text.contains(admin.token()));
}

#[tokio::test]
async fn a_browser_of_any_origin_may_send_and_may_read_refusals() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    let origin = "https://shop.example";
    let preflight = admin
        .public(Method::OPTIONS, "/track")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-timestamp");
    let answer = admin.send(preflight).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    assert!(answer.header("access-control-allow-methods").expect("methods").contains("POST"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("content-type,x-timestamp"));

    let refused = admin
        .send(admin.public(Method::POST, "/track").header("origin", origin).json(&page_view("s1")))
        .await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(origin)));
    let nobody = platform.at("nobody.localhost");
    let refused = nobody.send(nobody.public(Method::POST, "/track").header("origin", origin)).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (404, Some(origin)));

    let plain = admin.track(&page_view("s1")).await;
    assert_eq!(
        plain.header("access-control-allow-origin"),
        None,
        "without an origin there is nothing to say"
    );
    assert_eq!(admin.send(admin.public(Method::OPTIONS, "/track")).await.status, 405);
}

#[tokio::test]
async fn every_answer_tells_its_time_and_echoes_the_context() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    let nobody = platform.at("nobody.localhost").in_context("staging");
    for answer in
        [admin.get("/event/count").await, admin.get("/nowhere").await, admin.track(&json!([])).await]
    {
        assert!(answer.header("x-process-time").expect("a time").parse::<f64>().is_ok(), "{answer:?}");
        assert_eq!(answer.header("x-context"), Some("production"));
    }
    assert_eq!(nobody.get("/event/count").await.header("x-context"), Some("staging"));
}

#[tokio::test]
async fn errors_have_one_shape_and_problem_json_for_those_who_ask() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    for path in ["/nowhere", "/event/count/too/deep"] {
        let answer = admin.get(path).await;
        assert_eq!(
            (answer.status, &answer.body),
            (404, &json!({ "detail": "Not Found", "code": "not_found" }))
        );
    }
    let request = admin.private(Method::POST, "/event-source").header("accept", "application/problem+json");
    let problem = admin.send(request.body("{}")).await;
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        (&problem.body["status"], &problem.body["errors"][0]["loc"]),
        (&json!(422), &json!(["body", "id"]))
    );
    let not_text = admin.get("/event-source/%ff").await;
    assert_eq!((not_text.status, not_text.body["code"].is_string()), (400, true), "{not_text:?}");
}

#[tokio::test]
async fn event_sources_live_in_one_context() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    assert_eq!(admin.get("/event-sources").await.ok(), json!({ "total": 0, "grouped": null }));
    let source = json!({ "id": "Shop", "name": "My Shop", "type": "rest", "bridge": { "id": BRIDGE, "name": "REST" } });
    assert_eq!(admin.post("/event-source", &source).await.ok(), json!("shop"));
    let read = admin.get("/event-source/shop").await.ok();
    assert_eq!(
        (&read["name"], &read["type"], &read["enabled"]),
        (&json!("My Shop"), &json!(["rest"]), &json!(true))
    );
    let listed = admin.get("/event-sources?query=my%20sh").await.ok();
    assert_eq!((&listed["total"], &listed["grouped"]["Event sources"][0]["id"]), (&json!(1), &json!("shop")));
    assert_eq!(admin.get("/event-sources?query=other").await.ok()["total"], json!(0));
    let staging = admin.clone().in_context("staging");
    let absent = staging.get("/event-source/shop").await;
    assert_eq!((absent.status, absent.body), (404, Value::Null));

    let mut wrong = source.clone();
    wrong["type"] = json!(["pigeon"]);
    assert_eq!(admin.post("/event-source", &wrong).await.status, 422);
    let deleted = admin.delete("/event-source/shop").await.ok();
    assert_eq!((&deleted[0], &deleted[1]["id"]), (&json!(true), &json!("shop")));
    let again = admin.delete("/event-source/shop").await;
    assert_eq!((again.status, again.body), (404, Value::Null));
}

#[tokio::test]
async fn records_are_deleted_by_id_and_absent_ones_are_null() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    let mut payload = page_view("s1");
    payload["events"][0]["id"] = json!("e1");
    let profile = admin.track(&payload).await.ok()["profile"]["id"].as_str().expect("a profile").to_owned();
    for path in [format!("/profile/{profile}"), "/session/s1".to_owned(), "/event/e1".to_owned()] {
        assert_eq!(admin.delete(&path).await.ok()["deleted"], json!(1), "{path}");
        let gone = admin.get(&path).await;
        assert_eq!((gone.status, gone.body), (404, Value::Null), "{path}");
    }
    assert_eq!(admin.delete("/event/e1").await.ok()["deleted"], json!(0), "contract 12: 200 for an event");
    for path in [format!("/profile/{profile}"), "/session/s1".to_owned()] {
        let gone = admin.delete(&path).await;
        assert_eq!((gone.status, gone.body), (404, Value::Null), "{path}");
    }
}

#[tokio::test]
async fn select_gives_the_latest_and_says_what_it_cannot() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    for i in 0..30 {
        let event = json!([{ "id": format!("e{i}"), "type": "tick", "properties": { "i": i } }]);
        let payload = json!({ "source": { "id": "web" }, "session": { "id": "s1" }, "events": event });
        assert_eq!(admin.track(&payload).await.status, 200);
    }
    let found = admin.send(admin.private(Method::POST, "/event/select")).await.ok();
    assert_eq!(
        (&found["total"], found["result"].as_array().map(Vec::len)),
        (&json!(33), Some(20)),
        "no body"
    );
    let two = admin.post("/event/select", &json!({ "where": null, "limit": 2 })).await.ok();
    assert_eq!(
        (&two["result"][0]["properties"]["i"], &two["result"][1]["properties"]["i"]),
        (&json!(29), &json!(28))
    );
    assert_eq!(admin.post("/rule/select", &json!({})).await.ok(), json!({ "total": 0, "result": [] }));
    let unknown = admin.post("/nothing/select", &json!({})).await;
    assert_eq!((unknown.status, &unknown.body["detail"][0]["loc"]), (422, &json!(["path", "index"])));
    assert_eq!(admin.post("/event/select", &json!({ "limit": -1 })).await.status, 422);
    let filtered = admin.post("/event/select", &json!({ "where": "type=\"tick\"" })).await;
    assert_eq!((filtered.status, &filtered.body["code"]), (400, &json!("query_unsupported")));
}

#[tokio::test]
async fn the_health_check_echoes_what_it_got() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    assert_eq!(admin.get("/healthcheck").await.ok(), json!(""));
    let echo = admin.post("/healthcheck", &json!({ "a": 1 })).await.ok();
    assert_eq!(
        (&echo["json"], &echo["headers"]["host"]),
        (&json!({ "a": 1 }), &json!("company-x.localhost"))
    );
    assert_eq!(echo["headers"].get("authorization"), None);
    assert_eq!(
        admin.send(admin.private(Method::PUT, "/healthcheck").body("plain")).await.ok(),
        json!("plain")
    );
}
