//! What axum handlers take, and what they may answer with.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::current::{CurrentTenant, Resolution};
use crate::reject::Rejection;

/// On an exempt route that has no tenant it answers as the layer would have; on a route that the layer does not wrap,
/// which is a fault of the program, with 500.
impl<S: Sync> FromRequestParts<S> for CurrentTenant {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        if let Some(current) = parts.extensions.get::<Self>() {
            return Ok(current.clone());
        }
        Err(match parts.extensions.get::<Resolution>() {
            Some(Resolution(Err(rejection))) => rejection.response(parts).map(Body::from),
            _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        })
    }
}

/// Only exempt requests have one; on any other route, which is a fault of the program, it answers 500.
impl<S: Sync> FromRequestParts<S> for Resolution {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The plain JSON answer; [`Rejection::response`] also looks at what the client accepts.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (parts, ()) = Request::new(()).into_parts();
        self.response(&parts).map(Body::from)
    }
}
