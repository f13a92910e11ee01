//! `tms-server keys`: for an operator at the machine, who may have no key any more.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tenant_core::SystemClock;

use super::{Done, say, tell};
use crate::cli::KeysCommand;
use crate::keys::{IssuedKey, KeyInfo, Keys, Scope};
use crate::repo;

pub(crate) async fn run(database_url: &SecretString, command: KeysCommand) -> Done {
    let repo = repo::open_beside(database_url).await?;
    let keys = Keys::new(repo.clone(), None, Arc::new(SystemClock::default()));
    let done = match command {
        KeysCommand::List => list(&keys).await,
        KeysCommand::Create { scope, label } => create(&keys, scope, &label).await,
        KeysCommand::Rotate { id, overlap } => rotate(&keys, &id, overlap).await,
        KeysCommand::Revoke { id } => revoke(&keys, &id).await,
    };
    repo.close().await;
    done
}

async fn list(keys: &Keys) -> Done {
    let lines = keys.list().await?.iter().map(line).collect::<String>();
    Ok(say(&lines)?)
}

fn line(key: &KeyInfo) -> String {
    let created = key.created.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "{}\t{}\t{}\t{created}\t{}\n",
        key.id,
        key.scope.as_str(),
        key.generation,
        key.label.escape_debug()
    )
}

async fn create(keys: &Keys, scope: Scope, label: &str) -> Done {
    let issued = keys.issue(scope, label).await?;
    if let Err(error) = show(&issued) {
        // Nobody has seen it, and nobody should have to look for what it opens.
        keys.revoke(&issued.id).await?;
        return Err(error.into());
    }
    tell(format!("made key {} ({}, {label:?}); it is shown this once", issued.id, scope.as_str()));
    Ok(())
}

async fn rotate(keys: &Keys, id: &str, overlap: Duration) -> Done {
    let issued = keys.rotate(id, overlap).await?.ok_or_else(|| no_such_key(id))?;
    show(&issued)?;
    let earlier = match overlap {
        Duration::ZERO => "the earlier one has ended".to_owned(),
        _ => format!("the earlier one works for {} more", humantime::format_duration(overlap)),
    };
    tell(format!("rotated key {id}; it is shown this once, and {earlier}"));
    Ok(())
}

async fn revoke(keys: &Keys, id: &str) -> Done {
    let revoked = keys.revoke(id).await?.ok_or_else(|| no_such_key(id))?;
    tell(format!("revoked key {id} ({}, {:?}) and its tokens", revoked.scope.as_str(), revoked.label));
    Ok(())
}

/// Alone on its line, so that `key=$(tms-server keys create …)` is all that it takes.
fn show(issued: &IssuedKey) -> std::io::Result<()> {
    say(&format!("{}\n", issued.key.expose_secret()))
}

fn no_such_key(id: &str) -> String {
    format!("there is no key {id:?}; `tms-server keys list` shows all")
}
