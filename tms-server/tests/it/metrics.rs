//! What the service counts of itself.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::support::{Feed, Tms, by_hand};

async fn scrape(tms: &Tms) -> String {
    let answer = tms.request(Method::GET, "/metrics").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.expect("text")
}

/// The value of a series, by its name and a part of its labels.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let mut lines = text
        .lines()
        .filter(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")));
    let line = lines.find(|line| labels.iter().all(|label| line.contains(label)))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn requests_tenants_and_failures_are_counted_without_a_token() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        operator.create("pending-one").await;
        operator.create_active("active-one").await;
        operator.create_active("active-two").await;
        operator.get("/tenant/active-one").await.ok();
        operator.get("/tenant/active-two").await.ok();
        tms.send(tms.request(Method::GET, "/tenant").bearer_auth("no-token-of-ours"))
            .await
            .is(401, "unauthorized");
        let feeds = [Feed::follow(&operator, None).await, Feed::follow(&operator, None).await];
        tms.exchange("a-key-that-was-guessed").await.is(403, "key_invalid");
        tms.send(tms.request(Method::GET, "/nowhere/1")).await.is(404, "not_found");
        tms.send(tms.request(Method::GET, "/nowhere/2")).await.is(404, "not_found");

        let text = scrape(&tms).await;
        let requests = |labels| value(&text, "tms_http_requests_total", labels);
        assert_eq!(
            requests(&["route=\"/tenant/{tenant}\"", "method=\"GET\"", "status=\"2xx\""]),
            Some(2.0),
            "{text}"
        );
        assert_eq!(requests(&["route=\"/token\"", "status=\"4xx\""]), Some(1.0), "{text}");
        assert_eq!(requests(&["route=\"none\"", "status=\"4xx\""]), Some(2.0), "{text}");
        let durations =
            value(&text, "tms_http_request_duration_seconds_count", &["route=\"/tenant/{tenant}\""]);
        assert_eq!(durations, Some(2.0), "{text}");
        for (status, count) in [("pending", 1.0), ("active", 2.0), ("suspended", 0.0), ("deleting", 0.0)] {
            let shown = value(&text, "tms_tenants", &[&format!("status=\"{status}\"")]);
            assert_eq!(shown, Some(count), "{status} in {text}");
        }
        let failed = value(&text, "tms_failed_attempts_total", &["of=\"key\"", "answer=\"refused\""]);
        assert_eq!(failed, Some(1.0), "{text}");
        let foreign = value(&text, "tms_failed_attempts_total", &["of=\"token\"", "answer=\"refused\""]);
        assert_eq!(foreign, Some(1.0), "{text}");
        assert_eq!(value(&text, "tms_database_up", &[]), Some(1.0), "{text}");
        assert_eq!(value(&text, "tms_feed_head", &[]), Some(5.0), "{text}");
        assert_eq!(value(&text, "tms_feed_connections", &[]), Some(2.0), "{text}");
        drop(feeds);
        let deadline = Instant::now() + Duration::from_secs(10);
        while value(&scrape(&tms).await, "tms_feed_connections", &[]) != Some(0.0) {
            assert!(Instant::now() < deadline, "they are still counted");
        }
        for secret in ["active-one", "activeone", "pending", "guessed", "nowhere"] {
            let shown =
                text.lines().any(|line| line.contains(secret) && !line.contains("status=\"pending\""));
            assert!(!shown, "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn an_error_of_the_database_is_counted_and_hides_no_other_metric() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    operator.create("acme").await;
    by_hand(&tms.database_url(), "ALTER TABLE tenant RENAME TO hidden").await.expect("done");
    operator.get("/tenant/acme").await.is(500, "internal");
    let text = scrape(&tms).await;
    assert_eq!(value(&text, "tms_database_up", &[]), Some(0.0), "{text}");
    let failed = value(&text, "tms_database_errors_total", &["kind=\"failed\""]);
    assert!(failed >= Some(2.0), "the request, and the gauges: {text}");
    assert!(value(&text, "tms_http_requests_total", &["status=\"5xx\""]).is_some(), "{text}");
}
