//! Finding a tenant by what people call it.

use tenant_core::{Incarnation, TenantName};
use uuid::Uuid;

use crate::repo::{Repo, RepoError, Stored};

/// By id, name or hyphenated incarnation. Another spelling of the id is nobody's.
pub(crate) async fn find(repo: &dyn Repo, tenant: &str) -> Result<Option<Stored>, RepoError> {
    if let Some(incarnation) = incarnation(tenant) {
        return repo.by_incarnation(&incarnation).await;
    }
    let Ok(asked) = TenantName::parse(tenant) else { return Ok(None) };
    let found = repo.by_id(&asked.id()).await?;
    Ok(found.filter(|stored| {
        let tenant = &stored.record.tenant;
        tenant.name == asked || tenant.id().as_str() == asked.as_str()
    }))
}

/// A hyphenated uuid.
pub(crate) fn incarnation(text: &str) -> Option<Incarnation> {
    let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    hyphenated.then(|| text.parse::<Uuid>().ok()).flatten().map(Incarnation::from)
}
