//! [`JsonBody`]: a request's body as JSON, whatever its content type says (contract 12).

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tenant_core::parse_json;

use crate::error::ApiError;
use crate::state::AppState;

/// A body, read up to the limit of the settings.
pub(crate) struct RawBody(pub(crate) Bytes);

impl FromRequest<AppState> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let limit = state.settings().max_body;
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(too_large(limit));
        }
        read(request.into_body(), limit).await.map(Self)
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(fault) if fault.is::<LengthLimitError>() => Err(too_large(limit)),
        Err(_) => {
            Err(ApiError::new(StatusCode::BAD_REQUEST, "body_incomplete", "The body did not arrive whole."))
        }
    }
}

fn too_large(limit: usize) -> ApiError {
    let detail = format!("The body is larger than {limit} bytes.");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
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
