//! The table `audit`, which is only ever added to.

use async_trait::async_trait;
use serde_json::Value as Json;
use tenant_core::TenantId;

use super::super::error::DamagedRow;
use super::super::sql::{Row, Tx};
use super::super::{AuditRepo, AuditRow, KeyUse, RepoError, Stamp};
use super::record::from_json;
use super::{SqlRepo, time};
use crate::keys::Scope;

/// Adds a line. Writers take turns, so that the numbers are in the order of commits.
pub(super) async fn add(
    tx: &mut Tx,
    stamp: &Stamp,
    action: &str,
    tenant: Option<&TenantId>,
    before: Option<&Json>,
    after: Option<&Json>,
) -> Result<(), RepoError> {
    let key = stamp.key.as_ref();
    tx.execute(
        "INSERT INTO audit (seq, at, action, tenant_id, key_id, key_scope, was, became) \
         VALUES ((SELECT coalesce(max(seq), 0) + 1 FROM audit), $1, $2, $3, $4, $5, $6, $7)",
        &[
            stamp.at.to_string().into(),
            action.into(),
            tenant.map(TenantId::as_str).into(),
            key.map(|key| key.id.as_str()).into(),
            key.map(|key| key.scope.as_str()).into(),
            before.map(Json::to_string).into(),
            after.map(Json::to_string).into(),
        ],
    )
    .await?;
    Ok(())
}

#[async_trait]
impl AuditRepo for SqlRepo {
    async fn audit(
        &self,
        tenant: Option<&TenantId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, RepoError> {
        let limit = i64::from(limit);
        let rows = match tenant {
            Some(id) => {
                let of_tenant = "SELECT seq, at, action, tenant_id, key_id, key_scope, was, became FROM audit \
                                 WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
                self.engine.rows(of_tenant, &[id.as_str().into(), after.into(), limit.into()]).await?
            }
            None => {
                let all = "SELECT seq, at, action, tenant_id, key_id, key_scope, was, became FROM audit \
                           WHERE seq > $1 ORDER BY seq LIMIT $2";
                self.engine.rows(all, &[after.into(), limit.into()]).await?
            }
        };
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<AuditRow, RepoError> {
    let json = |column| -> Result<Option<Json>, RepoError> {
        Ok(row.optional(column)?.map(|text| from_json(&text, "line of the audit")).transpose()?)
    };
    let scope = row.optional("key_scope")?;
    let scope = scope.map(|word| Scope::parse(&word).ok_or(DamagedRow("key's scope"))).transpose()?;
    Ok(AuditRow {
        seq: row.int("seq")?,
        at: time(&row.text("at")?, "time of a change")?,
        action: row.text("action")?,
        tenant: row.optional("tenant_id")?,
        key: row.optional("key_id")?.zip(scope).map(|(id, scope)| KeyUse { id, scope }),
        before: json("was")?,
        after: json("became")?,
    })
}
