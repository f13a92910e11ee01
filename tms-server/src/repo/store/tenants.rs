//! Tenants: created, changed, found, listed.

use async_trait::async_trait;
use tenant_core::{Host, Incarnation, TenantBody, TenantId, TenantRecord, TenantStatus};

use super::super::error::DamagedRow;
use super::super::sql::{Tx, Value};
use super::super::{Page, RepoError, Snapshot, Stamp, Stored, TenantRepo};
use super::record::{self, select_tenants};
use super::{SqlRepo, audit, changes, unsigned};
use crate::cursor::Cursor;
use crate::edit::Edit;

const BY_ID: &str = select_tenants!("WHERE id = $1");
const AFTER_ID: &str = select_tenants!("WHERE id > $1 ORDER BY id LIMIT $2");

#[async_trait]
impl TenantRepo for SqlRepo {
    async fn create(&self, record: &TenantRecord, stamp: &Stamp) -> Result<Stored, RepoError> {
        let mut tx = self.engine.write().await?;
        let revision = changes::add(&mut tx, &record.tenant, stamp.at).await?;
        let stored = Stored { record: record.clone(), revision };
        record::insert(&mut tx, &stored).await?;
        let id = record.tenant.id();
        audit::add(&mut tx, stamp, "tenant.create", Some(&id), None, Some(&audited(&stored)?)).await?;
        self.commit_change(tx).await?;
        Ok(stored)
    }

    async fn edit(&self, id: &TenantId, edit: &Edit, stamp: &Stamp) -> Result<Option<Stored>, RepoError> {
        let mut tx = self.engine.write().await?;
        let Some(row) = tx.row(BY_ID, &[id.as_str().into()]).await? else { return Ok(None) };
        let before = record::read(&row)?;
        let mut after = before.clone();
        edit.apply(&mut after.record)?;
        if audited(&before)? == audited(&after)? {
            return Ok(Some(before));
        }
        after.revision = changes::add(&mut tx, &after.record.tenant, stamp.at).await?;
        let hosts_changed = before.record.tenant.hosts != after.record.tenant.hosts;
        record::update(&mut tx, &after, hosts_changed).await?;
        let (was, became) = (audited(&before)?, audited(&after)?);
        audit::add(&mut tx, stamp, edit.action(), Some(id), Some(&was), Some(&became)).await?;
        self.commit_change(tx).await?;
        Ok(Some(after))
    }

    async fn by_id(&self, id: &TenantId) -> Result<Option<Stored>, RepoError> {
        self.find(BY_ID, id.as_str().into()).await
    }

    async fn by_incarnation(&self, incarnation: &Incarnation) -> Result<Option<Stored>, RepoError> {
        self.find(select_tenants!("WHERE incarnation = $1"), incarnation.to_string().into()).await
    }

    async fn by_host(&self, host: &Host) -> Result<Option<Stored>, RepoError> {
        let of_host = select_tenants!("WHERE id = (SELECT tenant_id FROM tenant_host WHERE host = $1)");
        self.find(of_host, host.as_str().into()).await
    }

    async fn page(&self, after: Option<&TenantId>, limit: u32) -> Result<Page, RepoError> {
        let mut tx = self.engine.read().await?;
        let cursor = changes::head(&mut tx).await?;
        let tenants = piece(&mut tx, after.map_or("", TenantId::as_str), limit.into()).await?;
        Ok(Page { tenants, cursor })
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, RepoError> {
        let mut tx = self.engine.long_read().await?;
        let cursor = changes::head(&mut tx).await?;
        Ok(Box::new(Moment { tx, cursor, after: String::new() }))
    }

    async fn count_by_status(&self) -> Result<Vec<(TenantStatus, u64)>, RepoError> {
        use TenantStatus::{Active, Deleting, Pending, Suspended};
        let counted = "SELECT status, count(*) AS tenants FROM tenant GROUP BY status";
        let mut counts = [Pending, Active, Suspended, Deleting].map(|status| (status, 0));
        for row in self.engine.rows(counted, &[]).await? {
            let status = TenantStatus::parse(&row.text("status")?).ok_or(DamagedRow("tenant status"))?;
            let count = unsigned(row.int("tenants")?, "number of tenants")?;
            counts.iter_mut().filter(|(known, _)| *known == status).for_each(|known| known.1 = count);
        }
        Ok(counts.to_vec())
    }

    async fn ready(&self) -> Result<(), RepoError> {
        self.engine.rows("SELECT n FROM feed_head", &[]).await?;
        Ok(())
    }
}

impl SqlRepo {
    /// The one tenant that `sql` finds by `key`.
    async fn find(&self, sql: &'static str, key: Value<'_>) -> Result<Option<Stored>, RepoError> {
        let rows = self.engine.rows(sql, &[key]).await?;
        rows.first().map(record::read).transpose()
    }

    /// Commits, and wakes all who wait for changes.
    async fn commit_change(&self, mut tx: Tx) -> Result<(), RepoError> {
        self.engine.announce(&mut tx).await?;
        tx.commit().await?;
        self.bell.ring();
        Ok(())
    }
}

/// A transaction that sees all tenants at one moment.
struct Moment {
    tx: Tx,
    cursor: Cursor,
    after: String,
}

#[async_trait]
impl Snapshot for Moment {
    fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    async fn next(&mut self, limit: u32) -> Result<Vec<Stored>, RepoError> {
        let tenants = piece(&mut self.tx, &self.after, limit.into()).await?;
        if let Some(last) = tenants.last() {
            self.after = last.record.tenant.id().to_string();
        }
        Ok(tenants)
    }
}

async fn piece(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<Stored>, RepoError> {
    tx.rows(AFTER_ID, &[after.into(), limit.into()]).await?.iter().map(record::read).collect()
}

/// What the audit says of a tenant: all but its install token.
fn audited(stored: &Stored) -> Result<serde_json::Value, RepoError> {
    let body = TenantBody { install_token: None, ..stored.body() };
    serde_json::to_value(body).map_err(|error| RepoError::Backend(Box::new(error)))
}
