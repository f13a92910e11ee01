//! `GET /`: where a person is, who opens the address in a browser, and what a program reads of the installation.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use customer_data::user;
use serde_json::{Value, json};
use tenant_router::{CurrentTenant, RejectionKind, Resolution};

use super::install::refuse;
use crate::error::ApiError;
use crate::state::AppState;

/// At a tenant's host: whose platform this is. At the bare base domain: how to get one. Elsewhere: the refusal.
pub(crate) async fn home(
    State(state): State<AppState>,
    Extension(Resolution(resolved)): Extension<Resolution>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let browser = accept.contains("text/html");
    match resolved {
        Ok(current) if browser => Ok(Html(tenant_page(&current)).into_response()),
        Ok(current) => Ok(Json(about_tenant(&state, &current).await?).into_response()),
        Err(rejection) if matches!(rejection.kind(), RejectionKind::BareBaseDomain) => Ok(if browser {
            Html(base_page()).into_response()
        } else {
            Json(about_server(&state, Value::Null, None)).into_response()
        }),
        Err(rejection) => Ok(refuse(&rejection)),
    }
}

async fn about_tenant(state: &AppState, current: &CurrentTenant) -> Result<Value, ApiError> {
    let users = user::has_admin(&state.people(current.active())).await?;
    Ok(about_server(state, json!(current.tenant().id().as_str()), Some(users)))
}

/// The original's shape (contract 7). `users` is whether a tenant has an admin; `None` where there is no tenant.
fn about_server(state: &AppState, tenant: Value, users: Option<bool>) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "name": "tenantry",
        "upgrades": [],
        "production": state.settings().production,
        "config": {},
        "db_version": "1",
        "mysql_version": null,
        "instance": null,
        "installed": { "schema": users.is_some(), "users": users.unwrap_or(false), "form": true },
        "multi-tenant": state.settings().multi_tenant,
        "tenant": tenant,
        "owner": "tenantry",
        "expires": "Never",
        "licenses": [],
    })
}

/// A tenant's name is `[a-z0-9-]`: nothing of it can be markup.
fn tenant_page(current: &CurrentTenant) -> String {
    let name = current.tenant().name;
    page(
        name.as_str(),
        &format!(
            "<p>This is the platform of <strong>{name}</strong>: the private API, with which its people manage it.</p>\
             <ol>\
             <li>Log in: <code>POST /user/token</code> with <code>username</code> and <code>password</code> as a form.</li>\
             <li>Connect a website: <code>POST /event-source</code>. Send <code>x-context: production</code> for what \
             the public collector serves; without it you work in staging.</li>\
             <li>Websites send events to <code>POST /track</code> of the public API.</li>\
             <li>See what came: <code>GET /event/count</code>, <code>POST /event/select</code>.</li>\
             </ol>"
        ),
    )
}

fn base_page() -> String {
    page(
        "tenantry",
        "<p>Customer data platforms are served here, each at a host of its own: \
         <code>&lt;name&gt;.&lt;this domain&gt;</code>.</p>\
         <p>Open your own platform's address. As the operator, make a new one with \
         <code>POST /tenant/install</code> and the key of the Tenant Management Service.</p>",
    )
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style>body{{font:1rem/1.6 system-ui,sans-serif;max-width:42rem;margin:4rem auto;padding:0 1rem}}\
         code{{background:#8882;padding:.1em .3em;border-radius:.2em}}:root{{color-scheme:light dark}}</style></head>\
         <body><h1>{title}</h1>{body}</body></html>\n"
    )
}
