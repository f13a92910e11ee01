//! `/install` and `/tenant/install` (contract 4, design 8).

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use customer_data::user::{self, Email};
use secrecy::SecretString;
use serde_json::{Value, json};
use storage::StoreErrorKind;
use tenant_core::{Reader, TenantName};
use tenant_router::{Rejection, RejectionKind, Resolution};

use crate::body::JsonBody;
use crate::error::{ApiError, error_response};
use crate::install::{Admin, Created, InstallRequest, Installed};
use crate::state::AppState;

/// argon2 reads all of a password: a bound on that work.
const MAX_PASSWORD_BYTES: usize = 1024;

/// `POST /tenant/install`: on any host; the operator's key in the body is the credential.
///
/// Order of refusals: the JSON and the key's form, the key at the management service, the other fields, conflicts.
pub(crate) async fn tenant(
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    if !state.installer().is_multi_tenant() {
        return Err(ApiError::new(axum::http::StatusCode::NOT_FOUND, "not_found", "Not Found"));
    }
    let mut reader = Reader::body(&body);
    let key = SecretString::from(reader.string("tms_api_key"));
    reader.finish().map_err(ApiError::invalid)?;
    let operator = state.installer().operator(key).await?;
    let installed = operator.install(read_request(&body)?).await?;
    Ok(Json(answer(&state, &installed)))
}

fn read_request(body: &Value) -> Result<InstallRequest, ApiError> {
    let mut reader = Reader::body(body);
    let name = reader.parse::<TenantName>("name");
    let email = reader.parse::<Email>("email");
    let password = reader.string("password");
    let needs_admin = reader.boolean("needs_admin", true);
    reader.boolean("update_mapping", false);
    if needs_admin && password.is_empty() && reader.get("password").is_some_and(Value::is_string) {
        reader.fault("password", "value_error", "The admin's password can not be empty");
    }
    if password.len() > MAX_PASSWORD_BYTES {
        reader.fault("password", "value_error", format!("A password has at most {MAX_PASSWORD_BYTES} bytes"));
    }
    reader.finish().map_err(ApiError::invalid)?;
    let (Some(name), Some(email)) = (name, email) else { return Err(ApiError::invalid(Vec::new())) };
    Ok(InstallRequest { name, email, password: password.into(), needs_admin })
}

/// `[staging, production]`, in the original's shape, and which tenant it is about.
fn answer(state: &AppState, installed: &Installed) -> Value {
    let tenant = &installed.tenant;
    let url = state.settings().public_url.as_ref().map(|url| url.of(tenant.name.as_str()));
    let about = json!({
        "id": tenant.id().as_str(), "name": tenant.name.as_str(), "url": url, "status": tenant.status.as_str(),
    });
    let element = |created: &Created, admin: bool| {
        json!({
            "created": { "templates": created.templates, "indices": created.indices, "aliases": created.aliases },
            "admin": admin,
            "plugins": {},
            "tenant": about,
        })
    };
    json!([element(&installed.created[0], true), element(&installed.created[1], false)])
}

/// `POST /install`: the holder of the tenant's install token finishes its install.
pub(crate) async fn with_token(
    State(state): State<AppState>,
    Extension(Resolution(resolved)): Extension<Resolution>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let tenant = match &resolved {
        Ok(current) => current.tenant(),
        Err(rejection) => match (rejection.kind(), rejection.tenant()) {
            (RejectionKind::Pending, Some(tenant)) => &**tenant,
            (RejectionKind::Unknown { id }, _) => {
                return Err(ApiError::forbidden(format!(
                    "Installation forbidden. Tenant [{id}] not allowed."
                )));
            }
            _ => return Ok(refuse(rejection)),
        },
    };
    let (token, admin) = read_credentials(&body)?;
    let installed = state.installer().with_token(tenant, &token, admin).await?;
    Ok(Json(answer(&state, &installed)).into_response())
}

fn read_credentials(body: &Value) -> Result<(SecretString, Option<Admin>), ApiError> {
    let mut reader = Reader::body(body);
    let username = reader.string("username");
    let password = reader.string("password");
    let token = reader.string("token");
    if reader.get("needs_admin").is_none() {
        reader.fault("needs_admin", "missing", "Field required");
    }
    let needs_admin = reader.boolean("needs_admin", false);
    reader.boolean("update_mapping", false);
    reader.finish().map_err(ApiError::invalid)?;
    let admin = if needs_admin { Some(read_admin(&username, password)?) } else { None };
    Ok((token.into(), admin))
}

fn read_admin(username: &str, password: String) -> Result<Admin, ApiError> {
    match username.parse::<Email>() {
        Ok(email) if !password.is_empty() && password.len() <= MAX_PASSWORD_BYTES => {
            Ok(Admin { email, password: password.into() })
        }
        _ => Err(ApiError::forbidden(
            "Installation forbidden. Invalid admin account login or password. Login must be a valid email and password \
             can not be empty.",
        )),
    }
}

/// `GET /install`: what is installed, for the graphical interface, which shows its form unless all is well.
pub(crate) async fn check(
    State(state): State<AppState>,
    Extension(Resolution(resolved)): Extension<Resolution>,
) -> Result<Response, ApiError> {
    let row = match &resolved {
        Ok(current) => {
            let people = state.people(current.active());
            match user::has_admin(&people).await {
                Ok(admin) => {
                    json!({ "schema_ok": true, "admin_ok": admin, "form_ok": true, "warning": null })
                }
                Err(customer_data::DataError::Storage(failure))
                    if failure.kind() == StoreErrorKind::NotInstalled =>
                {
                    json!({ "schema_ok": false, "admin_ok": null, "form_ok": true, "warning": null })
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(rejection) => match rejection.kind() {
            RejectionKind::Pending => {
                json!({ "schema_ok": false, "admin_ok": false, "form_ok": true, "warning": null })
            }
            RejectionKind::Unknown { id } => not_ok(format!("Tenant [{id}] not allowed.")),
            RejectionKind::Unavailable { .. } => {
                let id = rejection.id().map(ToString::to_string).unwrap_or_default();
                let text = format!(
                    "Authorizing failed for tenant `{id}`. Could not reach Tenant Management Service."
                );
                not_ok(text)
            }
            _ => return Ok(refuse(rejection)),
        },
    };
    Ok(Json(row).into_response())
}

fn not_ok(warning: String) -> Value {
    json!({ "schema_ok": false, "admin_ok": false, "form_ok": false, "warning": [warning] })
}

/// The refusal that the tenant layer would have answered with.
pub(crate) fn refuse(rejection: &Rejection) -> Response {
    let mut response = error_response(rejection.error_body());
    if let Some(wait) = rejection.retry_after() {
        response.headers_mut().insert(axum::http::header::RETRY_AFTER, wait.as_secs().max(1).into());
    }
    response
}
