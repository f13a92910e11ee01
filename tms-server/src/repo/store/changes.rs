//! The tables `feed_head` and `change`.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use jiff::Timestamp;
use tenant_core::Tenant;
use tokio::sync::watch;

use super::super::error::DamagedRow;
use super::super::sql::{Row, Tx};
use super::super::{Change, Changed, FeedRepo, RepoError, Since, Stored};
use super::record::{self, select_tenants};
use super::{SqlRepo, signed, unsigned};
use crate::cursor::Cursor;
use crate::secret;

/// How many changes are forgotten in one transaction, so that writers do not wait for long.
const PIECE: i64 = 5000;

/// Adds a change of a tenant, and answers its number. The head's row stays locked until the transaction ends.
pub(super) async fn add(tx: &mut Tx, tenant: &Tenant, at: Timestamp) -> Result<u64, RepoError> {
    let nonce = secret::random_id();
    let bumped = "UPDATE feed_head SET n = n + 1, nonce = $1 RETURNING n";
    let head = tx.row(bumped, &[nonce.as_str().into()]).await?.ok_or(DamagedRow("feed's head"))?;
    let n = head.int("n")?;
    tx.execute(
        "INSERT INTO change (n, nonce, tenant_id, incarnation, kind, at) VALUES ($1, $2, $3, $4, 'tenant', $5)",
        &[
            n.into(),
            nonce.into(),
            tenant.id().to_string().into(),
            tenant.incarnation.to_string().into(),
            at.as_millisecond().into(),
        ],
    )
    .await?;
    Ok(unsigned(n, "feed's head")?)
}

/// The newest change.
pub(super) async fn head(tx: &mut Tx) -> Result<Cursor, RepoError> {
    let row = tx.row("SELECT db, n, nonce FROM feed_head", &[]).await?.ok_or(DamagedRow("feed's head"))?;
    cursor(row.text("db")?, &row)
}

fn cursor(db: String, row: &Row) -> Result<Cursor, RepoError> {
    Ok(Cursor { db, n: unsigned(row.int("n")?, "change's number")?, nonce: row.text("nonce")? })
}

/// Whether the cursor is of a state that this database was in, and all changes after it are kept. Changes are forgotten in their
/// order: if one is kept, so are all after it.
async fn fits(tx: &mut Tx, cursor: &Cursor, head: &Cursor) -> Result<bool, RepoError> {
    if cursor.db != head.db || cursor.n > head.n {
        return Ok(false);
    }
    if cursor.n == head.n {
        return Ok(cursor.nonce == head.nonce);
    }
    let kept = "SELECT nonce FROM change WHERE n = $1";
    let row = tx.row(kept, &[signed(cursor.n.max(1)).into()]).await?;
    let Some(row) = row else { return Ok(false) };
    Ok(cursor.n == 0 || row.text("nonce")? == cursor.nonce)
}

#[async_trait]
impl FeedRepo for SqlRepo {
    async fn head(&self) -> Result<Cursor, RepoError> {
        let rows = self.engine.rows("SELECT db, n, nonce FROM feed_head", &[]).await?;
        let row = rows.first().ok_or(DamagedRow("feed's head"))?;
        cursor(row.text("db")?, row)
    }

    async fn since(&self, from: &Cursor, limit: u32) -> Result<Since, RepoError> {
        let mut tx = self.engine.read().await?;
        let head = head(&mut tx).await?;
        if !fits(&mut tx, from, &head).await? {
            return Ok(Since::Reset);
        }
        if from.n == head.n {
            return Ok(Since::Changes { changes: Vec::new(), head });
        }
        let next = "SELECT n, nonce, tenant_id, incarnation FROM change WHERE n > $1 ORDER BY n LIMIT $2";
        let rows = tx.rows(next, &[signed(from.n).into(), i64::from(limit).into()]).await?;
        let to = rows.last().map_or(Ok(0), |row| row.int("n"))?;
        let now = select_tenants!("WHERE id IN (SELECT tenant_id FROM change WHERE n > $1 AND n <= $2)");
        let mut tenants: HashMap<String, Stored> = HashMap::new();
        for row in tx.rows(now, &[signed(from.n).into(), to.into()]).await? {
            tenants.insert(row.text("id")?, record::read(&row)?);
        }
        Ok(Since::Changes { changes: coalesce(&rows, &tenants, &head.db)?, head })
    }

    async fn trim(&self, before: Timestamp) -> Result<(), RepoError> {
        loop {
            let mut tx = self.engine.write().await?;
            // Clocks may have jumped: what is forgotten is all before the first change that is young enough. The newest one
            // stays, for those who have it and wait for the next.
            let forgotten = tx
                .execute(
                    "DELETE FROM change WHERE n < (SELECT min(n) FROM change) + $2 AND n < coalesce( \
                     (SELECT min(n) FROM change WHERE at >= $1), (SELECT max(n) FROM change))",
                    &[before.as_millisecond().into(), PIECE.into()],
                )
                .await?;
            tx.commit().await?;
            if forgotten == 0 {
                return Ok(());
            }
        }
    }

    fn listen(&self) -> watch::Receiver<()> {
        self.bell.listen()
    }
}

/// The last change of each tenant's life, in order.
fn coalesce(rows: &[Row], tenants: &HashMap<String, Stored>, db: &str) -> Result<Vec<Change>, RepoError> {
    let mut changes = Vec::new();
    let mut seen = HashSet::new();
    for row in rows.iter().rev() {
        let (id, incarnation) = (row.text("tenant_id")?, row.text("incarnation")?);
        if !seen.insert((id.clone(), incarnation.clone())) {
            continue;
        }
        let lives = |stored: &&Stored| stored.record.tenant.incarnation.to_string() == incarnation;
        let tenant = match tenants.get(&id).filter(lives) {
            Some(stored) => Changed::Now(Box::new(stored.clone())),
            None => Changed::Gone { id, incarnation },
        };
        changes.push(Change { cursor: cursor(db.to_owned(), row)?, tenant });
    }
    changes.reverse();
    Ok(changes)
}
