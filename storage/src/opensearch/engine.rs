//! [`Engine`]: the cluster with our indices on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opensearch::http::Method;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::dedicated::Dedicated;
use crate::opensearch::failure::told_again;
use crate::opensearch::gets::Gets;
use crate::opensearch::home::Place;
use crate::opensearch::hosts::Hosts;
use crate::opensearch::layout::{FORMAT, Layout};
use crate::opensearch::request::Request;

/// How often, and how long, one waits for an index that another process is making.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The nodes, and the indices that are made when one of them is first reached.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) hosts: Arc<Hosts>,
    pub(super) gets: Arc<Gets>,
    pub(super) layout: Arc<Layout>,
    pub(super) dedicated: Dedicated,
    ready: OnceCell<()>,
    /// When the last attempt at that failed, and why.
    failed: Mutex<Option<(Instant, StoreError)>>,
}

impl Engine {
    pub(super) fn new(hosts: Arc<Hosts>, layout: Arc<Layout>) -> Self {
        let dedicated = Dedicated::new(Arc::clone(&hosts), Arc::clone(&layout));
        let gets = Arc::new(Gets::start(&hosts));
        Self { hosts, gets, layout, dedicated, ready: OnceCell::new(), failed: Mutex::default() }
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
            return Err(told_again(error));
        }
        self.ready.get_or_try_init(|| self.prepare()).await.copied().inspect_err(|error| {
            *failed = Some((Instant::now(), told_again(error)));
        })
    }

    /// Asks for something small.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        self.ready().await?;
        self.hosts.health().await.map(drop)
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        let data_nodes = self.hosts.health().await?.data_nodes;
        let mut aliases = self.layout.of_documents();
        aliases.push(self.layout.spaces());
        for alias in &aliases {
            if self.is_there(alias).await? {
                continue;
            }
            let definition = self.layout.definition(alias, data_nodes);
            if self.hosts.make_index(&Layout::index_of(alias), &definition).await? {
                info!(alias, "the index was made");
            }
            self.wait_for(alias).await?;
        }
        Ok(())
    }

    /// Waits until an index is there that was made by this or another process, which is told a moment before it can be seen.
    async fn wait_for(&self, alias: &str) -> Result<(), StoreError> {
        for _ in 0..LOOKS {
            if self.is_there(alias).await? {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        let index = Layout::index_of(alias);
        let message = format!("there is an index {index} that the alias {alias} does not lead to: not ours");
        Err(StoreError::new(StoreErrorKind::Backend, message))
    }

    /// Whether there is an index; one that is there must be ours, with all the fields, and durable.
    async fn is_there(&self, alias: &str) -> Result<bool, StoreError> {
        let found: Value = match self.hosts.ask(Request::get(alias)).await {
            Err(error) if error.kind() == StoreErrorKind::NotInstalled => return Ok(false),
            found => found?,
        };
        let mut indices = found.as_object().into_iter().flat_map(|indices| indices.values());
        let (Some(index), None) = (indices.next(), indices.next()) else {
            let message = format!("the alias {alias} leads to further indices, which are not ours");
            return Err(StoreError::new(StoreErrorKind::Backend, message));
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
        Ok(true)
    }

    /// Every alias under which documents of a place are.
    pub(super) fn aliases_of(&self, place: Place) -> Vec<String> {
        let mut aliases = self.layout.of_documents();
        if let Place::Dedicated(owner) = place {
            aliases.extend(self.layout.own_kinds().map(|kind| owner.alias(self.layout.version(), kind)));
        }
        aliases
    }
}
