//! [`Meters`]: what the service counts and measures of itself, in Prometheus' text format.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{
    counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram, with_local_recorder,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tenant_core::TenantStatus;

const REQUESTS: &str = "tms_http_requests_total";
const DURATION: &str = "tms_http_request_duration_seconds";
const ATTEMPTS: &str = "tms_failed_attempts_total";
const DATABASE_ERRORS: &str = "tms_database_errors_total";
const DATABASE_UP: &str = "tms_database_up";
const TENANTS: &str = "tms_tenants";
const FEED_CONNECTIONS: &str = "tms_feed_connections";
const FEED_HEAD: &str = "tms_feed_head";

/// The upper bounds of the histogram of durations, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// A measured duration takes room until it is folded into its bucket, which a scrape does, and every so many requests.
const FOLDED: u32 = 1024;

/// How a database did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseError {
    /// Asking again may help.
    Unavailable,
    /// It failed in a way that nobody expected.
    Failed,
}

impl DatabaseError {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
}

/// The meters of one service; two in a process have two. Every label has few values, whatever clients send.
#[derive(Debug, Clone)]
pub(crate) struct Meters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    recorder: PrometheusRecorder,
    /// Requests so far; wraps around.
    requests: AtomicU32,
}

impl Meters {
    pub(crate) fn new() -> Self {
        // An empty list alone would be refused.
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).unwrap_or_default();
        let meters =
            Self(Arc::new(Inner { recorder: builder.build_recorder(), requests: AtomicU32::new(0) }));
        meters.record(|| {
            describe();
            // What has not happened yet is 0 and not absent: a rate can be taken from the first event on.
            for (of, answer) in [(KEY, REFUSED), (KEY, THROTTLED), (TOKEN, REFUSED)] {
                counter!(ATTEMPTS, "of" => of, "answer" => answer).absolute(0);
            }
            for kind in [DatabaseError::Unavailable, DatabaseError::Failed] {
                counter!(DATABASE_ERRORS, "kind" => kind.as_str()).absolute(0);
            }
            gauge!(FEED_CONNECTIONS).set(0.0);
        });
        meters
    }

    /// A request was answered; a stream counts when its head is sent.
    pub(crate) fn request(&self, method: &Method, route: &str, status: StatusCode, elapsed: Duration) {
        let (method, route) = (method_label(method), route.to_owned());
        let class = class_label(status);
        self.record(|| {
            counter!(REQUESTS, "route" => route.clone(), "method" => method, "status" => class).increment(1);
            histogram!(DURATION, "route" => route, "method" => method).record(elapsed);
        });
        if self.0.requests.fetch_add(1, Ordering::Relaxed) % FOLDED == FOLDED - 1 {
            self.0.recorder.handle().run_upkeep();
        }
    }

    /// A key was wrong.
    pub(crate) fn wrong_key(&self, throttled: bool) {
        let answer = if throttled { THROTTLED } else { REFUSED };
        self.record(|| counter!(ATTEMPTS, "of" => KEY, "answer" => answer).increment(1));
    }

    /// An access token was none of ours.
    pub(crate) fn foreign_token(&self) {
        self.record(|| counter!(ATTEMPTS, "of" => TOKEN, "answer" => REFUSED).increment(1));
    }

    /// The database did not do what it was asked.
    pub(crate) fn database_error(&self, error: DatabaseError) {
        self.record(|| counter!(DATABASE_ERRORS, "kind" => error.as_str()).increment(1));
    }

    /// Whether the database answered when it was last asked for the gauges.
    pub(crate) fn database_up(&self, up: bool) {
        self.record(|| gauge!(DATABASE_UP).set(if up { 1.0 } else { 0.0 }));
    }

    /// How many tenants have a status.
    pub(crate) fn tenants(&self, status: TenantStatus, count: u64) {
        self.record(|| gauge!(TENANTS, "status" => status.as_str()).set(count as f64));
    }

    /// The number of the last change.
    pub(crate) fn feed_head(&self, number: u64) {
        self.record(|| gauge!(FEED_HEAD).set(number as f64));
    }

    /// A connection of the feed, counted until the value is dropped.
    pub(crate) fn feed_connection(&self) -> FeedConnection {
        self.record(|| gauge!(FEED_CONNECTIONS).increment(1.0));
        FeedConnection(self.clone())
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn render(&self) -> String {
        self.0.recorder.handle().render()
    }

    fn record<T>(&self, record: impl FnOnce() -> T) -> T {
        with_local_recorder(&self.0.recorder, record)
    }
}

/// Counts as a connection of the feed until it is dropped.
#[derive(Debug)]
pub(crate) struct FeedConnection(Meters);

impl Drop for FeedConnection {
    fn drop(&mut self) {
        self.0.record(|| gauge!(FEED_CONNECTIONS).decrement(1.0));
    }
}

const KEY: &str = "key";
const TOKEN: &str = "token";
const REFUSED: &str = "refused";
const THROTTLED: &str = "throttled";

fn describe() {
    describe_counter!(REQUESTS, "Requests by route, method and class of status.");
    describe_histogram!(DURATION, "Time from a request's head to its answer's, in seconds.");
    describe_counter!(
        ATTEMPTS,
        "Wrong keys, refused or answered with 429, and tokens that were never issued."
    );
    describe_counter!(DATABASE_ERRORS, "Calls that the database did not do.");
    describe_gauge!(DATABASE_UP, "Whether the database answered when it was last asked for these gauges.");
    describe_gauge!(TENANTS, "Tenants by status.");
    describe_gauge!(FEED_CONNECTIONS, "Clients that follow the change feed of this process.");
    describe_gauge!(FEED_HEAD, "The number of the last change.");
}

/// Methods are free text; ours are few.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn class_label(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|shown| shown == line), "{line} in {text}");
    }

    #[test]
    fn what_happens_is_counted_and_what_has_not_is_zero() {
        let meters = Meters::new();
        let fresh = meters.render();
        has(&fresh, "tms_failed_attempts_total{of=\"key\",answer=\"throttled\"} 0");
        has(&fresh, "tms_database_errors_total{kind=\"unavailable\"} 0");
        has(&fresh, "tms_feed_connections 0");

        let weird = Method::from_bytes(b"WEIRD").expect("a method");
        meters.request(&Method::GET, "/tenant", StatusCode::OK, Duration::from_millis(3));
        meters.request(&weird, "none", StatusCode::NOT_FOUND, Duration::ZERO);
        meters.foreign_token();
        meters.wrong_key(true);
        meters.database_error(DatabaseError::Failed);
        meters.database_up(true);
        meters.tenants(TenantStatus::Active, 7);
        meters.feed_head(1 << 40);
        let connection = meters.feed_connection();
        let text = meters.render();
        has(&text, "tms_http_requests_total{route=\"/tenant\",method=\"GET\",status=\"2xx\"} 1");
        has(&text, "tms_http_requests_total{route=\"none\",method=\"other\",status=\"4xx\"} 1");
        has(
            &text,
            "tms_http_request_duration_seconds_bucket{route=\"/tenant\",method=\"GET\",le=\"0.0025\"} 0",
        );
        has(
            &text,
            "tms_http_request_duration_seconds_bucket{route=\"/tenant\",method=\"GET\",le=\"0.005\"} 1",
        );
        has(&text, "tms_failed_attempts_total{of=\"token\",answer=\"refused\"} 1");
        has(&text, "tms_failed_attempts_total{of=\"key\",answer=\"throttled\"} 1");
        has(&text, "tms_failed_attempts_total{of=\"key\",answer=\"refused\"} 0");
        has(&text, "tms_database_errors_total{kind=\"failed\"} 1");
        has(&text, "tms_tenants{status=\"active\"} 7");
        has(&text, "tms_feed_head 1099511627776");
        has(&text, "tms_feed_connections 1");
        drop(connection);
        has(&meters.render(), "tms_feed_connections 0");
        assert!(!Meters::new().render().contains("/tenant"), "each service has its own");
    }
}
