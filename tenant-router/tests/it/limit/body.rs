//! Bytes of a body: refused at once, or cut off while it comes.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, LengthLimitError};
use tenant_core::StaticDirectory;
use tenant_router::limit::{AddressLimitLayer, LimitedBody, TenantLimitLayer};
use tenant_router::{RejectionKind, TenantLayer};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use super::site::{NONE, Site, Tenants, bytes, head, refused};
use crate::directory::{rules, tenant};

const HERE: &str = "127.0.0.1";
const TOO_LARGE: &str = "The body is larger than 10 bytes.";

async fn site() -> Site {
    let limits = TenantLimitLayer::new().defaults(bytes(10));
    Site::start(AddressLimitLayer::new(NONE), Tenants::acme(NONE), limits).await
}

fn chunked(path: &str, chunks: &[&str]) -> String {
    let head = head(&format!("POST {path} HTTP/1.1"), "acme", &["Transfer-Encoding: chunked"]);
    let chunks: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
    format!("{head}{chunks}0\r\n\r\n")
}

#[tokio::test]
async fn a_length_that_is_announced_is_refused_before_the_handler_runs() {
    let site = site().await;
    for length in ["11", "9007199254740993"] {
        let length = format!("Content-Length: {length}");
        let answer = site.send(HERE, &head("POST /read HTTP/1.1", "acme", &[&length])).await;
        assert_eq!(answer.refusal(), refused(413, "body_too_large", TOO_LARGE), "{length}");
    }
    assert_eq!(site.handled(), 0);
    let exact = format!("{}0123456789", head("POST /read HTTP/1.1", "acme", &["Content-Length: 10"]));
    assert_eq!(site.send(HERE, &exact).await.body, "read 10");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_off_and_the_answer_is_413_whatever_the_handler_says() {
    let site = site().await;
    assert_eq!(site.send(HERE, &chunked("/read", &["01234", "56789"])).await.body, "read 10");
    for chunks in [&["01234", "567890"][..], &["01234567890"], &["0123456789", "0"]] {
        let answer = site.send(HERE, &chunked("/read", chunks)).await;
        assert_eq!(answer.refusal(), refused(413, "body_too_large", TOO_LARGE), "{chunks:?}");
    }
    let answer = site.send(HERE, &chunked("/early", &["01234567890"])).await;
    assert_eq!(answer.body, "early", "nothing was read, so nothing was too large");
    let endless = chunked("/read", &["x"; 5000]);
    assert_eq!(site.send(HERE, &endless).await.status, 413);
}

#[tokio::test]
async fn a_record_can_lower_the_size_and_not_raise_it() {
    let limits = TenantLimitLayer::new().defaults(bytes(10));
    let tenants = Tenants::acme(bytes(4));
    let site = Site::start(AddressLimitLayer::new(NONE), tenants.clone(), limits).await;
    let post = async |body: &str| {
        let head = head("POST /read HTTP/1.1", "acme", &[&format!("Content-Length: {}", body.len())]);
        site.send(HERE, &format!("{head}{body}")).await
    };
    assert_eq!(post("0123").await.body, "read 4");
    assert_eq!(post("01234").await.refusal().2, "The body is larger than 4 bytes.");
    *tenants.acme.lock().unwrap() = bytes(1000);
    assert_eq!(post("0123456789").await.body, "read 10");
    assert_eq!(post("01234567890").await.refusal().2, TOO_LARGE);
}

#[tokio::test]
async fn grpc_gets_resource_exhausted_in_trailers_alone() {
    let site = site().await;
    let grpc = "Content-Type: application/grpc";
    let announced = head("POST /read HTTP/1.1", "acme", &["Content-Length: 11", grpc]);
    let cut = chunked("/read", &["01234567890"]).replacen("\r\n", &format!("\r\n{grpc}\r\n"), 1);
    for request in [announced, cut] {
        let answer = site.send(HERE, &request).await;
        assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("8")), "{answer:?}");
        assert_eq!(answer.header("grpc-message"), Some(TOO_LARGE));
        assert_eq!(answer.body, "");
    }
}

/// A body that says it is shorter than it is.
struct Liar(usize);

impl Body for Liar {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.0.checked_sub(1) else { return std::task::Poll::Ready(None) };
        self.0 = left;
        std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"xxxx")))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(4)
    }
}

#[tokio::test]
async fn a_body_that_lies_is_cut_off_and_a_failing_service_is_413_too() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let handler = service_fn(move |request: Request<LimitedBody<Liar>>| {
        let sees = Arc::clone(&sees);
        async move {
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                sees.lock().unwrap().push(frame.map(|_| ()).map_err(|fault| fault.is::<LengthLimitError>()));
            }
            let cut = sees.lock().unwrap().last() == Some(&Err(true));
            assert_eq!(body.is_end_stream(), cut);
            Err::<Response<Full<Bytes>>, _>("the service fails")
        }
    });
    let service = TenantLimitLayer::new().defaults(bytes(10)).layer(handler);
    let request = Request::post("/").header("content-length", "4").body(Liar(100)).unwrap();
    let answer = service.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(*seen.lock().unwrap(), [Ok(()), Ok(()), Err(true)], "after the fault the body is at its end");
    let request = Request::post("/").body(Liar(1)).unwrap();
    assert_eq!(service.oneshot(request).await.unwrap_err(), "the service fails", "its error is its own");
}

/// Some bytes, and nothing is said of how many but a lower bound.
struct AtLeast(u64);

impl Body for AtLeast {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("it is not read")
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.0);
        hint
    }
}

#[tokio::test]
async fn the_header_and_what_the_body_says_are_an_announcement_each() {
    let handler = service_fn(|_: Request<LimitedBody<AtLeast>>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let service = TenantLimitLayer::new().defaults(bytes(10)).layer(handler);
    for (header, hint, status) in [
        (Some("11"), 0, 413),
        (None, 11, 413),
        (Some("10"), 11, 413),
        (Some("11"), 10, 413),
        (Some("10"), 10, 200),
        (None, 0, 200),
    ] {
        let mut request = Request::post("/");
        if let Some(header) = header {
            request = request.header("content-length", header);
        }
        let answer = service.clone().oneshot(request.body(AtLeast(hint)).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{header:?}, {hint}");
    }
}

#[tokio::test]
async fn on_reject_renders_refusals_of_a_limit_also_after_the_handler_ran() {
    let directory = StaticDirectory::from_iter([tenant("acme")]);
    let layer = TenantLimitLayer::new().defaults(bytes(3)).on_reject(|rejection, head| {
        let RejectionKind::BodyTooLarge { limit } = rejection.kind() else { return None };
        let text = format!("{limit} {} {} {:?}", head.method, head.uri, head.headers.get("accept"));
        Some(Response::builder().status(499).body(text.into()).unwrap())
    });
    let read = |request: Request<LimitedBody<Liar>>| async {
        let _ = request.into_body().collect().await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    };
    let service = ServiceBuilder::new()
        .layer(TenantLayer::new(rules(), directory))
        .layer(layer)
        .service(service_fn(read));
    for announced in [true, false] {
        let mut request = Request::put("/a?b").header("host", "acme.base.example").header("accept", "x/y");
        if announced {
            request = request.header("content-length", "4");
        }
        let body = if announced { Liar(1) } else { Liar(2) };
        let answer = service.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), 499);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"3 PUT /a?b Some("x/y")"#);
    }
}
