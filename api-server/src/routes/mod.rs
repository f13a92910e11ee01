//! The handlers, one file for each group of the contract's sections 4 to 7.

mod health;
mod home;
mod install;
mod records;
mod select;
mod sources;
mod track;
mod users;

use axum::Router;
use axum::routing::{get, post};

use crate::state::AppState;

/// The public listener: the collector and the health check alone.
pub(crate) fn public() -> Router<AppState> {
    Router::new().route("/track", post(track::track)).route(
        "/healthcheck",
        get(health::check).post(health::check).put(health::check).delete(health::check),
    )
}

/// The private listener: all of it.
pub(crate) fn private() -> Router<AppState> {
    public()
        .route("/", get(home::home))
        .route("/install", get(install::check).post(install::with_token))
        .route("/tenant/install", post(install::tenant))
        .route("/user/token", post(users::log_in))
        .route("/user/logout", post(users::log_out))
        .route("/event-source", post(sources::save))
        .route("/event-source/{id}", get(sources::read).delete(sources::delete))
        .route("/event-sources", get(sources::list))
        .route("/profile/{id}", get(records::profile).delete(records::delete_profile))
        .route("/session/{id}", get(records::session).delete(records::delete_session))
        .route("/event/{id}", get(records::event).delete(records::delete_event))
        .route("/profile/count", get(records::count_profiles))
        .route("/session/count", get(records::count_sessions))
        .route("/event/count", get(records::count_events))
        // Beside the one for any index, since `/profile/{id}` would be found first.
        .route("/profile/select", post(select::profiles))
        .route("/session/select", post(select::sessions))
        .route("/event/select", post(select::events))
        .route("/{index}/select", post(select::any))
}

/// Requests that reach their handler whatever is known of the tenant: an install has to, and a person at the bare base
/// domain is helped on.
pub(crate) fn is_exempt(parts: &axum::http::request::Parts) -> bool {
    matches!(parts.uri.path(), "/install" | "/tenant/install" | "/")
}
