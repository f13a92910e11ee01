//! `GET /changes`: the feed.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use crate::app::AppState;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::feed::Feed;
use crate::query::Parameters;

/// Follow the changes of tenants
///
/// Server-sent events, in the order of commits. `tenant`: what routing needs of a tenant, as it is now. `gone`: this life of an
/// id is over. `reset`: the cursor does not fit, list again. `heartbeat`, every 2 s: the feed lives, with its newest cursor. The
/// id of an event is the cursor to go on from.
#[utoipa::path(
    get,
    path = "/changes",
    operation_id = "followChanges",
    tag = "tenants",
    params(
        ("cursor" = Option<String>, Query, description = "Where to go on; without it, from now on."),
        ("last-event-id" = Option<String>, Header, description = "The same, and wins.")
    ),
    responses((status = 200, description = "It does not end by itself.", content_type = "text/event-stream", body = String)),
    security(("token" = []))
)]
pub(crate) async fn follow(
    caller: Caller,
    State(state): State<AppState>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // What a client writes by itself, when it connects again, is newer than what stands in its URL. A header that is no text
    // is a cursor that does not fit.
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or(""));
    let cursor = header.or_else(|| parameters.get("cursor"));
    let feed = Feed::new(state, caller, cursor).await?;
    let frames = stream::unfold(feed, |mut feed| async move {
        let frames = feed.next().await?;
        Some((Ok::<_, Infallible>(frames), feed))
    });
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(frames)).into_response())
}
