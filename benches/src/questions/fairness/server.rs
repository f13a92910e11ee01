//! A server with tenants and limits, whose handler takes a fixed amount of work.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use tenant_core::{HostRules, Incarnation, Limits, StaticDirectory, Tenant};
use tenant_router::TenantLayer;
use tenant_router::limit::TenantLimitLayer;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceBuilder;

use crate::Result;

/// What tenants' names stand before.
pub(super) const DOMAIN: &str = "bench.example";
/// What a request takes of the server's processor.
const WORK: Duration = Duration::from_micros(500);
/// How many requests of the noisy tenant may come at once.
const BURST: u32 = 10;

/// A server on a port of its own, with one thread; it ends when this is dropped.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    /// With a limit on the requests a second of the noisy tenant, and without any on those of the others.
    pub(super) fn start(noisy: Option<f64>, tenants: usize) -> Result<Self> {
        let tenant = |name: &str| Ok::<_, crate::Error>(Tenant::new(name.parse()?, Incarnation::fixed(name)));
        let mut all = vec![tenant("quiet")?];
        for i in 0..tenants {
            all.push(tenant(&even(i))?);
        }
        let mut loud = tenant("noisy")?;
        if let Some(rate) = noisy {
            let burst = Some(BURST);
            loud.limits = Limits { requests_per_second: Some(rate as u32), burst, ..Limits::default() };
        }
        all.push(loud);

        let layers = ServiceBuilder::new()
            .layer(TenantLayer::new(
                HostRules::base_domains([DOMAIN.parse()?]),
                StaticDirectory::from_iter(all),
            ))
            .layer(TenantLimitLayer::new());
        let rounds = rounds_of(WORK);
        let handler = move || async move {
            work(rounds);
            "done"
        };
        let app = Router::new().route("/", get(handler)).layer(layers);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let addr = listener.local_addr()?;
        runtime.spawn(async move { axum::serve(listener, app).await });
        Ok(Self { addr, _runtime: runtime })
    }
}

/// The name of one of those that the even load is spread over.
pub(super) fn even(i: usize) -> String {
    format!("even-{i}")
}

fn work(rounds: u64) {
    let mut x = 1_u64;
    for i in 0..rounds {
        x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i));
    }
}

/// How much work takes so long, in the fastest of some tries: the others were interrupted.
fn rounds_of(time: Duration) -> u64 {
    const TRY: u64 = 100_000;
    let one = || {
        let began = Instant::now();
        work(TRY);
        began.elapsed()
    };
    let fastest = (0..50).map(|_| one()).min().unwrap_or(time);
    (time.as_secs_f64() / fastest.as_secs_f64() * TRY as f64) as u64
}
