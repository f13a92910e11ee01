//! The short way from a request to its tenant and the long one come to the same answer, over random requests.
//!
//! A layer that checks certificates takes the long way always, and where the server tells of no certificate it is the
//! same layer otherwise.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{HeaderName, Request};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tenant_core::{Cached, HostRules, Lookup, TenantDirectory, TenantKey};
use tenant_router::{CurrentTenant, PeerAddr, Resolution, TenantLayer};
use tower::{Layer, ServiceExt, service_fn};

use crate::directory::{Scripted, every_case, tenant};
use crate::requests::{Asked, asked};

/// Notes what it is asked.
struct Asking {
    directory: Scripted,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TenantDirectory for Asking {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        self.directory.cached(key)
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        self.asked.lock().unwrap().push(format!("{key:?}"));
        self.directory.find(key).await
    }
}

/// How a layer is set up.
#[derive(Debug, Clone, Copy)]
struct Setup {
    rules: Rules,
    tenant_header: bool,
    proxies: bool,
    exempt: bool,
    /// Another layer stands further out, which found another tenant.
    nested: bool,
}

#[derive(Debug, Clone, Copy)]
enum Rules {
    Bases,
    FirstOfThree,
    Fixed,
}

fn setup() -> impl Strategy<Value = Setup> {
    let rules = prop_oneof![6 => Just(Rules::Bases), 1 => Just(Rules::FirstOfThree), 1 => Just(Rules::Fixed)];
    let seldom = || proptest::bool::weighted(0.3);
    (rules, seldom(), seldom(), seldom(), seldom()).prop_map(
        |(rules, tenant_header, proxies, exempt, nested)| Setup {
            rules,
            tenant_header,
            proxies,
            exempt,
            nested,
        },
    )
}

/// What came of a request.
#[derive(Debug, PartialEq)]
struct Outcome {
    status: u16,
    head: String,
    body: String,
    /// What the handler saw, each time that it ran.
    seen: Vec<String>,
    /// What the directory was asked to find.
    asked: Vec<String>,
    /// The counters that are not zero.
    counted: Vec<String>,
}

/// One layer with all that is to be seen of it.
struct Way {
    layer: TenantLayer<Asking>,
    asked: Arc<Mutex<Vec<String>>>,
    told: PrometheusHandle,
}

impl Way {
    fn new(setup: Setup, is_long: bool) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let told = recorder.handle();
        let asked = Arc::default();
        let mut registered = tenant("company-x");
        // A host under a base domain is its label's, whoever has registered it.
        registered.hosts = vec!["shop.base.example".into(), "acme.eu.base.example".into()];
        let directory = Asking { directory: every_case().with_known(registered), asked: Arc::clone(&asked) };
        let rules = match setup.rules {
            Rules::Bases => {
                HostRules::base_domains(["base.example", "eu.base.example"].map(|base| base.parse().unwrap()))
            }
            Rules::FirstOfThree => HostRules::base_domains([]),
            Rules::Fixed => HostRules::fixed(&"acme".parse().unwrap()),
        };
        let layer = metrics::with_local_recorder(&recorder, || TenantLayer::new(rules, directory));
        let mut layer = layer.check_certificate(is_long);
        if setup.tenant_header {
            layer = layer.tenant_header(Some(HeaderName::from_static("x-tenant")));
        }
        if setup.proxies {
            layer = layer.trusted_proxies(["10.0.0.0/8".parse().unwrap()]);
        }
        if setup.exempt {
            layer = layer.exempt(|request| request.uri.path() == "/install");
        }
        Self { layer, asked, told }
    }

    async fn take(&self, setup: Setup, request: Request<()>) -> Outcome {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sees = Arc::clone(&seen);
        let handler = service_fn(move |request: Request<()>| {
            sees.lock().unwrap().push(describe(&request));
            let answer = http::Response::new(http_body_util::Full::<bytes::Bytes>::default());
            std::future::ready(Ok::<_, std::convert::Infallible>(answer))
        });
        let service = self.layer.layer(handler);
        let (status, head, body) = if setup.nested {
            let outer = HostRules::fixed(&"company-x".parse().unwrap());
            answered(TenantLayer::new(outer, every_case()).layer(service), request).await
        } else {
            answered(service, request).await
        };
        let rendered = self.told.render();
        let counted = rendered.lines().filter(|line| !line.starts_with('#') && !line.ends_with(" 0"));
        let mut counted: Vec<String> = counted.map(str::to_owned).collect();
        counted.sort();
        let (seen, asked) = (std::mem::take(&mut *seen.lock().unwrap()), self.asked.lock().unwrap().clone());
        Outcome { status, head, body, seen, asked, counted }
    }
}

async fn answered<S, B>(service: S, request: Request<()>) -> (u16, String, String)
where
    S: tower::Service<Request<()>, Response = http::Response<B>, Error = std::convert::Infallible>,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    use http_body_util::BodyExt;
    let (head, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), format!("{:?}", head.headers), String::from_utf8_lossy(&body).into_owned())
}

fn describe(request: &Request<()>) -> String {
    let current = |current: &CurrentTenant| {
        format!("{} {}@{:?}", current.active().id(), current.tenant().name, current.host())
    };
    let resolution = request.extensions().get().map(|Resolution(found)| match found {
        Ok(found) => current(found),
        Err(rejection) => format!("{rejection} {:?} {:?}", rejection.id(), rejection.host()),
    });
    format!("{:?} {resolution:?}", request.extensions().get().map(current))
}

fn request_of(asked: &Asked) -> Option<Request<()>> {
    let mut request = Request::builder()
        .method(asked.method.clone())
        .version(asked.version)
        .uri(&asked.target)
        .extension(PeerAddr(asked.peer.parse().unwrap()));
    for (name, value) in &asked.headers {
        request = request.header(*name, value);
    }
    // What is no request at all comes to no layer.
    request.body(()).ok()
}

#[test]
fn the_short_way_and_the_long_one_come_to_the_same_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (served, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut runner = TestRunner::new(Config { cases: 4000, failure_persistence: None, ..Config::default() });
    runner
        .run(&(setup(), asked()), |(setup, asked)| {
            let (Some(request), Some(same)) = (request_of(&asked), request_of(&asked)) else { return Ok(()) };
            let short = runtime.block_on(Way::new(setup, false).take(setup, request));
            let long = runtime.block_on(Way::new(setup, true).take(setup, same));
            prop_assert_eq!(&short, &long);
            prop_assert!(short.seen.len() <= 1, "{:?}", short);
            // Counted once, and so is what an exempt request would have met.
            let total: usize =
                short.counted.iter().filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok()).sum();
            prop_assert_eq!(total, 1, "{:?}", short.counted);
            let count = if short.seen.is_empty() { &refused } else { &served };
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
    let (served, refused) = (served.into_inner(), refused.into_inner());
    assert!(served > 400 && refused > 400, "{served} served, {refused} refused");
}
