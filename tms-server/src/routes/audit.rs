//! `GET /audit`: who changed what; for operators.

use axum::Json;
use axum::extract::State;
use axum::http::header::LINK;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tenant_core::TenantName;

use crate::app::AppState;
use crate::caller::Operator;
use crate::error::ApiError;
use crate::find::incarnation;
use crate::openapi::schemas;
use crate::query::{Parameters, next_page};
use crate::repo::AuditRow;

/// How many lines are answered where nobody says.
const LIMIT: u32 = 100;
/// The most lines of one answer.
const LONGEST: u32 = 1000;

/// Who changed what
///
/// The oldest first. What is in it is never changed or removed.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "listAudit",
    tag = "tenants",
    params(
        ("tenant" = Option<String>, Query, description = "Only what was done to this tenant: its id, name or incarnation."),
        ("after" = Option<u64>, Query, description = "Only lines after the one with this number."),
        ("limit" = Option<u32>, Query, description = "The most lines: 1 to 1000, 100 where nothing is said.")
    ),
    responses((
        status = 200,
        description = "A bare array.",
        body = [schemas::AuditLine],
        headers(("link" = String, description = "The next page (RFC 8288), where there is one."))
    )),
    security(("token" = ["operator"]))
)]
pub(crate) async fn list(
    _: Operator,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let limit = parameters.integer("limit", 1..=LONGEST)?.unwrap_or(LIMIT);
    let after = parameters.integer("after", 0..=i64::MAX)?.unwrap_or(0);
    let tenant = match parameters.get("tenant") {
        None => None,
        Some(text) => match id(&state, text).await? {
            // Nothing was ever done to a tenant that cannot be.
            None => return Ok(Json(json!([])).into_response()),
            known => known,
        },
    };
    // One more than asked for says whether there is a next page.
    let mut rows = state.repo.audit(tenant.as_ref(), after, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let mut response = Json(rows.iter().map(line).collect::<Vec<_>>()).into_response();
    if let Some(last) = rows.last().filter(|_| more) {
        let of = tenant.map(|id| format!("&tenant={id}")).unwrap_or_default();
        let next = next_page(&format!("/audit?limit={limit}&after={}{of}", last.seq))?;
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}

/// By id or name, whether or not there is such a tenant any more; or by the incarnation of one that there is.
async fn id(state: &AppState, text: &str) -> Result<Option<tenant_core::TenantId>, ApiError> {
    if let Some(incarnation) = incarnation(text) {
        let found = state.repo.by_incarnation(&incarnation).await?;
        return Ok(found.map(|stored| stored.record.tenant.id()));
    }
    Ok(TenantName::parse(text).ok().map(|name| name.id()))
}

fn line(row: &AuditRow) -> Value {
    let key = row.key.as_ref().map(|key| json!({ "id": key.id, "scope": key.scope.as_str() }));
    json!({
        "seq": row.seq,
        "at": row.at,
        "action": row.action,
        "tenant": row.tenant,
        "key": key,
        "before": row.before,
        "after": row.after,
    })
}
