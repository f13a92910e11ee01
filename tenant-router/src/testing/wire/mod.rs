//! Sending what HTTP clients refuse to send, and reading what comes back.

mod answer;
mod http1;
mod http2;

pub(crate) use answer::{Answer, Came, Fault};
pub(crate) use http1::Http1;
pub(crate) use http2::Http2;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

/// The protocols that an attack is sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    /// In clear, as a client begins it that knows that the server speaks it (RFC 9113 section 3.3).
    Http2,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// Where the service is, and how long and how much it may answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) address: SocketAddr,
    pub(crate) timeout: Duration,
    pub(crate) max_body: usize,
}

/// A connection that sends what is written at once.
async fn connect(address: SocketAddr) -> Result<TcpStream, Fault> {
    let fault = |error: std::io::Error| Fault::Connect(error.to_string());
    let stream = TcpStream::connect(address).await.map_err(fault)?;
    stream.set_nodelay(true).map_err(fault)?;
    // Hundreds of them come and go: none is to keep its port for a minute after its answer was read.
    stream.set_zero_linger().map_err(fault)?;
    Ok(stream)
}
