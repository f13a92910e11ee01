//! Every error is JSON with `detail` and `code`, whatever went wrong.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{Tms, database};

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405() {
    let tms = Tms::start().await;
    for path in ["/", "/tenants", "/api-key", "/api-key/a/b", "/tenant/a/b/c", "/%FF"] {
        tms.send(tms.request(Method::GET, path)).await.is(404, "not_found");
    }
    for (method, path, allow) in [
        (Method::PUT, "/tenant", "GET,HEAD,POST"),
        (Method::GET, "/token", "POST"),
        (Method::POST, "/api-key/x", "GET,HEAD"),
    ] {
        let answer = tms.send(tms.request(method, path)).await;
        answer.is(405, "method_not_allowed");
        assert_eq!(answer.headers["allow"], allow);
    }
}

#[tokio::test]
async fn broken_json_is_422_with_its_offset_whatever_the_content_type() {
    let tms = Tms::start().await;
    let token = tms.operator().await.token;
    for media_type in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
        let request = tms.request(Method::POST, "/tenant").bearer_auth(&token);
        let answer = tms.send(request.header("content-type", media_type).body("{\"name\": x}")).await;
        answer.is(422, "invalid");
        let row = &answer.body["detail"][0];
        assert_eq!((&row["type"], &row["loc"]), (&json!("json_invalid"), &json!(["body", 9])));
        let request = tms.request(Method::POST, "/tenant").bearer_auth(&token);
        let body = json!({ "name": media_type.split_at(4).0, "email": "a@b" }).to_string();
        let answer = tms.send(request.header("content-type", media_type).body(body)).await;
        assert!(matches!(answer.status.as_u16(), 200 | 409), "{answer:?}");
    }
    for body in ["", "[]", "\"text\""] {
        let request = tms.request(Method::POST, "/tenant").bearer_auth(&token);
        tms.send(request.body(body)).await.is(422, "invalid");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let tms = Tms::start().await;
    let token = tms.operator().await.token;
    let request = tms.request(Method::POST, "/tenant").bearer_auth(&token);
    tms.send(request.body(vec![b' '; (1 << 20) + 1])).await.is(413, "body_too_large");
    let request = tms.request(Method::POST, "/tenant").bearer_auth(&token);
    tms.send(request.body(vec![b' '; 1 << 20])).await.is(422, "invalid");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_limited_too() {
    let tms = Tms::start().await;
    let token = tms.operator().await.token;
    let addr = tms.server.addr();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(addr).expect("connected");
        let head = format!(
            "POST /tenant HTTP/1.1\r\nhost: tms\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("written");
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        for _ in 0..17 {
            // The server may hang up while more is coming.
            let _ = stream.write_all(chunk.as_bytes());
        }
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        answer
    });
    assert_eq!(&answer.await.expect("no panic"), b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_client_that_asks_for_problem_details_gets_them() {
    let tms = Tms::start().await;
    let problem = "application/problem+json";
    let request = tms.request(Method::GET, "/tenant").header("accept", problem);
    let answer = tms.send(request).await;
    answer.is(401, "unauthorized");
    assert_eq!(answer.headers["content-type"], problem);
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    assert_eq!((&answer.body["status"], &answer.body["type"]), (&json!(401), &json!("about:blank")));

    let token = tms.operator().await.token;
    let request =
        tms.request(Method::POST, "/tenant").bearer_auth(&token).header("accept", problem).body("{}");
    let answer = tms.send(request).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.body["errors"][0]["loc"], json!(["body", "name"]));
}

#[tokio::test]
async fn a_fault_of_ours_is_told_with_the_requests_id_and_nothing_else() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    operator.create("acme").await;
    let mut by_hand = SqliteConnection::connect(&database(&tms.folder)).await.expect("opens");
    sqlx::query("UPDATE tenant SET labels = 'damaged'").execute(&mut by_hand).await.expect("done");
    let answer = operator.get("/tenant/acme").await;
    answer.is(500, "internal");
    let id = answer.headers["x-request-id"].to_str().expect("text");
    assert_eq!(answer.body["detail"], json!(format!("internal error (request {id})")));
    tms.send(tms.request(Method::GET, "/readyz")).await.ok();
}

#[tokio::test]
async fn health_needs_no_token() {
    let tms = Tms::start().await;
    for (path, status) in [("/livez", "live"), ("/readyz", "ready")] {
        assert_eq!(tms.send(tms.request(Method::GET, path)).await.ok(), json!({ "status": status }));
    }
}
