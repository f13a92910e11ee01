//! [`TmsClient`]: one method per endpoint of the TMS; no caching, no retries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use tenant_core::{
    Host, NewTenant, RegistryError, SuspendReason, Tenant, TenantBody, TenantId, TenantKey, TenantRecord,
    TenantRegistry, WireError,
};

use crate::auth::Auth;
use crate::builder::TmsClientBuilder;
use crate::error::{TmsError, TmsErrorKind};
use crate::found::{Found, body_of, no_tenant};
use crate::transport::{Answer, Request, Transport};

/// The plain client of a TMS. Cloning it is cheap; clones share connections and the access token.
///
/// Each method is one call and needs a tokio runtime. The API key becomes an access token with the first call; a token is
/// renewed ahead of its expiry, and a call that is answered 401 is repeated once, with a new token. Nothing else is tried
/// again here.
///
/// # Errors
/// Every method: [`Forbidden`](TmsErrorKind::Forbidden) if the key is refused or does not allow the call,
/// [`Unavailable`](TmsErrorKind::Unavailable) if no whole answer came in time,
/// [`Protocol`](TmsErrorKind::Protocol) if the answer is not one of a TMS.
///
/// # Cancellation
/// Dropping a future ends its call; whether the TMS did what it was asked is then unknown. A renewal of the token goes on.
#[derive(Clone)]
pub struct TmsClient {
    transport: Arc<Transport>,
    auth: Arc<Auth>,
    limits: Limits,
}

/// How big an answer may be, in bytes, and how long the list may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_answer: usize,
    pub(crate) max_list: usize,
    pub(crate) list_timeout: Duration,
}

impl fmt::Debug for TmsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TmsClient").field("base_url", &self.transport.base).finish_non_exhaustive()
    }
}

impl TmsClient {
    /// Begins a client of the TMS at this address, such as `http://tms:8383`, with this API key.
    pub fn builder(base_url: &str, key: SecretString) -> TmsClientBuilder {
        TmsClientBuilder::new(base_url, key)
    }

    pub(crate) fn new(transport: Transport, auth: Auth, limits: Limits) -> Self {
        Self { transport: Arc::new(transport), auth: Arc::new(auth), limits }
    }

    /// The address of the TMS, without a `/` at its end.
    pub(crate) fn base_url(&self) -> &str {
        &self.transport.base
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// How long an answer may take, or the head of a stream.
    pub(crate) fn timeout(&self) -> Duration {
        self.transport.timeout
    }

    /// A client of the same TMS, over the same connections, with another key.
    #[must_use]
    pub fn with_key(&self, key: SecretString) -> Self {
        let auth = Arc::new(Auth::new(key, Arc::clone(self.auth.clock())));
        Self { auth, ..self.clone() }
    }

    /// Proves the key at the TMS: exchanges it for an access token, even if there is one.
    ///
    /// # Errors
    /// `Forbidden` if the TMS refuses the key; also, without any call, if it is not 1 to 256 visible ASCII characters.
    pub async fn authorize(&self) -> Result<(), TmsError> {
        self.auth.prove(&self.transport).await
    }

    /// Whether this is the install token of the tenant (`POST /tenant/{tenant}/verify-token`).
    ///
    /// # Errors
    /// As for every method, and `NotFound`.
    pub async fn verify_token(&self, id: &TenantId, token: &SecretString) -> Result<bool, TmsError> {
        let body = json!({ "token": token.expose_secret() });
        let answer = self.call(Method::POST, &format!("/tenant/{id}/verify-token"), Some(&body)).await?;
        let answer = answer.json()?;
        answer["ok"].as_bool().ok_or_else(|| TmsError::protocol("the answer to verify-token has no ok"))
    }

    /// Makes a pending tenant active for the holder of its install token, under any scope of key.
    ///
    /// # Errors
    /// As for every method, `NotFound`, and `Forbidden` if the token is another.
    pub async fn activate_with_token(
        &self,
        id: &TenantId,
        install_token: &SecretString,
    ) -> Result<Tenant, TmsError> {
        let body = json!({ "install_token": install_token.expose_secret() });
        let answer = self.call(Method::POST, &format!("/tenant/{id}/activate"), Some(&body)).await?;
        let tenant = Found::of(body_of(answer.json()?)?)?.tenant;
        check_id(id, &tenant)?;
        Ok(tenant)
    }

    /// The tenant of a key (`GET /tenant/{id}`, `GET /host/{host}`); `None` if the TMS knows none. A 404 with a `detail`
    /// is that too: other services than ours answer so.
    ///
    /// # Errors
    /// As for every method; `Protocol` also if the record is another tenant's than the one asked for.
    pub async fn find(&self, key: &TenantKey<'_>) -> Result<Option<Tenant>, TmsError> {
        Ok(self.look_up(key).await?.map(|found| found.tenant))
    }

    /// [`TmsClient::find`], with the record's revision.
    pub(crate) async fn look_up(&self, key: &TenantKey<'_>) -> Result<Option<Found>, TmsError> {
        let path = match key {
            TenantKey::Label { id, .. } => format!("/tenant/{id}"),
            TenantKey::Domain(domain) => match domain.parse::<Host>() {
                Ok(host) if host.as_str() == *domain => format!("/host/{host}"),
                // Not the normal form of a host, and so nobody's.
                _ => return Ok(None),
            },
        };
        let Some(body) = absent(self.call(Method::GET, &path, None).await?)? else { return Ok(None) };
        let found = Found::of(body)?;
        match key {
            TenantKey::Label { id, .. } => check_id(id, &found.tenant)?,
            TenantKey::Domain(_) if key.names(&found.tenant) => {}
            TenantKey::Domain(_) => {
                return Err(TmsError::protocol("the record does not have the host asked for"));
            }
        }
        Ok(Some(found))
    }

    /// All tenants (`GET /tenant`). A record that is no tenant by our rules is left out, with a warning: it has no label
    /// that a host could name.
    ///
    /// # Errors
    /// As for every method.
    pub async fn list(&self) -> Result<Vec<Tenant>, TmsError> {
        Ok(self.read_list().await?.rows.into_iter().map(|found| found.tenant).collect())
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, TmsError> {
        let body = body.map(|body| body.to_string().into_bytes());
        self.authorized(&Request { method, path, body, max_answer: self.limits.max_answer }).await
    }

    async fn authorized(&self, request: &Request<'_>) -> Result<Answer, TmsError> {
        let token = self.auth.token(&self.transport).await?;
        let answer = self.transport.send(request, Some((AUTHORIZATION, token.header()))).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        self.auth.refused(&token);
        let token = self.auth.token(&self.transport).await?;
        self.transport.send(request, Some((AUTHORIZATION, token.header()))).await
    }

    /// Opens a stream. It may take `limit` in all; a refusal is an answer, not read yet.
    pub(crate) async fn open(
        &self,
        path: &str,
        mut headers: HeaderMap,
        limit: Duration,
    ) -> Result<Response, TmsError> {
        let token = self.auth.token(&self.transport).await?;
        headers.insert(AUTHORIZATION, token.header());
        let response = self.transport.open(path, headers.clone(), limit).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.auth.refused(&token);
        headers.insert(AUTHORIZATION, self.auth.token(&self.transport).await?.header());
        self.transport.open(path, headers, limit).await
    }

    /// Renews the access token if its time has come, so that the next call does not wait for it.
    pub(crate) fn stay_authorized(&self) {
        self.auth.stay_ahead(&self.transport);
    }

    async fn change(
        &self,
        id: &TenantId,
        verb: &str,
        body: Option<&Value>,
    ) -> Result<TenantRecord, RegistryError> {
        let answer = self.call(Method::POST, &format!("/tenant/{id}/{verb}"), body).await?;
        let record = record(body_of(answer.json()?)?)?;
        check_id(id, &record.tenant)?;
        Ok(record)
    }
}

impl TenantRegistry for TmsClient {
    async fn create(&self, new: &NewTenant) -> Result<TenantRecord, RegistryError> {
        let mut body = Map::new();
        body.insert("name".to_owned(), new.name.as_str().into());
        body.insert("email".to_owned(), new.email.as_str().into());
        if let Some(token) = &new.install_token {
            body.insert("install_token".to_owned(), token.expose_secret().into());
        }
        if let Some(storage) = new.storage {
            body.insert("storage".to_owned(), storage.as_str().into());
        }
        let answer = self.call(Method::POST, "/tenant", Some(&Value::Object(body))).await?;
        let record = record(body_of(answer.json()?)?)?;
        check_id(&new.name.id(), &record.tenant)?;
        Ok(record)
    }

    async fn get(&self, id: &TenantId) -> Result<Option<TenantRecord>, RegistryError> {
        let Some(body) = absent(self.call(Method::GET, &format!("/tenant/{id}"), None).await?)? else {
            return Ok(None);
        };
        let record = record(body)?;
        check_id(id, &record.tenant)?;
        Ok(Some(record))
    }

    async fn activate(&self, id: &TenantId) -> Result<TenantRecord, RegistryError> {
        self.change(id, "activate", None).await
    }

    async fn suspend(&self, id: &TenantId, reason: &SuspendReason) -> Result<TenantRecord, RegistryError> {
        let mut body = Map::new();
        for (name, reason) in [("public_reason", &reason.public), ("private_reason", &reason.private)] {
            if let Some(reason) = reason {
                body.insert(name.to_owned(), reason.as_str().into());
            }
        }
        self.change(id, "suspend", Some(&Value::Object(body))).await
    }

    async fn resume(&self, id: &TenantId) -> Result<TenantRecord, RegistryError> {
        self.change(id, "resume", None).await
    }
}

/// The body of an answer that may say that there is no tenant: `null`, or 404 with a `detail`.
fn absent(answer: Answer) -> Result<Option<TenantBody>, TmsError> {
    match answer.json() {
        Ok(Value::Null) => Ok(None),
        Ok(body) => body_of(body).map(Some),
        Err(error) if error.kind() == &TmsErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The whole record. Where its secrets are left out, the key is one for directories.
fn record(body: TenantBody) -> Result<TenantRecord, TmsError> {
    body.into_record().map_err(|error| match error {
        WireError::Missing("install_token" | "email") => {
            TmsError::new(TmsErrorKind::Forbidden, "the key does not allow to read whole records")
                .with_source(error)
        }
        error => no_tenant(error),
    })
}

fn check_id(asked: &TenantId, tenant: &Tenant) -> Result<(), TmsError> {
    if tenant.id() == *asked {
        return Ok(());
    }
    Err(TmsError::protocol("the record is another tenant's than the one asked for"))
}
