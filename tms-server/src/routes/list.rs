//! `GET /tenant`: all tenants as a bare array (contract 2), or a page of them.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use tenant_core::TenantId;

use crate::app::AppState;
use crate::caller::Caller;
use crate::cursor::Cursor;
use crate::error::ApiError;
use crate::list::List;
use crate::openapi::schemas;
use crate::query::{Parameters, next_page};
use crate::repo::RepoError;

/// Where the feed goes on from a list.
const CURSOR: HeaderName = HeaderName::from_static("x-cursor");
/// How many tenants a page has where nobody says.
const LIMIT: u32 = 100;
/// The most tenants of a page.
const LONGEST: u32 = 1000;

/// Tenants, by id
///
/// All of them as they are at one moment, or a page where `limit` or `after` is given. Of each key, one answer with all of them is sent
/// at a time; it is cut short when the key is revoked.
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
    all(caller, state).await
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

async fn all(caller: Caller, state: AppState) -> Result<Response, ApiError> {
    let list = List::new(state, caller).await?;
    let cursor = list.cursor().clone();
    with_cursor(([(CONTENT_TYPE, "application/json")], list.into_body()).into_response(), &cursor)
}

fn with_cursor(mut response: Response, cursor: &Cursor) -> Result<Response, ApiError> {
    let cursor = HeaderValue::try_from(cursor.to_string()).map_err(|e| RepoError::Backend(Box::new(e)))?;
    response.headers_mut().insert(CURSOR, cursor);
    Ok(response)
}
