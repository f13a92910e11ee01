//! The program: who is served, and whether the kit gets through.

use std::process::Command;

use tenant_router::testing::{Ask, Attack, Isolation, Side};
use tonic::{Code, Request};
use tonic_service::hello::Name;

use crate::client::{client, greet};
use crate::program::Program;

fn start(arguments: &[&str]) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_tonic-service")).args(arguments))
}

#[tokio::test]
async fn a_call_is_answered_by_the_tenant_of_its_authority() {
    let program = start(&["127.0.0.1:0"]);
    for (authority, text) in [
        ("acme.localhost", "hello Ada, this is acme"),
        ("globex.localhost:50051", "hello Ada, this is globex"),
        ("ACME.LocalHost", "hello Ada, this is acme"),
    ] {
        let answer = greet(program.address, authority).await.unwrap();
        assert_eq!(answer.into_inner().text, text, "{authority}");
    }
}

#[tokio::test]
async fn a_foreign_authority_is_refused() {
    let program = start(&["127.0.0.1:0"]);
    for (authority, code) in [
        ("nobody.localhost", Code::NotFound),
        ("unpaid.localhost", Code::PermissionDenied),
        ("localhost", Code::InvalidArgument),
        ("shop.example", Code::InvalidArgument),
        ("127.0.0.1:50051", Code::InvalidArgument),
        ("a.acme.localhost", Code::InvalidArgument),
        ("acme_.localhost", Code::InvalidArgument),
    ] {
        assert_eq!(greet(program.address, authority).await.unwrap_err().code(), code, "{authority}");
    }
}

#[tokio::test]
async fn a_forwarded_host_counts_from_a_configured_proxy_alone() {
    for (proxies, text) in [
        (&["127.0.0.1:0"][..], "hello Ada, this is acme"),
        (&["127.0.0.1:0", "127.0.0.0/8"], "hello Ada, this is globex"),
    ] {
        let program = start(proxies);
        let mut request = Request::new(Name { name: "Ada".to_owned() });
        request.metadata_mut().insert("x-forwarded-host", "globex.localhost".parse().unwrap());
        let answer = client(program.address, "acme.localhost").await.greet(request).await.unwrap();
        assert_eq!(answer.into_inner().text, text);
    }
}

/// One message, as gRPC frames it: not compressed, its length, a string in field 1.
fn message(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    [&[0, 0, 0, 0, length + 2, 10, length], name.as_bytes()].concat()
}

#[tokio::test]
async fn the_tenants_are_isolated() {
    let program = start(&["127.0.0.1:0"]);
    let side = |name: &str| {
        let ask = Ask::post("/hello.Greeter/Greet", message("Ada"));
        let ask = ask.header("content-type", "application/grpc").header("te", "trailers");
        Side::new(format!("{name}.localhost"), ask, format!("hello Ada, this is {name}"))
    };
    let kit = Isolation::new(program.address, side("acme"), side("globex"));
    let report = kit.unknown_host("nobody.localhost").suspended_host("unpaid.localhost").run().await;
    report.assert_isolated();
    let streams = report.of(Attack::Streams).unwrap();
    assert!(streams.exchanges.len() >= 16, "{report}");
    assert!(report.of(Attack::Pipelining).unwrap().skipped.is_some(), "it speaks HTTP/2 alone");
}
