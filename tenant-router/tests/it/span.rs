//! What a log line can say about the tenant.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use tenant_router::TenantLayer;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Instrument, field, info_span};
use tracing_subscriber::fmt;

use crate::directory::{every_case, rules};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_current_span_is_told_which_tenant_it_is() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let handler = service_fn(async |_: Request<()>| {
        tracing::info!("handled");
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = TenantLayer::new(rules(), every_case()).layer(handler);
    for label in ["company-x", "missed"] {
        let request = Request::get("/").header("host", format!("{label}.base.example")).body(()).unwrap();
        let span = info_span!("request", tenant.id = field::Empty);
        let answer = service.clone().oneshot(request).instrument(span).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("request{tenant.id=companyx}"), "{log}");
    assert!(lines[1].contains("request{tenant.id=missed}"), "{log}");
}
