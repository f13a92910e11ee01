//! Where plain hyper finds the authority: HTTP/1.0, HTTP/1.1 and HTTP/2.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tenant_router::TenantLayer;
use tokio::net::TcpStream;

use crate::directory::{every_case, rules};
use crate::server::{Server, serve};
use crate::wire::send;

async fn server() -> Server {
    serve(TenantLayer::new(rules(), every_case())).await
}

#[tokio::test]
async fn two_host_headers_are_refused_be_they_equal_or_not() {
    let server = server().await;
    for second in ["Host: acme.base.example", "HOST: company-x.base.example", "host:"] {
        let answer = send(server.addr, &["GET / HTTP/1.1", "Host: acme.base.example", second]).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "host_invalid"), "{second}");
    }
    assert_eq!(server.handled(), 0);
}

#[tokio::test]
async fn a_request_without_a_host_is_refused() {
    let server = server().await;
    for line in ["GET / HTTP/1.1", "GET / HTTP/1.0", "GET http://acme.base.example/ HTTP/1.1"] {
        assert_eq!(send(server.addr, &[line]).await.status, 400, "{line}");
    }
    assert_eq!(server.handled(), 0);
    let answer = send(server.addr, &["GET http://acme.base.example/ HTTP/1.0"]).await;
    assert_eq!(answer.body, "acme@acme.base.example", "HTTP/1.0 asks for no host header");
}

#[tokio::test]
async fn an_absolute_target_must_agree_with_the_host() {
    let server = server().await;
    for (target, host) in [
        ("http://acme.base.example/x", "acme.base.example"),
        ("http://ACME.base.example:80/x", "acme.base.example"),
        ("http://acme.base.example:8585/x", "acme.base.example:8585"),
    ] {
        let head = [format!("GET {target} HTTP/1.1"), format!("Host: {host}")];
        let answer = send(server.addr, &[&head[0], &head[1]]).await;
        assert_eq!(answer.body, "acme@acme.base.example", "{target}");
    }
    let handled = server.handled();
    for (target, host) in [
        ("http://acme.base.example/", "company-x.base.example"),
        ("http://acme.base.example:8585/", "acme.base.example"),
        ("http://acme.base.example/", "acme.base.example:8585"),
        ("http://acme.base.example/", ""),
        ("http://user@acme.base.example/", "acme.base.example"),
        ("http://acme.base.example:65536/", "acme.base.example:65536"),
    ] {
        let head = [format!("GET {target} HTTP/1.1"), format!("Host: {host}")];
        let answer = send(server.addr, &[&head[0], &head[1]]).await;
        assert_eq!(answer.status, 400, "{target} {host}");
    }
    assert_eq!(server.handled(), handled);
}

async fn http2(addr: SocketAddr, request: http::request::Builder) -> Response<Bytes> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request: Request<Empty<Bytes>> = request.body(Empty::new()).unwrap();
    let (parts, body) = client.send_request(request).await.unwrap().into_parts();
    assert_eq!(parts.version, Version::HTTP_2);
    let body = body.collect().await.unwrap();
    assert!(body.trailers().is_none());
    drop(client);
    connection.await.unwrap().unwrap();
    Response::from_parts(parts, body.to_bytes())
}

#[tokio::test]
async fn http_2_names_the_host_in_authority() {
    let server = server().await;
    let get = |target: &str| Request::get(target);
    let answer = http2(server.addr, get("http://acme.base.example/")).await;
    assert_eq!(answer.body(), "acme@acme.base.example");
    let answer =
        http2(server.addr, get("http://acme.base.example/").header("host", "acme.base.example")).await;
    assert_eq!(answer.body(), "acme@acme.base.example");
    let answer = http2(server.addr, get("http://acme.base.example/").header("host", "globex.example")).await;
    assert_eq!(answer.status(), 400);
    let answer = http2(server.addr, get("http://stranger.base.example/")).await;
    assert_eq!(answer.status(), 404);
    let answer = http2(server.addr, Request::head("http://stranger.base.example/")).await;
    assert_eq!((answer.status(), answer.body().len()), (http::StatusCode::NOT_FOUND, 0));
    assert_eq!(server.handled(), 2);
}

#[tokio::test]
async fn a_grpc_client_gets_trailers_only() {
    let server = server().await;
    for (host, status, message) in [
        ("base.example", "3", "This host is the base domain, not a tenant's."),
        ("stranger.base.example", "5", "Tenant [stranger] not allowed."),
        ("unpaid.base.example", "7", "The bill is open."),
        ("new.base.example", "14", "Tenant [new] is not ready yet."),
        ("away.base.example", "14", "It cannot be told at the moment whose host this is. Try again."),
    ] {
        let request =
            Request::post(format!("http://{host}/Service/Call")).header("content-type", "application/grpc");
        let answer = http2(server.addr, request).await;
        assert_eq!(answer.status(), 200, "{host}");
        assert_eq!(answer.headers()["grpc-status"], status, "{host}");
        assert_eq!(answer.headers()["grpc-message"], message, "{host}");
        assert_eq!(answer.headers()["content-type"], "application/grpc");
        assert!(answer.body().is_empty());
    }
    assert_eq!(server.handled(), 0);
}
