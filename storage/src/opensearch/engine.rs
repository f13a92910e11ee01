//! [`Engine`]: the cluster with our indices on it.

use std::sync::Arc;
use std::time::Instant;

use opensearch::http::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};
use tracing::{info, warn};

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::hosts::{Failed, Hosts, Request};
use crate::opensearch::layout::{FORMAT, Layout};

/// The nodes, and the indices that are made when one of them is first reached.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) hosts: Arc<Hosts>,
    pub(super) layout: Arc<Layout>,
    ready: OnceCell<()>,
    /// When the last attempt at that failed, and why.
    failed: Mutex<Option<(Instant, StoreError)>>,
}

#[derive(Deserialize)]
struct Health {
    number_of_data_nodes: u64,
}

impl Engine {
    pub(super) fn new(hosts: Arc<Hosts>, layout: Arc<Layout>) -> Self {
        Self { hosts, layout, ready: OnceCell::new(), failed: Mutex::default() }
    }

    /// Makes the indices that are missing, and looks at those that are there; once in the life of a store. Of those who wait
    /// for an attempt that fails, none makes another one: while the engine is down, nobody waits for longer than one takes.
    pub(super) async fn ready(&self) -> Result<(), StoreError> {
        if self.ready.initialized() {
            return Ok(());
        }
        let arrived = Instant::now();
        let mut failed = self.failed.lock().await;
        if let Some((at, error)) = &*failed
            && *at >= arrived
        {
            return Err(StoreError::new(error.kind(), error.to_string()));
        }
        self.ready.get_or_try_init(|| self.prepare()).await.copied().inspect_err(|error| {
            *failed = Some((Instant::now(), StoreError::new(error.kind(), error.to_string())));
        })
    }

    /// Asks for something small.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        self.ready().await?;
        self.hosts.send(&get("_cluster/health")).await?;
        Ok(())
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        let health: Health = self.hosts.ask(Request { is_read: true, ..get("_cluster/health") }).await?;
        let mut aliases = self.layout.of_documents();
        aliases.push(self.layout.spaces());
        for alias in aliases {
            self.make(&alias, health.number_of_data_nodes).await?;
            self.look_at(&alias).await?;
        }
        Ok(())
    }

    async fn make(&self, alias: &str, data_nodes: u64) -> Result<(), StoreError> {
        let definition = self.layout.definition(alias, data_nodes);
        let request = Request::write(Method::Put, Layout::index_of(alias), Some(&definition));
        match self.hosts.send(&request).await {
            Ok(_) => info!(alias, "the index was made"),
            Err(Failed::Refused(refused)) if refused.is("resource_already_exists_exception") => {}
            Err(failed) => return Err(failed.into()),
        }
        Ok(())
    }

    /// Whether an index is one of ours, with all the fields, and durable.
    async fn look_at(&self, alias: &str) -> Result<(), StoreError> {
        let found: Value = self.hosts.ask(get(alias)).await?;
        let Some(index) = found.as_object().and_then(|indices| indices.values().next()) else {
            return Err(StoreError::new(StoreErrorKind::NotInstalled, format!("there is no index {alias}")));
        };
        let meta = &index["mappings"]["_meta"];
        if meta["format"] != FORMAT {
            let message = format!("the index {alias} is of another format, or not ours: {meta}");
            return Err(StoreError::new(StoreErrorKind::Backend, message));
        }
        if index["settings"]["index"]["translog"]["durability"] != "request" {
            warn!(
                alias,
                "index.translog.durability is not `request`: what is acknowledged may be lost with a machine"
            );
        }
        let schema = self.layout.schema().version();
        if meta["schema"].as_u64().is_none_or(|found| found < schema.into()) {
            let request =
                Request::write(Method::Put, format!("{alias}/_mapping"), Some(&self.layout.mapping(alias)));
            self.hosts.send(&request).await?;
            info!(alias, schema, "the mapping was brought up to the schema");
        }
        Ok(())
    }

    /// Lets searches see what was written.
    pub(super) async fn refresh(&self, index: &str) -> Result<(), StoreError> {
        let request =
            Request { is_read: true, ..Request::write(Method::Post, format!("{index}/_refresh"), None) };
        self.hosts.send(&request).await?;
        Ok(())
    }
}

fn get(path: &str) -> Request {
    Request { is_read: true, ..Request::write(Method::Get, path.to_owned(), None) }
}
