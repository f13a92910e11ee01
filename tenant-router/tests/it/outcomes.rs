//! What became of requests is counted, each once, and names nobody.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tenant_core::TenantDirectory;
use tenant_router::TenantLayer;

use crate::directory::{every_case, rules};
use crate::server::serve;
use crate::wire::{get, send};

const HOSTS: &[(&str, &str)] = &[
    ("acme.base.example", "served"),
    ("shop.example", "served"),
    ("missed.base.example", "served"),
    ("stale.base.example", "served"),
    ("", "bad_host"),
    ("base.example", "bad_host"),
    ("elsewhere.example", "bad_host"),
    ("lost.example", "bad_host"),
    ("stranger.base.example", "unknown"),
    ("nobody.base.example", "unknown"),
    ("1-2.base.example", "unknown"),
    ("leav-ing.base.example", "unknown"),
    ("new.base.example", "pending"),
    ("missednew.base.example", "pending"),
    ("unpaid.base.example", "suspended"),
    ("stopped.base.example", "suspended"),
    ("expired.base.example", "expired"),
    ("away.base.example", "unavailable"),
];

fn counted<D: TenantDirectory>(layer: impl FnOnce() -> TenantLayer<D>) -> (TenantLayer<D>, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let told = recorder.handle();
    (metrics::with_local_recorder(&recorder, layer), told)
}

fn count_of(told: &PrometheusHandle, outcome: &str) -> usize {
    let line = format!("tenant_router_requests_total{{outcome=\"{outcome}\"}} ");
    let text = told.render();
    text.lines().find_map(|told| told.strip_prefix(&line)?.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

#[tokio::test]
async fn every_request_is_counted_once_by_what_became_of_it() {
    let (layer, told) = counted(|| TenantLayer::new(rules(), every_case()));
    let server = serve(layer).await;
    for (host, outcome) in HOSTS {
        let before = count_of(&told, outcome);
        get(server.addr, host).await;
        assert_eq!(count_of(&told, outcome), before + 1, "{host}");
    }
    let text = told.render();
    let counts = text.lines().filter(|line| line.starts_with("tenant_router_requests_total"));
    let counts: Vec<usize> = counts.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap()).collect();
    assert_eq!((counts.len(), counts.iter().sum::<usize>()), (8, HOSTS.len()), "{text}");
    assert!(!text.contains("acme") && !text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn an_exempt_request_is_counted_by_what_another_would_have_met() {
    let (layer, told) = counted(|| TenantLayer::new(rules(), every_case()).exempt(|_| true));
    let server = serve(layer).await;
    for (host, outcome) in HOSTS {
        let before = count_of(&told, outcome);
        let answer = send(server.addr, &["GET / HTTP/1.1", &format!("Host: {host}")]).await;
        assert_eq!((answer.status, count_of(&told, outcome)), (200, before + 1), "{host}");
    }
    assert_eq!(server.handled(), HOSTS.len());
}
