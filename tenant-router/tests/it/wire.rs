//! A client that sends exactly the bytes it is given.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|fault| panic!("{fault}: {self:?}"))
    }

    /// The code in the body of a refusal.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends a head (lines without their ends) and reads until the server closes the connection.
pub(crate) async fn send(addr: SocketAddr, lines: &[&str]) -> Answer {
    let bytes: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    send_bytes(addr, &bytes).await
}

/// Like [`send`], for heads that are no text.
pub(crate) async fn send_bytes(addr: SocketAddr, lines: &[&[u8]]) -> Answer {
    let mut head = lines.join(&b"\r\n"[..]);
    head.extend_from_slice(b"\r\nConnection: close\r\n\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(&head).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        reply
    };
    let reply = tokio::time::timeout(Duration::from_secs(20), exchange).await.expect("an answer in time");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// `GET /` at a host.
pub(crate) async fn get(addr: SocketAddr, host: &str) -> Answer {
    send(addr, &["GET / HTTP/1.1", &format!("Host: {host}")]).await
}
