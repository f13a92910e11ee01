//! `hello-tenant`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The running program, stopped when dropped.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn start() -> Program {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hello-tenant")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").map(str::parse);
    match address {
        Some(Ok(address)) => Program { child, address },
        _ => {
            child.kill().unwrap();
            panic!("{line:?}, {:?}", child.wait());
        }
    }
}

/// The status line and the body.
fn get(program: &Program, host: &str) -> (String, String) {
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
