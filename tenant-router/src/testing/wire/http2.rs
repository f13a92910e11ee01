//! One connection of HTTP/2, with as many streams as are asked for.

use bytes::Bytes;
use h2::client::SendRequest;
use http::HeaderMap;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::{Answer, Came, Fault};
use super::{Limits, connect};
use crate::testing::draft::Draft;

pub(crate) struct Http2 {
    requests: SendRequest<Bytes>,
    limits: Limits,
    // Ends with this.
    _connection: JoinSet<()>,
}

impl Http2 {
    pub(crate) async fn connect(limits: Limits) -> Result<Self, Fault> {
        let connecting = async {
            let stream = connect(limits.address).await?;
            h2::client::handshake(stream).await.map_err(|_| Fault::Closed)
        };
        let (requests, connection) =
            timeout(limits.timeout, connecting).await.map_err(|_| Fault::Timeout)??;
        let mut task = JoinSet::new();
        task.spawn(async move {
            // Its streams learn of a failure by themselves.
            let _closed = connection.await;
        });
        Ok(Self { requests, limits, _connection: task })
    }

    /// Sends a request on a stream of its own; several calls may wait at once.
    pub(crate) async fn ask(&self, draft: &Draft) -> Came {
        let max_body = self.limits.max_body;
        let asking = ask(self.requests.clone(), draft, max_body);
        timeout(self.limits.timeout, asking).await.unwrap_or(Err(Fault::Timeout))
    }
}

async fn ask(requests: SendRequest<Bytes>, draft: &Draft, max: usize) -> Came {
    let request = draft.http2().ok_or(Fault::Unsendable)?;
    let mut requests = requests.ready().await.map_err(|_| Fault::Closed)?;
    let alone = draft.body.is_empty();
    let (response, mut body) = requests.send_request(request, alone).map_err(|_| Fault::Unsendable)?;
    if !alone {
        // Buffered by the library until the peer has room for it.
        body.send_data(Bytes::from(draft.body.clone()), true).map_err(|_| Fault::Closed)?;
    }
    let (head, mut body) = response.await.map_err(|_| Fault::Closed)?.into_parts();
    let mut answer =
        Answer { status: head.status.as_u16(), headers: fields(&head.headers), ..Answer::default() };
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(|_| Fault::Closed)?;
        // Fails on a stream that is closed, whose end is read next.
        let _released = body.flow_control().release_capacity(chunk.len());
        let room = max - answer.body.len();
        answer.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            answer.cut = true;
            return Ok(answer);
        }
    }
    if let Some(trailers) = body.trailers().await.map_err(|_| Fault::Closed)? {
        answer.trailers = fields(&trailers);
    }
    Ok(answer)
}

fn fields(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}
