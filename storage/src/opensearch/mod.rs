//! [`OpenSearchStore`]: the documents of all tenants in a fixed set of indices of an OpenSearch cluster.
//!
//! **Isolation.** Each namespace has a space with a random name from its install to its removal. The name is in every
//! document and its id, it routes to the one shard that is asked, it is in the filter of every question, which is made here
//! and nowhere else, and each document that comes back is compared with it. Nothing that a caller says is ever the engine's
//! language: paths become hashes, values become terms.
//!
//! **Acknowledged** means that the engine has synced it on the disks of all copies of the shard that are there.

mod body_terms;
mod cluster;
mod config;
mod counts;
mod dedicated;
mod engine;
mod failure;
mod gets;
mod health;
mod home;
mod hosts;
mod lane;
mod layout;
mod marker;
mod operations;
mod partition;
mod plan;
mod queue;
mod read;
mod request;
mod search;
mod spaces;
mod stored;
mod terms;
mod transport;
mod upgrade;
mod write;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use config::{Credentials, OpenSearchConfig};
pub use health::EngineStatus;
pub use home::EnginePlacement;
pub use partition::Period;

use crate::check;
use crate::document::{Applied, Batch, Document, DocumentId};
use crate::error::StoreError;
use crate::kind::Schema;
use crate::lifecycle::Created;
use crate::namespace::Namespace;
use crate::opensearch::engine::Engine;
use crate::opensearch::hosts::Hosts;
use crate::opensearch::lane::Lane;
use crate::opensearch::layout::Layout;
use crate::opensearch::read::Documents;
use crate::opensearch::spaces::Spaces;
use crate::query::{Aggregation, Buckets, Filter, Page, Query};
use crate::store::Store;

/// Documents in an OpenSearch cluster, in as many indices for ten thousand tenants as for one. Needs a tokio runtime.
///
/// Searches, counts and aggregations are as late as [`refresh_interval`](OpenSearchConfig::refresh_interval); `get` and
/// `scan` are not.
///
/// # Limits of its own
/// Texts of declared fields sort by their first 8 KiB.
pub struct OpenSearchStore {
    engine: Engine,
    spaces: Spaces,
    lane: Lane,
}

impl fmt::Debug for OpenSearchStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSearchStore").finish_non_exhaustive()
    }
}

impl OpenSearchStore {
    /// A store on a cluster. It is not asked for anything yet: whether it can be reached shows with the first call, which also
    /// makes the indices.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) for settings that cannot be.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(config: &OpenSearchConfig, schema: Schema) -> Result<Self, StoreError> {
        let hosts = Arc::new(Hosts::new(config)?);
        let layout = Arc::new(Layout::new(config, schema));
        let lane = Lane::start(&hosts, config);
        let engine = Engine::new(hosts, layout);
        let spaces = Spaces::new(&engine, config.placement);
        Ok(Self { engine, spaces, lane })
    }

    /// Asks the cluster for something small, and makes the indices where it is reached for the first time. Nobody has to: every
    /// call does as much. But it is what a program can do for [`status`](Self::status) while nobody asks for documents.
    ///
    /// # Errors
    /// As any other call.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.engine.check().await
    }

    /// How the cluster has answered lately. It is not asked.
    pub fn status(&self) -> EngineStatus {
        self.engine.hosts.status()
    }

    /// The documents of a kind in a namespace that is installed.
    async fn documents(&self, namespace: &Namespace, kind: &str) -> Result<Documents<'_>, StoreError> {
        let kind = self.schema().kind(kind)?;
        self.engine.ready().await?;
        let home = self.spaces.of(namespace).await?;
        Ok(Documents { engine: &self.engine, home, kind })
    }
}

#[async_trait]
impl Store for OpenSearchStore {
    fn schema(&self) -> &Schema {
        self.engine.layout.schema()
    }

    async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError> {
        self.engine.ready().await?;
        self.spaces.install(&self.engine, namespace).await
    }

    async fn upgrade(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        self.engine.ready().await?;
        self.bring_up(namespace).await
    }

    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        self.engine.ready().await?;
        self.spaces.remove(&self.engine, namespace).await
    }

    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        self.schema().check(&batch)?;
        self.engine.ready().await?;
        let home = self.spaces.of(namespace).await?;
        self.apply(home, batch).await
    }

    async fn get(
        &self,
        namespace: &Namespace,
        kind: &str,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError> {
        self.documents(namespace, kind).await?.get(id).await
    }

    async fn search(&self, namespace: &Namespace, kind: &str, query: &Query) -> Result<Page, StoreError> {
        let query = check::query(self.schema().kind(kind)?, query)?;
        self.documents(namespace, kind).await?.search(&query).await
    }

    async fn count(&self, namespace: &Namespace, kind: &str, filter: &Filter) -> Result<u64, StoreError> {
        let filter = check::filter(self.schema().kind(kind)?, filter)?;
        self.documents(namespace, kind).await?.count(&filter).await
    }

    async fn aggregate(
        &self,
        namespace: &Namespace,
        kind: &str,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError> {
        let filter = check::filter(self.schema().kind(kind)?, filter)?;
        check::aggregation(aggregation)?;
        self.documents(namespace, kind).await?.aggregate(&filter, aggregation).await
    }

    async fn scan(
        &self,
        namespace: &Namespace,
        kind: &str,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.documents(namespace, kind).await?.scan(after, limit).await
    }

    async fn refresh(&self, namespace: &Namespace) -> Result<(), StoreError> {
        self.engine.ready().await?;
        let home = self.spaces.of(namespace).await?;
        self.engine.hosts.refresh(&self.engine.aliases_of(home.place).join(",")).await
    }
}
