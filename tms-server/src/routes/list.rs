//! `GET /tenant`: all tenants as a bare array (contract 2), or a page of them.

use std::io;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tenant_core::TenantId;
use tokio::time::Instant;

use crate::app::AppState;
use crate::caller::Caller;
use crate::cursor::Cursor;
use crate::error::{ApiError, causes};
use crate::openapi::schemas;
use crate::pace::Pace;
use crate::query::{Parameters, next_page};
use crate::repo::{RepoError, Snapshot, Stored};

/// Where the feed goes on from a list.
const CURSOR: HeaderName = HeaderName::from_static("x-cursor");
/// How many tenants a page has where nobody says.
const LIMIT: u32 = 100;
/// The most tenants of a page.
const LONGEST: u32 = 1000;
/// How long a whole list may take. Its reader holds one of few connections to the database.
const PATIENCE: Duration = Duration::from_secs(120);

/// Tenants, by id
///
/// All of them as they are at one moment, or a page where `limit` or `after` is given.
#[utoipa::path(
    get,
    path = "/tenant",
    operation_id = "listTenants",
    tag = "tenants",
    params(
        ("limit" = Option<u32>, Query, description = "The most tenants of a page: 1 to 1000, 100 where only `after` is given."),
        ("after" = Option<String>, Query, description = "Only tenants after the one with this id.")
    ),
    responses((
        status = 200,
        description = "A bare array.",
        body = [schemas::Tenant],
        headers(
            ("x-cursor" = String, description = "Where `GET /changes` goes on from here; of pages, the first one's counts."),
            ("link" = String, description = "The next page (RFC 8288), where there is one.")
        )
    )),
    security(("token" = []))
)]
pub(crate) async fn list(
    caller: Caller,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let limit = parameters.integer("limit", 1..=LONGEST)?;
    let after = parameters.read("after", "Input should be a tenant's id", |text| text.parse().ok())?;
    if limit.is_some() || after.is_some() {
        return page(&caller, &state, after.as_ref(), limit.unwrap_or(LIMIT)).await;
    }
    all(caller, &state).await
}

async fn page(
    caller: &Caller,
    state: &AppState,
    after: Option<&TenantId>,
    limit: u32,
) -> Result<Response, ApiError> {
    // One more than asked for says whether there is a next page.
    let mut page = state.repo.page(after, limit + 1).await?;
    let more = page.tenants.len() > limit as usize;
    page.tenants.truncate(limit as usize);
    let bodies: Vec<_> = page.tenants.iter().map(|stored| caller.view(stored)).collect();
    let mut response = with_cursor(Json(bodies).into_response(), &page.cursor)?;
    if let Some(last) = page.tenants.last().filter(|_| more) {
        let next = next_page(&format!("/tenant?limit={limit}&after={}", last.record.tenant.id()))?;
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}

/// Read and sent in pieces, all of one moment. What fails on the way breaks the connection: the answer is then no whole JSON.
async fn all(caller: Caller, state: &AppState) -> Result<Response, ApiError> {
    let mut snapshot = state.repo.snapshot().await?;
    // Before anything is sent: what fails here is still told properly.
    let pace = Pace::default();
    let first = snapshot.next(pace.rows()).await?;
    let cursor = snapshot.cursor().clone();
    let until = Instant::now() + PATIENCE;
    let list = List { snapshot, caller, pace, next: first, begun: false, until };
    let pieces = stream::try_unfold(Some(list), |list| async move {
        let Some(mut list) = list else { return Ok::<_, io::Error>(None) };
        let (text, ended) = list.piece().await.map_err(|error| {
            tracing::warn!(cause = causes(&error), "a list is cut short");
            io::Error::other(error)
        })?;
        Ok(Some((text, (!ended).then_some(list))))
    });
    let body = Body::from_stream(pieces);
    with_cursor(([(CONTENT_TYPE, "application/json")], body).into_response(), &cursor)
}

fn with_cursor(mut response: Response, cursor: &Cursor) -> Result<Response, ApiError> {
    let cursor = HeaderValue::try_from(cursor.to_string()).map_err(|e| RepoError::Backend(Box::new(e)))?;
    response.headers_mut().insert(CURSOR, cursor);
    Ok(response)
}

/// A list that is being sent.
struct List {
    snapshot: Box<dyn Snapshot>,
    caller: Caller,
    pace: Pace,
    /// What was read and not yet sent.
    next: Vec<Stored>,
    begun: bool,
    until: Instant,
}

impl List {
    /// The next piece of the array, and whether it is the last one.
    async fn piece(&mut self) -> Result<(Bytes, bool), RepoError> {
        if self.until <= Instant::now() {
            return Err(RepoError::Unavailable("its reader is too slow".into()));
        }
        let mut text = Vec::new();
        for stored in &self.next {
            text.push(if self.begun { b',' } else { b'[' });
            self.begun = true;
            let body = self.caller.view(stored);
            serde_json::to_writer(&mut text, &body).map_err(|e| RepoError::Backend(Box::new(e)))?;
        }
        let ended = self.next.is_empty();
        if ended {
            text.extend_from_slice(if self.begun { b"]" } else { b"[]" });
        } else {
            self.pace.took(text.len());
            self.next = self.snapshot.next(self.pace.rows()).await?;
        }
        Ok((text.into(), ended))
    }
}
