//! `/healthcheck` (contract 7): an echo, for whoever wants to see what arrives here.

use axum::Json;
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use crate::body::RawBody;
use crate::caller::Visitor;

/// JSON is echoed with the headers, without those that carry secrets; anything else comes back as a text.
pub(crate) async fn check(_: Visitor, headers: HeaderMap, RawBody(body): RawBody) -> Json<Value> {
    let text = String::from_utf8_lossy(&body);
    let Ok(json) = serde_json::from_slice::<Value>(&body) else {
        return Json(Value::String(text.into_owned()));
    };
    let secret = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
    let echoed = headers.iter().filter(|(name, _)| !secret.contains(name));
    let headers: Map<String, Value> = echoed
        .filter_map(|(name, value)| Some((name.to_string(), Value::from(value.to_str().ok()?))))
        .collect();
    Json(json!({ "headers": headers, "json": json, "body": text }))
}
