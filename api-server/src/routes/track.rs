//! `/track`: the collector (contract 6).

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{HeaderMap, HeaderName};
use customer_data::{Collected, DataError, Hit, SourceRefusal, TrackerPayload, storable_headers};
use serde_json::{Value, json};
use tenant_core::FieldError;

use crate::body::JsonBody;
use crate::caller::Visitor;
use crate::error::ApiError;
use crate::state::AppState;

/// `POST /track`: the answer leaves when everything is on disk.
pub(crate) async fn track(
    State(state): State<AppState>,
    visitor: Visitor,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let ip = client_ip(&headers, state.settings().client_ip_header.as_ref(), peer);
    let hit = Hit {
        payload: payload(body)?,
        endpoint: "rest",
        profile_less: read_profile_less(query.as_deref())?,
        headers: storable_headers(
            headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))),
        ),
        ip: Some(ip.clone()),
        idempotency_key: text(&headers, &HeaderName::from_static("idempotency-key")).map(str::to_owned),
        now: state.clock().wall(),
    };
    match state.collector().collect(&visitor.store(&state), hit).await {
        Ok(collected) => Ok(Json(collected.map_or(Value::Null, answer))),
        Err(DataError::Source(refusal @ SourceRefusal::Unknown(_))) => {
            let detail = format!("{refusal} Request came from IP: `{ip}`");
            Err(ApiError::new(axum::http::StatusCode::UNAUTHORIZED, "source_refused", detail))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// The body is gone with this: many requests may wait for the disk at once.
fn payload(body: Value) -> Result<TrackerPayload, ApiError> {
    TrackerPayload::parse(&body).map_err(ApiError::invalid)
}

/// `?profile_less=`: the words that the original takes for a boolean.
fn read_profile_less(query: Option<&str>) -> Result<bool, ApiError> {
    let fields: Vec<(String, String)> =
        serde_urlencoded::from_str(query.unwrap_or_default()).unwrap_or_default();
    let Some((name, word)) = fields.into_iter().find(|(name, _)| name == "profile_less") else {
        return Ok(false);
    };
    match word.to_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "y" | "t" => Ok(true),
        "false" | "0" | "no" | "off" | "n" | "f" => Ok(false),
        _ => {
            let msg = "Input should be a valid boolean, unable to interpret input".to_owned();
            let loc = vec!["query".into(), name.as_str().into()];
            Err(ApiError::invalid(vec![FieldError { kind: "bool_parsing".to_owned(), loc, msg }]))
        }
    }
}

/// All of the keys are always there: the original's scripts break without them.
fn answer(collected: Collected) -> Value {
    json!({
        "task": collected.task,
        "ux": [],
        "response": {},
        "events": [],
        "profile": { "id": collected.profile },
        "session": { "id": collected.session },
        "errors": [],
        "warnings": [],
    })
}

/// The first address of the header that the settings name, else the peer's.
fn client_ip(headers: &HeaderMap, named: Option<&HeaderName>, peer: SocketAddr) -> String {
    let told =
        named.and_then(|name| text(headers, name)).and_then(|list| list.split(',').next()).map(str::trim);
    told.filter(|ip| !ip.is_empty()).map_or_else(|| peer.ip().to_string(), str::to_owned)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
