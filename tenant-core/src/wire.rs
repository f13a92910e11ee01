//! [`TenantBody`]: a tenant as the management service and its clients write it (contract 2, design 6).

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::id::Incarnation;
use crate::name::TenantName;
use crate::tenant::{Limits, Placement, Tenant, TenantRecord, TenantStatus};

/// A tenant on the wire: the superset of what the original's clients knew, and what we add.
///
/// A holder of a `directory` key gets it without `install_token` and `email`.
#[derive(Clone, Serialize, Deserialize)]
pub struct TenantBody {
    /// The tenant's id, derived from its name.
    pub id: String,
    /// The tenant's name.
    pub name: String,
    /// Which life of the id; absent at a foreign service.
    #[serde(default)]
    pub incarnation: Option<uuid::Uuid>,
    /// Where it stands; a foreign service that says nothing means active.
    #[serde(default = "active")]
    pub status: TenantStatus,
    /// Own domains, in normal form.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// What visitors may be told about a suspension.
    #[serde(default)]
    pub public_reason: Option<String>,
    /// When it stops being served.
    #[serde(default)]
    pub expire: Option<Timestamp>,
    /// What it may use.
    #[serde(default)]
    pub limits: Limits,
    /// Where its data is.
    #[serde(default)]
    pub storage: Option<Placement>,
    /// The secret that finishes an install; left out for `directory` keys.
    #[serde(default, alias = "install_key", skip_serializing_if = "Option::is_none")]
    pub install_token: Option<String>,
    /// Whom to write to; left out for `directory` keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Free words of the operator.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it was registered.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// Why it is suspended, for operators; left out for `directory` keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_reason: Option<String>,
    /// Kept for clients of the original.
    #[serde(default)]
    pub license_id: Option<String>,
}

fn active() -> TenantStatus {
    TenantStatus::Active
}

/// Why a [`TenantBody`] is no tenant.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The name is none.
    #[error("the tenant's name is not valid: {0}")]
    Name(#[from] crate::name::TenantNameError),
    /// The id is not the one that belongs to the name.
    #[error("the tenant's id does not belong to its name")]
    Id,
    /// A field that an administrator gets is missing.
    #[error("the record has no {0}")]
    Missing(&'static str),
}

impl TenantBody {
    /// Everything of a record, as an operator gets it.
    pub fn of_record(record: &TenantRecord) -> Self {
        let tenant = &record.tenant;
        Self {
            id: tenant.id().to_string(),
            name: tenant.name.to_string(),
            incarnation: Some(*tenant.incarnation.as_uuid()),
            status: tenant.status,
            hosts: tenant.hosts.clone(),
            public_reason: tenant.public_reason.clone(),
            expire: tenant.expire,
            limits: tenant.limits,
            storage: tenant.storage,
            install_token: Some(record.install_token.expose_secret().to_owned()),
            email: Some(record.email.clone()),
            labels: record.labels.clone(),
            created: Some(record.created),
            private_reason: record.private_reason.clone(),
            license_id: record.license_id.clone(),
        }
    }

    /// What routing may know of it: no install token, e-mail or private reason.
    #[must_use]
    pub fn for_directory(mut self) -> Self {
        self.install_token = None;
        self.email = None;
        self.private_reason = None;
        self
    }

    /// What routing needs. Own domains that are no hosts are dropped: nobody could ask for them.
    ///
    /// # Errors
    /// If the name is none, or the id is another name's. A uuid as `id` is the incarnation, as the original has it.
    pub fn into_tenant(self) -> Result<Tenant, WireError> {
        let name = TenantName::parse(&self.name)?;
        let uuid_as_id = self.id.parse::<uuid::Uuid>().ok();
        if uuid_as_id.is_none() && self.id != name.id().as_str() {
            return Err(WireError::Id);
        }
        let incarnation = self.incarnation.or(uuid_as_id).map(Incarnation::from);
        let mut tenant = Tenant::new(name, incarnation.unwrap_or_else(|| Incarnation::fixed(name.as_str())));
        tenant.hosts = self
            .hosts
            .iter()
            .filter_map(|host| host.parse::<Host>().ok())
            .map(|host| host.to_string())
            .collect();
        tenant.status = self.status;
        tenant.public_reason = self.public_reason;
        tenant.expire = self.expire;
        tenant.limits = self.limits;
        tenant.storage = self.storage;
        Ok(tenant)
    }

    /// The whole record, as an operator needs it.
    ///
    /// # Errors
    /// As [`TenantBody::into_tenant`], and if the install token, the e-mail or the time of creation is missing.
    pub fn into_record(mut self) -> Result<TenantRecord, WireError> {
        let install_token = self.install_token.take().ok_or(WireError::Missing("install_token"))?;
        let email = self.email.take().ok_or(WireError::Missing("email"))?;
        let created = self.created.ok_or(WireError::Missing("created"))?;
        let labels = std::mem::take(&mut self.labels);
        let private_reason = self.private_reason.take();
        let license_id = self.license_id.take();
        let tenant = self.into_tenant()?;
        let install_token = SecretString::from(install_token);
        Ok(TenantRecord { tenant, install_token, email, labels, created, private_reason, license_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TenantRecord {
        let mut tenant = Tenant::new("company-x".parse().expect("a name"), Incarnation::fixed("x"));
        tenant.hosts = vec!["shop.example".into()];
        tenant.status = TenantStatus::Pending;
        TenantRecord::new(tenant, "token".into(), "a@b".into(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_record_survives_the_wire() {
        let text = serde_json::to_string(&TenantBody::of_record(&record())).expect("json");
        let back: TenantBody = serde_json::from_str(&text).expect("a body");
        let back = back.into_record().expect("a record");
        assert_eq!(back.tenant, record().tenant);
        assert_eq!((back.install_token.expose_secret(), back.email.as_str()), ("token", "a@b"));
    }

    #[test]
    fn a_directory_gets_no_secret() {
        let body = TenantBody::of_record(&record()).for_directory();
        let text = serde_json::to_value(&body).expect("json");
        for absent in ["install_token", "email", "private_reason"] {
            assert!(text.get(absent).is_none(), "{absent}");
        }
        assert_eq!(body.into_tenant().expect("a tenant"), record().tenant);
    }

    #[test]
    fn the_originals_record_is_an_active_tenant() {
        let id = "3d8bb87e-28d1-4a38-b19c-d0c1fbb71e22";
        let text =
            format!(r#"{{"id":"{id}","name":"acme","install_key":"k","email":"a@b","license_id":"l"}}"#);
        let body: TenantBody = serde_json::from_str(&text).expect("a body");
        assert_eq!(body.install_token.as_deref(), Some("k"));
        let tenant = body.into_tenant().expect("a tenant");
        assert_eq!((tenant.incarnation.to_string().as_str(), tenant.status), (id, TenantStatus::Active));
    }

    #[test]
    fn an_id_of_another_name_is_refused() {
        let body: TenantBody = serde_json::from_str(r#"{"id":"other","name":"acme"}"#).expect("a body");
        assert!(matches!(body.into_tenant(), Err(WireError::Id)));
    }
}
