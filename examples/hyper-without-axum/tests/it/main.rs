//! The program is started as a process, as a user would, and asked over a socket.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

#[path = "../../../tests/it/program.rs"]
mod program;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use program::Program;
use tenant_router::testing::{Ask, Attack, Isolation, Side};

fn start(arguments: &[&str]) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_hyper-without-axum")).args(arguments))
}

fn side(name: &str) -> Side {
    Side::new(format!("{name}.localhost"), Ask::get("/"), format!("hello, {name}\n"))
}

#[tokio::test]
async fn the_tenants_are_isolated_over_http_1_and_http_2() {
    let program = start(&["127.0.0.1:0"]);
    let kit = Isolation::new(program.address, side("acme"), side("globex"));
    let kit = kit.unknown_host("nobody.localhost").unknown_host("localhost").unknown_host("shop.example");
    let report = kit.run().await;
    report.assert_isolated();
    for attack in [Attack::Pipelining, Attack::Streams] {
        assert_eq!(report.of(attack).unwrap().skipped, None, "it speaks both");
    }
}

/// The status line and the body, of an answer that ends with the connection.
fn ask(program: &Program, head: &str) -> (String, String) {
    let mut stream = TcpStream::connect(program.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    write!(stream, "GET / HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn a_forwarded_host_counts_from_a_configured_proxy_alone() {
    let spoofed = "Host: acme.localhost\r\nX-Forwarded-Host: globex.localhost";
    let open = start(&["127.0.0.1:0"]);
    assert_eq!(ask(&open, spoofed).1, "hello, acme\n");
    let behind = start(&["127.0.0.1:0", "127.0.0.0/8"]);
    assert_eq!(ask(&behind, spoofed).1, "hello, globex\n");
    assert_eq!(ask(&behind, "Host: 10.0.0.1").0, "HTTP/1.1 400 Bad Request");
}
