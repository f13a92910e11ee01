//! Clients that send what no HTTP library would.

pub(crate) mod http1;
pub(crate) mod http2;

/// What came back. `None` for a status: a reset stream, or a closed connection.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    pub(crate) body: String,
}
