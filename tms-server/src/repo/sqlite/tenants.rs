//! The tables `tenant` and `tenant_host`.

use std::collections::HashMap;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Executor, Row as _};
use tenant_core::{Host, Incarnation, Placement, Tenant, TenantId, TenantName, TenantRecord, TenantStatus};

use super::super::{DamagedRow, RepoError, Taken, TenantRepo};
use super::{SqliteRepo, time};
use crate::transition::Transition;

#[async_trait]
impl TenantRepo for SqliteRepo {
    async fn create(&self, record: &TenantRecord) -> Result<(), RepoError> {
        let mut tx = self.begin().await?;
        insert(&mut tx, record).await?;
        insert_hosts(&mut tx, &record.tenant).await?;
        Ok(tx.commit().await?)
    }

    async fn list(&self) -> Result<Vec<TenantRecord>, RepoError> {
        // One transaction, so that the hosts belong to the tenants of the same moment.
        let mut tx = self.read.begin().await?;
        let mut hosts: HashMap<String, Vec<String>> = HashMap::new();
        let rows = sqlx::query("SELECT tenant_id, host FROM tenant_host ORDER BY tenant_id, position")
            .fetch_all(&mut *tx)
            .await?;
        for row in rows {
            hosts.entry(row.try_get("tenant_id")?).or_default().push(row.try_get("host")?);
        }
        let rows = sqlx::query("SELECT * FROM tenant ORDER BY id").fetch_all(&mut *tx).await?;
        rows.iter()
            .map(|row| {
                let mut record = record(row)?;
                record.tenant.hosts = hosts.remove(record.tenant.id().as_str()).unwrap_or_default();
                Ok(record)
            })
            .collect()
    }

    async fn by_id(&self, id: &TenantId) -> Result<Option<TenantRecord>, RepoError> {
        let mut tx = self.read.begin().await?;
        find(&mut tx, "SELECT * FROM tenant WHERE id = ?", id.as_str()).await
    }

    async fn by_incarnation(&self, incarnation: &Incarnation) -> Result<Option<TenantRecord>, RepoError> {
        let mut tx = self.read.begin().await?;
        find(&mut tx, "SELECT * FROM tenant WHERE incarnation = ?", &incarnation.to_string()).await
    }

    async fn by_host(&self, host: &Host) -> Result<Option<TenantRecord>, RepoError> {
        let mut tx = self.read.begin().await?;
        let of_host = "SELECT tenant.* FROM tenant JOIN tenant_host ON tenant_id = id WHERE host = ?";
        find(&mut tx, of_host, host.as_str()).await
    }

    async fn transition(
        &self,
        id: &TenantId,
        transition: &Transition,
    ) -> Result<Option<TenantRecord>, RepoError> {
        let mut tx = self.begin().await?;
        let found = find(&mut tx, "SELECT * FROM tenant WHERE id = ?", id.as_str()).await?;
        let Some(mut record) = found else { return Ok(None) };
        transition.apply(&mut record)?;
        sqlx::query("UPDATE tenant SET status = ?, public_reason = ?, private_reason = ? WHERE id = ?")
            .bind(record.tenant.status.as_str())
            .bind(&record.tenant.public_reason)
            .bind(&record.private_reason)
            .bind(id.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Some(record))
    }

    async fn count_by_status(&self) -> Result<Vec<(TenantStatus, u64)>, RepoError> {
        let sql = "SELECT status, count(*) AS tenants FROM tenant GROUP BY status";
        let rows = sqlx::query(sql).fetch_all(&self.read).await?;
        let mut counts: HashMap<String, i64> = HashMap::new();
        for row in &rows {
            counts.insert(row.try_get("status")?, row.try_get("tenants")?);
        }
        use TenantStatus::{Active, Deleting, Pending, Suspended};
        let counted = |status: TenantStatus| counts.get(status.as_str()).map_or(0, |n| n.unsigned_abs());
        Ok([Pending, Active, Suspended, Deleting].map(|status| (status, counted(status))).to_vec())
    }

    async fn ready(&self) -> Result<(), RepoError> {
        self.read.execute("SELECT 1 FROM tenant LIMIT 1").await?;
        Ok(())
    }
}

async fn insert(connection: &mut SqliteConnection, record: &TenantRecord) -> Result<(), RepoError> {
    let tenant = &record.tenant;
    let inserted = sqlx::query(
        "INSERT INTO tenant (id, incarnation, name, status, email, install_token, public_reason, \
         private_reason, expire, limits, storage, labels, license_id, created) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    )
    .bind(tenant.id().to_string())
    .bind(tenant.incarnation.to_string())
    .bind(tenant.name.as_str())
    .bind(tenant.status.as_str())
    .bind(&record.email)
    .bind(record.install_token.expose_secret())
    .bind(&tenant.public_reason)
    .bind(&record.private_reason)
    .bind(tenant.expire.map(|time| time.to_string()))
    .bind(json(&tenant.limits)?)
    .bind(tenant.storage.map(Placement::as_str))
    .bind(json(&record.labels)?)
    .bind(&record.license_id)
    .bind(record.created.to_string())
    .execute(connection)
    .await;
    match inserted {
        Ok(done) if done.rows_affected() == 0 => Err(Taken::Id(tenant.id()).into()),
        Ok(_) => Ok(()),
        // The only other unique column.
        Err(error) if error.as_database_error().is_some_and(|e| e.is_unique_violation()) => {
            Err(Taken::Incarnation(tenant.incarnation).into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn insert_hosts(connection: &mut SqliteConnection, tenant: &Tenant) -> Result<(), RepoError> {
    for (position, host) in (0_i64..).zip(&tenant.hosts) {
        let inserted = sqlx::query(
            "INSERT INTO tenant_host (host, tenant_id, position) VALUES (?, ?, ?) ON CONFLICT (host) DO NOTHING",
        )
        .bind(host)
        .bind(tenant.id().to_string())
        .bind(position)
        .execute(&mut *connection)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(Taken::Host(host.clone()).into());
        }
    }
    Ok(())
}

/// The tenant that `sql` finds by `key`, with its hosts.
async fn find(
    connection: &mut SqliteConnection,
    sql: &'static str,
    key: &str,
) -> Result<Option<TenantRecord>, RepoError> {
    let Some(row) = sqlx::query(sql).bind(key).fetch_optional(&mut *connection).await? else {
        return Ok(None);
    };
    let mut record = record(&row)?;
    let hosts = sqlx::query("SELECT host FROM tenant_host WHERE tenant_id = ? ORDER BY position")
        .bind(record.tenant.id().to_string())
        .fetch_all(connection)
        .await?;
    record.tenant.hosts = hosts.iter().map(|row| row.try_get("host")).collect::<Result<_, _>>()?;
    Ok(Some(record))
}

/// The tenant of a row, without its hosts.
fn record(row: &SqliteRow) -> Result<TenantRecord, RepoError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let optional = |column: &str| row.try_get::<Option<String>, _>(column);

    let name = TenantName::parse(&text("name")?).map_err(|_| DamagedRow("tenant name"))?;
    let incarnation: Incarnation =
        text("incarnation")?.parse().map_err(|_| DamagedRow("tenant incarnation"))?;
    let mut tenant = Tenant::new(name, incarnation);
    tenant.status = TenantStatus::parse(&text("status")?).ok_or(DamagedRow("tenant status"))?;
    tenant.public_reason = optional("public_reason")?;
    tenant.expire = optional("expire")?.map(|text| time(&text, "tenant expiry")).transpose()?;
    tenant.limits = from_json(&text("limits")?, "tenant's limits")?;
    tenant.storage = optional("storage")?
        .map(|word| Placement::parse(&word).ok_or(DamagedRow("tenant storage")))
        .transpose()?;

    let install_token = SecretString::from(text("install_token")?);
    let created = time(&text("created")?, "time of creation")?;
    let mut record = TenantRecord::new(tenant, install_token, text("email")?, created);
    record.labels = from_json(&text("labels")?, "tenant's labels")?;
    record.private_reason = optional("private_reason")?;
    record.license_id = optional("license_id")?;
    Ok(record)
}

fn json(value: &impl serde::Serialize) -> Result<String, RepoError> {
    serde_json::to_string(value).map_err(|error| RepoError::Backend(Box::new(error)))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str, of: &'static str) -> Result<T, DamagedRow> {
    serde_json::from_str(text).map_err(|_| DamagedRow(of))
}
