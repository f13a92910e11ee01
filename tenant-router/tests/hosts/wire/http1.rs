//! HTTP/1, byte for byte.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Answer;

/// Sends a head and reads its answer.
pub(crate) async fn send(addr: SocketAddr, head: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let bytes = format!("{}\r\nConnection: close\r\n\r\n", head.replace('\n', "\r\n"));
    stream.write_all(bytes.as_bytes()).await.unwrap();
    read(&mut stream, head.starts_with("CONNECT")).await
}

/// Behind a 200 to CONNECT a tunnel begins, and no body.
async fn read(stream: &mut TcpStream, connects: bool) -> Answer {
    let mut reply = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&reply);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            let is_tunnel = connects && status == Some(200);
            if body.len() >= content_length(head) || is_tunnel {
                return Answer { status, body: body.to_owned() };
            }
        }
        // A reset is a closed connection, too.
        if stream.read_buf(&mut reply).await.unwrap_or(0) == 0 {
            return Answer::default();
        }
    }
}

fn content_length(head: &str) -> usize {
    let values = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = values.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().map_or(0, |(_, length)| length.trim().parse().unwrap())
}
