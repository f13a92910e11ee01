//! The records of tenants: registered, read, changed, activated, suspended, resumed.

use axum::Json;
use axum::extract::State;
use secrecy::SecretString;
use serde_json::{Value, json};
use tenant_core::{Host, Incarnation, SuspendReason, TenantBody, TenantName};
use uuid::Uuid;

use crate::app::AppState;
use crate::body::{JsonBody, OptionalJsonBody, PathText};
use crate::caller::{Caller, Operator};
use crate::edit::Edit;
use crate::error::ApiError;
use crate::keys::Scope;
use crate::new_tenant::{self, Rules};
use crate::patch;
use crate::repo::{RepoError, Stored};
use crate::secret;
use crate::transition::Transition;

pub(crate) async fn create(
    Operator(caller): Operator,
    State(state): State<AppState>,
    body: JsonBody,
) -> Result<Json<TenantBody>, ApiError> {
    let rules = Rules { names: &state.names, base_domains: state.base_domains.as_deref() };
    let record = body.read(|reader| new_tenant::read(reader, &rules, state.clock.wall()))?;
    // A name that is at fault has refused the request already.
    let record = record.ok_or_else(|| ApiError::Invalid(Vec::new()))?;
    let stored = state.repo.create(&record, &caller.stamp(&state)).await?;
    let id = record.tenant.id();
    tracing::info!(tenant.id = %id, "registered tenant {id}");
    Ok(Json(caller.view(&stored)))
}

/// Changes what a merge patch names (RFC 7396).
pub(crate) async fn patch(
    Operator(caller): Operator,
    State(state): State<AppState>,
    PathText(tenant): PathText,
    body: JsonBody,
) -> Result<Json<TenantBody>, ApiError> {
    let patch = body.read(|reader| patch::read(reader, state.base_domains.as_deref()))?;
    let stored = edit(&state, &caller, &tenant, &Edit::Fields(patch)).await?;
    Ok(Json(caller.view(&stored)))
}

/// Absence is `null`, not 404 (contract 2).
pub(crate) async fn get(
    caller: Caller,
    State(state): State<AppState>,
    PathText(tenant): PathText,
) -> Result<Json<Option<TenantBody>>, ApiError> {
    let found = find(&state, &tenant).await?;
    Ok(Json(found.map(|stored| caller.view(&stored))))
}

/// The tenant that has the host as its own domain. A text that is no host is nobody's.
pub(crate) async fn by_host(
    caller: Caller,
    State(state): State<AppState>,
    PathText(host): PathText,
) -> Result<Json<Option<TenantBody>>, ApiError> {
    let Ok(host) = Host::parse(host.as_bytes()) else { return Ok(Json(None)) };
    let found = state.repo.by_host(&host).await?;
    Ok(Json(found.map(|stored| caller.view(&stored))))
}

/// By an operator, or by whoever has the tenant's install token.
pub(crate) async fn activate(
    caller: Caller,
    State(state): State<AppState>,
    PathText(tenant): PathText,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Json<TenantBody>, ApiError> {
    let token = body.read(|reader| reader.optional_string("install_token"))?.map(SecretString::from);
    let token = match caller.scope {
        Scope::Operator => None,
        Scope::Directory => Some(token.ok_or(ApiError::Forbidden)?),
    };
    let stored = transit(&state, &caller, &tenant, Transition::Activate { token }).await?;
    Ok(Json(caller.view(&stored)))
}

pub(crate) async fn suspend(
    Operator(caller): Operator,
    State(state): State<AppState>,
    PathText(tenant): PathText,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Json<TenantBody>, ApiError> {
    let reason = body.read(|reader| SuspendReason {
        public: reader.optional_string("public_reason"),
        private: reader.optional_string("private_reason"),
    })?;
    let stored = transit(&state, &caller, &tenant, Transition::Suspend(reason)).await?;
    Ok(Json(caller.view(&stored)))
}

pub(crate) async fn resume(
    Operator(caller): Operator,
    State(state): State<AppState>,
    PathText(tenant): PathText,
) -> Result<Json<TenantBody>, ApiError> {
    let stored = transit(&state, &caller, &tenant, Transition::Resume).await?;
    Ok(Json(caller.view(&stored)))
}

/// Whether a text is the tenant's install token.
pub(crate) async fn verify_token(
    _: Caller,
    State(state): State<AppState>,
    PathText(tenant): PathText,
    body: JsonBody,
) -> Result<Json<Value>, ApiError> {
    let token = SecretString::from(body.read(|reader| reader.string("token"))?);
    let found = find(&state, &tenant).await?;
    let stored = found.ok_or(ApiError::TenantUnknown(tenant))?;
    Ok(Json(json!({ "ok": secret::opens_install(&token, &stored.record.install_token) })))
}

async fn transit(
    state: &AppState,
    caller: &Caller,
    tenant: &str,
    transition: Transition,
) -> Result<Stored, ApiError> {
    let stored = edit(state, caller, tenant, &Edit::Status(transition)).await?;
    let (id, status) = (stored.record.tenant.id(), stored.record.tenant.status.as_str());
    tracing::info!(tenant.id = %id, tenant.status = status, "tenant {id} is {status}");
    Ok(stored)
}

async fn edit(state: &AppState, caller: &Caller, tenant: &str, edit: &Edit) -> Result<Stored, ApiError> {
    let unknown = || ApiError::TenantUnknown(tenant.to_owned());
    let id = find(state, tenant).await?.ok_or_else(unknown)?.record.tenant.id();
    state.repo.edit(&id, edit, &caller.stamp(state)).await?.ok_or_else(unknown)
}

/// By id, name or hyphenated incarnation. Another spelling of the id is nobody's.
async fn find(state: &AppState, tenant: &str) -> Result<Option<Stored>, RepoError> {
    if let Some(incarnation) = incarnation(tenant) {
        return state.repo.by_incarnation(&incarnation).await;
    }
    let Ok(asked) = TenantName::parse(tenant) else { return Ok(None) };
    let found = state.repo.by_id(&asked.id()).await?;
    Ok(found.filter(|stored| {
        let tenant = &stored.record.tenant;
        tenant.name == asked || tenant.id().as_str() == asked.as_str()
    }))
}

/// A hyphenated uuid.
pub(super) fn incarnation(text: &str) -> Option<Incarnation> {
    let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    hyphenated.then(|| text.parse::<Uuid>().ok()).flatten().map(Incarnation::from)
}
