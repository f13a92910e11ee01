//! `/{index}/select` (contract 7): the latest records of a kind.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use customer_data::records::{self, RecordKind};
use serde_json::{Value, json};
use storage::MAX_WINDOW;
use tenant_core::{FieldError, Reader, parse_json};

use crate::body::RawBody;
use crate::caller::{ANYBODY, Caller};
use crate::error::ApiError;
use crate::state::AppState;

const DEFAULT_LIMIT: usize = 20;
/// Indices of the original in which this platform keeps nothing.
const EMPTY: [&str; 5] = ["resource", "rule", "segment", "flow", "log"];

/// `POST /{index}/select` of any other index.
pub(crate) async fn any(caller: Caller, Path(index): Path<String>) -> Result<Json<Value>, ApiError> {
    caller.require(ANYBODY)?;
    if EMPTY.contains(&index.as_str()) {
        return Ok(Json(json!({ "total": 0, "result": [] })));
    }
    let msg = format!(
        "Input should be 'resource', 'session', 'profile', 'event', 'rule', 'segment', 'flow' or 'log', not `{index}`"
    );
    let loc = vec!["path".into(), "index".into()];
    Err(ApiError::invalid(vec![FieldError { kind: "enum".to_owned(), loc, msg }]))
}

/// `POST /{kind}/select`: the latest records of the kind; `where` is refused, not ignored.
pub(crate) async fn records(
    kind: RecordKind,
    State(state): State<AppState>,
    caller: Caller,
    RawBody(body): RawBody,
) -> Result<Json<Value>, ApiError> {
    caller.require(ANYBODY)?;
    let page = records::latest(&caller.store(&state), kind, read_limit(&body)?).await?;
    let result: Vec<Value> =
        page.documents.into_iter().map(|document| Value::Object(document.body)).collect();
    Ok(Json(json!({ "total": page.total, "result": result })))
}

fn read_limit(body: &[u8]) -> Result<usize, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(DEFAULT_LIMIT);
    }
    let body = parse_json(body).map_err(|row| ApiError::invalid(vec![row]))?;
    if body.is_null() {
        return Ok(DEFAULT_LIMIT);
    }
    let mut reader = Reader::body(&body);
    let filter = reader.optional_string("where").unwrap_or_default();
    let limit = match reader.get("limit") {
        None => DEFAULT_LIMIT,
        Some(limit) => match limit.as_u64().and_then(|limit| usize::try_from(limit).ok()) {
            Some(limit) if limit <= MAX_WINDOW => limit,
            _ => {
                let msg = format!("Input should be an integer between 0 and {MAX_WINDOW}");
                reader.fault("limit", "int_range", msg);
                0
            }
        },
    };
    reader.finish().map_err(ApiError::invalid)?;
    if filter.trim().is_empty() {
        return Ok(limit);
    }
    let detail = "Queries by `where` are not available: leave it out to get the latest records.";
    Err(ApiError::new(StatusCode::BAD_REQUEST, "query_unsupported", detail))
}
