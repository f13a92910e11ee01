//! What every database must do. Each part finds what the parts before it left.

mod changes;
mod keys;
mod tenants;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tenant_core::{Host, Incarnation, Tenant, TenantId, TenantRecord, TenantStatus};

use super::{KeyUse, Repo, Stamp};
use crate::keys::Scope;

/// Runs the whole suite on an empty database; [`what_was_written_is_still_there`] may follow, once it was opened again.
pub(crate) async fn all(repo: &dyn Repo) {
    repo.ready().await.expect("ready");
    tenants::are_kept(repo).await;
    changes::are_told(repo).await;
    keys::are_kept(repo).await;
}

/// What [`all`] leaves behind.
pub(crate) async fn what_was_written_is_still_there(repo: &dyn Repo) {
    let found = repo.by_id(&id("full")).await.expect("asked").expect("known");
    assert_same(&found.record, &tenants::full());
    let secrets = repo.signing_secrets(now()).await.expect("asked");
    assert_eq!(secrets[0].secret, b"fourth");
    assert!(!repo.list_keys().await.expect("asked").is_empty());
    assert_eq!(repo.audit(None, 0, 1).await.expect("asked")[0].seq, 1);
    changes::the_head_is_where_it_was(repo).await;
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00.123456789Z".parse().expect("a time")
}

/// By an operator.
fn stamp() -> Stamp {
    Stamp { at: now(), key: Some(KeyUse { id: "0011223344556677".into(), scope: Scope::Operator }) }
}

fn id(text: &str) -> TenantId {
    text.parse().expect("an id")
}

fn host(text: &str) -> Host {
    text.parse().expect("a host")
}

fn record(name: &str) -> TenantRecord {
    let mut tenant = Tenant::new(name.parse().expect("a name"), Incarnation::fixed(name));
    tenant.status = TenantStatus::Pending;
    TenantRecord::new(tenant, format!("{name}-token").into(), format!("{name}@example"), now())
}

#[track_caller]
fn assert_same(a: &TenantRecord, b: &TenantRecord) {
    assert_eq!(a.tenant, b.tenant);
    assert_eq!(a.install_token.expose_secret(), b.install_token.expose_secret());
    assert_eq!((&a.email, &a.labels, a.created), (&b.email, &b.labels, b.created));
    assert_eq!((&a.private_reason, &a.license_id), (&b.private_reason, &b.license_id));
}
