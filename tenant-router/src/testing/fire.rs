//! [`fire`]: sending a volley.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::draft::Draft;
use super::volley::{How, Volley};
use super::wire::{Came, Fault, Http1, Http2, Limits, Protocol};

/// Sends a volley; what came of each request, in their order.
pub(crate) async fn fire(limits: Limits, protocol: Protocol, volley: &Volley) -> Vec<Came> {
    let drafts: Vec<&Draft> = volley.shots.iter().map(|shot| &shot.draft).collect();
    match (volley.how, protocol) {
        (How::Apart, _) => {
            let mut came = Vec::new();
            for draft in drafts {
                came.push(once(limits, protocol, draft).await);
            }
            came
        }
        (How::AtOnce, _) => {
            let ask = |draft: Draft| async move { once(limits, protocol, &draft).await };
            at_once(&drafts, ask).await
        }
        (How::Pipelined, _) => pipelined(limits, &drafts).await,
        (How::Together, Protocol::Http1) => in_turn(limits, &drafts).await,
        (How::Together | How::Streams, _) => match Http2::connect(limits).await {
            Err(fault) => vec![Err(fault); drafts.len()],
            Ok(connection) if volley.how == How::Streams => {
                let connection = Arc::new(connection);
                let ask = |draft: Draft| {
                    let connection = Arc::clone(&connection);
                    async move { connection.ask(&draft).await }
                };
                at_once(&drafts, ask).await
            }
            Ok(connection) => {
                let mut came = Vec::new();
                for draft in drafts {
                    came.push(connection.ask(draft).await);
                }
                came
            }
        },
    }
}

/// Sends a request on a connection of its own.
pub(crate) async fn once(limits: Limits, protocol: Protocol, draft: &Draft) -> Came {
    match protocol {
        Protocol::Http1 => {
            let mut connection = Http1::connect(limits).await?;
            connection.send(&draft.http1()).await?;
            connection.answer(&draft.method).await
        }
        Protocol::Http2 => Http2::connect(limits).await?.ask(draft).await,
    }
}

/// One after the other on a connection, and on another one where the server closed the first.
async fn in_turn(limits: Limits, drafts: &[&Draft]) -> Vec<Came> {
    let mut came = Vec::new();
    let mut connection = None;
    for draft in drafts {
        let mut answer = Err(Fault::Closed);
        if let Some(kept) = connection.as_mut() {
            answer = ask(kept, draft).await;
        }
        if answer.as_ref().is_err_and(|fault| *fault == Fault::Closed) {
            answer = match Http1::connect(limits).await {
                Ok(new) => ask(connection.insert(new), draft).await,
                Err(fault) => Err(fault),
            };
        }
        came.push(answer);
    }
    came
}

async fn ask(connection: &mut Http1, draft: &Draft) -> Came {
    connection.send(&draft.http1()).await?;
    connection.answer(&draft.method).await
}

async fn pipelined(limits: Limits, drafts: &[&Draft]) -> Vec<Came> {
    let mut connection = match Http1::connect(limits).await {
        Ok(connection) => connection,
        Err(fault) => return vec![Err(fault); drafts.len()],
    };
    let bytes: Vec<u8> = drafts.iter().flat_map(|draft| draft.http1()).collect();
    if let Err(fault) = connection.send(&bytes).await {
        return vec![Err(fault); drafts.len()];
    }
    let mut came = Vec::new();
    for draft in drafts {
        came.push(connection.answer(&draft.method).await);
    }
    came
}

/// All at once; what came of each, in the order of the requests.
async fn at_once<F: Future<Output = Came> + Send + 'static>(
    drafts: &[&Draft],
    ask: impl Fn(Draft) -> F,
) -> Vec<Came> {
    let mut tasks = JoinSet::new();
    for (place, draft) in drafts.iter().enumerate() {
        let answer = ask((*draft).clone());
        tasks.spawn(async move { (place, answer.await) });
    }
    let mut came = vec![Err(Fault::Closed); drafts.len()];
    for (place, answer) in tasks.join_all().await {
        came[place] = answer;
    }
    came
}
