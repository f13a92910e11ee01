//! What is refused is counted, by whose limit and which, and names nobody.

use metrics_exporter_prometheus::PrometheusBuilder;
use tenant_router::limit::{AddressLimitLayer, TenantLimitLayer};

use super::site::{Site, Tenants, bytes, head, rate};

#[tokio::test]
async fn refusals_are_counted_by_kind_and_no_label_names_anybody() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let told = recorder.handle();
    let layers = || (AddressLimitLayer::new(rate(1, 3)), TenantLimitLayer::new().defaults(bytes(4)));
    let (addresses, limits) = metrics::with_local_recorder(&recorder, layers);
    let site = Site::start(addresses, Tenants::acme(rate(1, 1)), limits).await;
    let large = head("POST /read HTTP/1.1", "acme", &["Content-Length: 5"]);
    assert_eq!(site.send("127.0.0.1", &large).await.status, 413);
    assert_eq!(site.admitted("acme", "127.0.0.1", 6).await, 1);
    let text = told.render();
    for (by, limit, count) in
        [("tenant", "body", 1), ("tenant", "rate", 1), ("address", "rate", 4), ("total", "rate", 0)]
    {
        let line = format!("tenant_router_limited_total{{by=\"{by}\",limit=\"{limit}\"}} {count}");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    let lines = text.lines().filter(|line| line.starts_with("tenant_router_limited_total")).count();
    assert_eq!(lines, 9, "as many as there are kinds\n{text}");
    assert!(!text.contains("acme") && !text.contains("127.0.0.1"), "{text}");
}
