//! The records of tenants: registered, read, changed, activated, suspended, resumed.

use axum::Json;
use axum::extract::State;
use secrecy::SecretString;
use serde_json::{Value, json};
use tenant_core::{Host, SuspendReason, TenantBody};

use crate::app::AppState;
use crate::body::{JsonBody, OptionalJsonBody, PathText};
use crate::caller::{Caller, Operator};
use crate::edit::Edit;
use crate::error::ApiError;
use crate::find::find;
use crate::keys::Scope;
use crate::new_tenant::{self, Rules};
use crate::openapi::schemas;
use crate::patch;
use crate::repo::Stored;
use crate::secret;
use crate::transition::Transition;

/// Register a tenant
///
/// It is pending until its install has finished.
#[utoipa::path(
    post,
    path = "/tenant",
    operation_id = "createTenant",
    tag = "tenants",
    request_body = schemas::NewTenant,
    responses(
        (status = 200, description = "Its record.", body = schemas::Tenant),
        (
            status = 409,
            description = "`tenant_exists`, `incarnation_taken`, `host_taken`: something that must be unique is taken"
        ),
    ),
    security(("token" = ["operator"]))
)]
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

/// Change a tenant
///
/// A merge patch (RFC 7396): what is left out stays, `null` clears. Other fields than these are refused.
#[utoipa::path(
    patch,
    path = "/tenant/{tenant}",
    operation_id = "patchTenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "Its id, name or incarnation.")),
    request_body = schemas::Patch,
    responses(
        (status = 200, description = "Its record.", body = schemas::Tenant),
        (status = 404, description = "`tenant_unknown`: there is no such tenant"),
        (
            status = 409,
            description = "`host_taken`: a host belongs to another tenant\n\n`status_conflict`: it is being removed"
        ),
    ),
    security(("token" = ["operator"]))
)]
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

/// One tenant
///
/// `null` where there is none: that is what clients of the original expect.
#[utoipa::path(
    get,
    path = "/tenant/{tenant}",
    operation_id = "getTenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "Its id, name or incarnation.")),
    responses((status = 200, description = "Its record, or `null`.", body = Option<schemas::Tenant>)),
    security(("token" = []))
)]
pub(crate) async fn get(
    caller: Caller,
    State(state): State<AppState>,
    PathText(tenant): PathText,
) -> Result<Json<Option<TenantBody>>, ApiError> {
    let found = find(&*state.repo, &tenant).await?;
    Ok(Json(found.map(|stored| caller.view(&stored))))
}

/// The tenant that has a host as its own domain
///
/// `null` where nobody has it.
#[utoipa::path(
    get,
    path = "/host/{host}",
    operation_id = "getTenantOfHost",
    tag = "tenants",
    params(("host" = String, Path, description = "A host, with a port or without one.")),
    responses((status = 200, description = "Its record, or `null`.", body = Option<schemas::Tenant>)),
    security(("token" = []))
)]
pub(crate) async fn by_host(
    caller: Caller,
    State(state): State<AppState>,
    PathText(host): PathText,
) -> Result<Json<Option<TenantBody>>, ApiError> {
    let Ok(host) = Host::parse(host.as_bytes()) else { return Ok(Json(None)) };
    let found = state.repo.by_host(&host).await?;
    Ok(Json(found.map(|stored| caller.view(&stored))))
}

/// Make a pending tenant active
///
/// By an operator, or by whoever has the tenant's install token.
#[utoipa::path(
    post,
    path = "/tenant/{tenant}/activate",
    operation_id = "activateTenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "Its id, name or incarnation.")),
    request_body = Option<schemas::Activation>,
    responses(
        (status = 200, description = "Its record.", body = schemas::Tenant),
        (
            status = 403,
            description = "`forbidden`: neither an operator's key nor an install token\n\n`install_token_invalid`: the \
                           install token is not the tenant's"
        ),
        (status = 404, description = "`tenant_unknown`: there is no such tenant"),
        (status = 409, description = "`status_conflict`: it is neither pending nor active"),
    ),
    security(("token" = []))
)]
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

/// Stop serving a tenant
///
/// Repeated with a reason, it replaces both reasons.
#[utoipa::path(
    post,
    path = "/tenant/{tenant}/suspend",
    operation_id = "suspendTenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "Its id, name or incarnation.")),
    request_body = Option<schemas::Reasons>,
    responses(
        (status = 200, description = "Its record.", body = schemas::Tenant),
        (status = 404, description = "`tenant_unknown`: there is no such tenant"),
        (status = 409, description = "`status_conflict`: it is neither active nor suspended"),
    ),
    security(("token" = ["operator"]))
)]
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

/// Serve a suspended tenant again
#[utoipa::path(
    post,
    path = "/tenant/{tenant}/resume",
    operation_id = "resumeTenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "Its id, name or incarnation.")),
    responses(
        (status = 200, description = "Its record.", body = schemas::Tenant),
        (status = 404, description = "`tenant_unknown`: there is no such tenant"),
        (status = 409, description = "`status_conflict`: it is neither suspended nor active"),
    ),
    security(("token" = ["operator"]))
)]
pub(crate) async fn resume(
    Operator(caller): Operator,
    State(state): State<AppState>,
    PathText(tenant): PathText,
) -> Result<Json<TenantBody>, ApiError> {
    let stored = transit(&state, &caller, &tenant, Transition::Resume).await?;
    Ok(Json(caller.view(&stored)))
}

/// Whether a text is the tenant's install token
#[utoipa::path(
    post,
    path = "/tenant/{tenant}/verify-token",
    operation_id = "verifyInstallToken",
    tag = "tenants",
    params(("tenant" = String, Path, description = "Its id, name or incarnation.")),
    request_body = schemas::InstallToken,
    responses(
        (status = 200, description = "Whether it is.", body = schemas::Verdict),
        (status = 404, description = "`tenant_unknown`: there is no such tenant"),
    ),
    security(("token" = []))
)]
pub(crate) async fn verify_token(
    _: Caller,
    State(state): State<AppState>,
    PathText(tenant): PathText,
    body: JsonBody,
) -> Result<Json<Value>, ApiError> {
    let token = SecretString::from(body.read(|reader| reader.string("token"))?);
    let found = find(&*state.repo, &tenant).await?;
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
    let id = find(&*state.repo, tenant).await?.ok_or_else(unknown)?.record.tenant.id();
    state.repo.edit(&id, edit, &caller.stamp(state)).await?.ok_or_else(unknown)
}
