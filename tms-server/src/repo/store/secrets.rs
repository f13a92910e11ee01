//! The table `signing_secret`.

use async_trait::async_trait;
use jiff::Timestamp;

use super::super::{RepoError, SecretRepo, SigningSecret, Stamp};
use super::{SqlRepo, audit, time};

const NEWEST_FIRST: &str = "SELECT id, secret, created, until FROM signing_secret ORDER BY id DESC";

#[async_trait]
impl SecretRepo for SqlRepo {
    async fn signing_secrets(&self, now: Timestamp) -> Result<Vec<SigningSecret>, RepoError> {
        let mut secrets = Vec::new();
        for row in self.engine.rows(NEWEST_FIRST, &[]).await? {
            let until = row.optional("until")?;
            let until = until.map(|text| time(&text, "signing secret's end")).transpose()?;
            if until.is_none_or(|until| now < until) {
                let since = time(&row.text("created")?, "signing secret's time of creation")?;
                secrets.push(SigningSecret { secret: row.bytes("secret")?, since, until });
            }
        }
        Ok(secrets)
    }

    async fn first_signing_secret(&self, candidate: &[u8], stamp: &Stamp) -> Result<(), RepoError> {
        let mut tx = self.engine.write().await?;
        if tx.row(NEWEST_FIRST, &[]).await?.is_some() {
            return Ok(());
        }
        let insert = "INSERT INTO signing_secret (secret, created) VALUES ($1, $2)";
        tx.execute(insert, &[candidate.into(), stamp.at.to_string().into()]).await?;
        Ok(tx.commit().await?)
    }

    async fn rotate_signing_secret(
        &self,
        secret: &[u8],
        until: Timestamp,
        stamp: &Stamp,
    ) -> Result<(), RepoError> {
        let mut tx = self.engine.write().await?;
        for row in tx.rows(NEWEST_FIRST, &[]).await? {
            let id = row.int("id")?;
            let end = row.optional("until")?;
            let end = end.map(|text| time(&text, "signing secret's end")).transpose()?;
            let until = end.map_or(until, |earlier| earlier.min(until));
            if until <= stamp.at {
                tx.execute("DELETE FROM signing_secret WHERE id = $1", &[id.into()]).await?;
            } else {
                let end = "UPDATE signing_secret SET until = $1 WHERE id = $2";
                tx.execute(end, &[until.to_string().into(), id.into()]).await?;
            }
        }
        let insert = "INSERT INTO signing_secret (secret, created) VALUES ($1, $2)";
        tx.execute(insert, &[secret.into(), stamp.at.to_string().into()]).await?;
        audit::add(&mut tx, stamp, "secret.rotate", None, None, None).await?;
        Ok(tx.commit().await?)
    }
}
