//! `hello-tenant`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use tenant_router::testing::{Ask, Isolation, Side};

use crate::program::Program;

fn start() -> Program {
    Program::start(&mut Command::new(env!("CARGO_BIN_EXE_hello-tenant")))
}

/// The status line and the body.
pub(crate) fn get(program: &Program, host: &str) -> (String, String) {
    let mut stream = TcpStream::connect(program.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn each_tenant_is_greeted_by_name_and_nobody_else() {
    let program = start();
    let port = program.address.port();
    assert_eq!(get(&program, &format!("acme.localhost:{port}")).1, "hello, acme\n");
    assert_eq!(get(&program, "globex.localhost").1, "hello, globex\n");
    let (status, body) = get(&program, "nobody.localhost");
    assert_eq!(status, "HTTP/1.1 404 Not Found");
    assert_eq!(body, r#"{"code":"tenant_unknown","detail":"Tenant [nobody] not allowed."}"#);
    assert_eq!(get(&program, &program.address.to_string()).0, "HTTP/1.1 400 Bad Request");
}

#[tokio::test]
async fn the_tenants_are_isolated() {
    let program = start();
    let side = |name: &str| Side::new(format!("{name}.localhost"), Ask::get("/"), format!("hello, {name}\n"));
    let kit = Isolation::new(program.address, side("acme"), side("globex"));
    kit.unknown_host("nobody.localhost").unknown_host("shop.example").run().await.assert_isolated();
}
