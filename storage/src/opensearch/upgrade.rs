//! Bringing what an older program has written up to this one's schema: each document is written again as it is, with the
//! fields that searches sort and count by made anew.

use opensearch::http::Method;
use tenant_core::{Incarnation, TenantId};
use tracing::info;

use crate::document::Document;
use crate::error::{StoreError, StoreErrorKind};
use crate::namespace::Namespace;
use crate::opensearch::OpenSearchStore;
use crate::opensearch::body_terms::BodyTerms;
use crate::opensearch::home::{Home, Place};
use crate::opensearch::marker::Marker;
use crate::opensearch::operations::{Condition, Operation, Operations, Target};
use crate::opensearch::read::{Documents, Spot};
use crate::opensearch::request::Request;
use crate::opensearch::stored::{Outgoing, engine_id};
use crate::store::Store;

impl OpenSearchStore {
    /// The tenants of which anything was written by an older schema, each once: one question for ten thousand of their
    /// namespaces.
    ///
    /// # Errors
    /// As every call of a store.
    pub async fn outdated(&self) -> Result<Vec<(TenantId, Incarnation)>, StoreError> {
        self.engine.ready().await?;
        let markers = self.spaces.outdated(self.schema().version()).await?;
        let mut tenants: Vec<_> = markers.iter().filter_map(tenant_of).collect();
        tenants.dedup();
        Ok(tenants)
    }

    /// Whether anything had to be done.
    pub(super) async fn bring_up(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        let schema = self.schema().version();
        let Some(home) = self.spaces.home_if_older(namespace, schema).await? else { return Ok(false) };
        self.add_fields(home.place).await?;
        for kind in self.schema().kinds() {
            let documents = Documents { engine: &self.engine, home, kind };
            self.engine.hosts.refresh(&documents.alias()).await?;
            let mut after = None;
            loop {
                let page = documents.spots(after.as_ref()).await?;
                let Some((_, last)) = page.last() else { break };
                after = Some(last.id.clone());
                self.write_again(&documents, &page).await?;
            }
        }
        self.spaces.brought_up(namespace, schema).await?;
        info!(%namespace, schema, "brought up to the schema");
        Ok(true)
    }

    /// The fields of a tenant's own indices; those of all tenants have them already.
    async fn add_fields(&self, place: Place) -> Result<(), StoreError> {
        let Place::Dedicated(owner) = place else { return Ok(()) };
        let layout = &self.engine.layout;
        for kind in layout.own_kinds() {
            let alias = owner.alias(layout.version(), kind);
            let fields = layout.own_fields(kind);
            self.engine
                .hosts
                .send(&Request::write(Method::Put, format!("{alias}/_mapping"), Some(&fields)))
                .await?;
        }
        Ok(())
    }

    /// What has changed meanwhile was written by this schema, and is left alone.
    async fn write_again(
        &self,
        documents: &Documents<'_>,
        page: &[(Spot, Document)],
    ) -> Result<(), StoreError> {
        let (mut operations, mut terms) = (Operations::default(), BodyTerms::default());
        for (spot, document) in page {
            operations.add(&again(documents, spot, document)?, &mut terms)?;
        }
        for outcome in self.lane.write(operations).await? {
            match outcome {
                Err(refused) if !refused.is_conflict() => return Err(refused.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The same write of what has not changed meanwhile.
fn again<'d>(
    documents: &Documents<'d>,
    spot: &Spot,
    document: &'d Document,
) -> Result<Operation<'d>, StoreError> {
    let Documents { home: Home { space, .. }, kind, .. } = *documents;
    let Document { id, body, .. } = document;
    kind.check(body).map_err(|error| {
        let message = format!("`{id}` of the kind `{}`: {error}", kind.name());
        StoreError::new(StoreErrorKind::Backend, message)
    })?;
    let target = match documents.own_alias() {
        Some(_) => Target::Own(spot.index.clone()),
        None => Target::Shared(documents.alias(), space),
    };
    Ok(Operation {
        target,
        id: engine_id(&space, kind, id),
        condition: Condition::Unchanged(spot.state),
        document: Some(Outgoing { space, kind, id, body, write: spot.write }),
    })
}

/// `<id>/<incarnation>/<context>/`
fn tenant_of(marker: &Marker) -> Option<(TenantId, Incarnation)> {
    let incarnation = marker.namespace.split('/').nth(1)?;
    Some((marker.tenant.parse().ok()?, incarnation.parse().ok()?))
}
