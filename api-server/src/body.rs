//! [`JsonBody`]: a request's body as JSON, whatever its content type says (contract 12).

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use tenant_core::parse_json;

use crate::error::ApiError;
use crate::state::AppState;

/// A body, read whole. What is too large never gets here: the layer of limits cuts it off, and answers in our place.
pub(crate) struct RawBody(pub(crate) Bytes);

impl FromRequest<AppState> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, ApiError> {
        let incomplete =
            |_| ApiError::new(StatusCode::BAD_REQUEST, "body_incomplete", "The body did not arrive whole.");
        request.into_body().collect().await.map(|body| Self(body.to_bytes())).map_err(incomplete)
    }
}

/// A body that is JSON; 422 `json_invalid` if it is not.
pub(crate) struct JsonBody(pub(crate) Value);

impl FromRequest<AppState> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        parse_json(&bytes).map(Self).map_err(|row| ApiError::invalid(vec![row]))
    }
}
