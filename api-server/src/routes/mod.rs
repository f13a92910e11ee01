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
use customer_data::records::RecordKind;

use crate::state::AppState;

pub(crate) use install::refuse;

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
        .route("/{index}/select", post(select::any))
        .merge(records_of(RecordKind::Profile))
        .merge(records_of(RecordKind::Session))
        .merge(records_of(RecordKind::Event))
}

/// What every kind of record has. `/{index}/select` alone would not do: `/profile/{id}` would be found first.
fn records_of(kind: RecordKind) -> Router<AppState> {
    let path = |rest: &str| format!("/{}/{rest}", kind.as_str());
    let read = move |state, caller, id| records::read(kind, state, caller, id);
    let delete = move |state, caller, id| records::delete(kind, state, caller, id);
    Router::new()
        .route(&path("{id}"), get(read).delete(delete))
        .route(&path("count"), get(move |state, caller| records::count(kind, state, caller)))
        .route(&path("select"), post(move |state, caller, body| select::records(kind, state, caller, body)))
}

/// Requests that reach their handler whatever is known of the tenant: an install has to, and a person at the bare base
/// domain is helped on.
pub(crate) fn is_exempt(parts: &axum::http::request::Parts) -> bool {
    matches!(parts.uri.path(), "/install" | "/tenant/install" | "/")
}
