//! A tenant's record as rows of `tenant` and `tenant_host`, and back.

use secrecy::{ExposeSecret as _, SecretString};
use tenant_core::{Incarnation, Placement, Tenant, TenantName, TenantRecord, TenantStatus};

use super::super::error::DamagedRow;
use super::super::sql::{Row, Tx};
use super::super::{RepoError, Stored, Taken};
use super::{signed, time, unsigned};

/// Selects tenants with what belongs to them; hosts hold no comma.
macro_rules! select_tenants {
    ($which:literal) => {
        concat!(
            "SELECT id, incarnation, name, status, email, install_token, public_reason, private_reason, expire, limits, \
             storage, labels, license_id, created, revision, \
             (SELECT string_agg(host, ',' ORDER BY position) FROM tenant_host WHERE tenant_id = tenant.id) AS hosts \
             FROM tenant ",
            $which
        )
    };
}
pub(super) use select_tenants;

/// The tenant of a row that was selected so.
pub(super) fn read(row: &Row) -> Result<Stored, RepoError> {
    let name = TenantName::parse(&row.text("name")?).map_err(|_| DamagedRow("tenant name"))?;
    let incarnation: Incarnation =
        row.text("incarnation")?.parse().map_err(|_| DamagedRow("tenant incarnation"))?;
    let mut tenant = Tenant::new(name, incarnation);
    tenant.hosts = row.optional("hosts")?.into_iter().flat_map(|list| split(&list)).collect();
    tenant.status = TenantStatus::parse(&row.text("status")?).ok_or(DamagedRow("tenant status"))?;
    tenant.public_reason = row.optional("public_reason")?;
    tenant.expire = row.optional("expire")?.map(|text| time(&text, "tenant expiry")).transpose()?;
    tenant.limits = from_json(&row.text("limits")?, "tenant's limits")?;
    tenant.storage = row
        .optional("storage")?
        .map(|word| Placement::parse(&word).ok_or(DamagedRow("tenant storage")))
        .transpose()?;

    let install_token = SecretString::from(row.text("install_token")?);
    let created = time(&row.text("created")?, "time of creation")?;
    let mut record = TenantRecord::new(tenant, install_token, row.text("email")?, created);
    record.labels = from_json(&row.text("labels")?, "tenant's labels")?;
    record.private_reason = row.optional("private_reason")?;
    record.license_id = row.optional("license_id")?;
    Ok(Stored { record, revision: unsigned(row.int("revision")?, "tenant's revision")? })
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

/// Adds a tenant with its hosts.
pub(super) async fn insert(tx: &mut Tx, stored: &Stored) -> Result<(), RepoError> {
    let (record, tenant) = (&stored.record, &stored.record.tenant);
    let inserted = tx
        .execute(
            "INSERT INTO tenant (id, incarnation, name, status, email, install_token, public_reason, private_reason, \
             expire, limits, storage, labels, license_id, created, revision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING",
            &[
                tenant.id().to_string().into(),
                tenant.incarnation.to_string().into(),
                tenant.name.as_str().into(),
                tenant.status.as_str().into(),
                record.email.as_str().into(),
                record.install_token.expose_secret().into(),
                tenant.public_reason.as_deref().into(),
                record.private_reason.as_deref().into(),
                tenant.expire.map(|time| time.to_string()).into(),
                json(&tenant.limits)?.into(),
                tenant.storage.map(Placement::as_str).into(),
                json(&record.labels)?.into(),
                record.license_id.as_deref().into(),
                record.created.to_string().into(),
                signed(stored.revision).into(),
            ],
        )
        .await;
    match inserted {
        Ok(0) => return Err(Taken::Id(tenant.id()).into()),
        Ok(_) => {}
        // The only other unique column.
        Err(error) if error.as_database_error().is_some_and(|e| e.is_unique_violation()) => {
            return Err(Taken::Incarnation(tenant.incarnation).into());
        }
        Err(error) => return Err(error.into()),
    }
    insert_hosts(tx, tenant).await
}

/// Writes what may have changed of a tenant.
pub(super) async fn update(tx: &mut Tx, stored: &Stored, hosts_changed: bool) -> Result<(), RepoError> {
    let (record, tenant) = (&stored.record, &stored.record.tenant);
    let id = tenant.id().to_string();
    tx.execute(
        "UPDATE tenant SET status = $1, email = $2, public_reason = $3, private_reason = $4, expire = $5, limits = $6, \
         labels = $7, revision = $8 WHERE id = $9",
        &[
            tenant.status.as_str().into(),
            record.email.as_str().into(),
            tenant.public_reason.as_deref().into(),
            record.private_reason.as_deref().into(),
            tenant.expire.map(|time| time.to_string()).into(),
            json(&tenant.limits)?.into(),
            json(&record.labels)?.into(),
            signed(stored.revision).into(),
            id.as_str().into(),
        ],
    )
    .await?;
    if hosts_changed {
        tx.execute("DELETE FROM tenant_host WHERE tenant_id = $1", &[id.as_str().into()]).await?;
        insert_hosts(tx, tenant).await?;
    }
    Ok(())
}

async fn insert_hosts(tx: &mut Tx, tenant: &Tenant) -> Result<(), RepoError> {
    for (position, host) in (0_i64..).zip(&tenant.hosts) {
        let inserted = tx
            .execute(
                "INSERT INTO tenant_host (host, tenant_id, position) VALUES ($1, $2, $3) ON CONFLICT (host) DO NOTHING",
                &[host.as_str().into(), tenant.id().to_string().into(), position.into()],
            )
            .await?;
        if inserted == 0 {
            return Err(Taken::Host(host.clone()).into());
        }
    }
    Ok(())
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String, RepoError> {
    serde_json::to_string(value).map_err(|error| RepoError::Backend(Box::new(error)))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    text: &str,
    of: &'static str,
) -> Result<T, DamagedRow> {
    serde_json::from_str(text).map_err(|_| DamagedRow(of))
}
