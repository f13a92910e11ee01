//! [`Dedicated`]: indices of a tenant's own, with the names, aliases, templates and partitions of the original (contract
//! section 8, 0.9.0).
//!
//! ```text
//! 09x.<tenant>.tracardi-event-2024-q1           what is written now; production has prod- before all names
//! 09x.<tenant>.tracardi-event                   the alias of all partitions, which is read
//! template.09x.<tenant>.tracardi-event          for partitions that others make
//! ```

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use opensearch::http::Method;
use serde_json::{Value, json};
use tenant_core::{Context, Incarnation};
use tracing::info;

use crate::error::{StoreError, StoreErrorKind};
use crate::lifecycle::Created;
use crate::opensearch::cluster::ClusterHealth;
use crate::opensearch::failure::AFTER_AN_OPERATOR;
use crate::opensearch::home::Owner;
use crate::opensearch::hosts::Hosts;
use crate::opensearch::layout::Layout;
use crate::opensearch::marker::Markers;
use crate::opensearch::request::{Failed, Request};

/// How long the list of an alias's partitions is gone by; the current one is always looked at too.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The indices of tenants that have their own.
#[derive(Debug)]
pub(super) struct Dedicated {
    hosts: Arc<Hosts>,
    layout: Arc<Layout>,
    known: Mutex<HashMap<String, (BTreeSet<String>, Instant)>>,
}

impl Dedicated {
    pub(super) fn new(hosts: Arc<Hosts>, layout: Arc<Layout>) -> Self {
        Self { hosts, layout, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (BTreeSet<String>, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn version(&self) -> &str {
        self.layout.version()
    }

    /// The index that a kind's documents are written to now.
    pub(super) fn current(&self, alias: &str, kind: &str) -> String {
        format!("{alias}-{}", self.layout.period(kind).suffix(Timestamp::now()))
    }

    /// Every index that may hold a document of an alias, the current one first.
    pub(super) async fn partitions(&self, alias: &str, kind: &str) -> Result<Vec<String>, StoreError> {
        let current = self.current(alias, kind);
        let remembered = {
            let known = self.known();
            known.get(alias).filter(|(_, read)| read.elapsed() < REMEMBERED).map(|(names, _)| names.clone())
        };
        let mut names = match remembered {
            Some(names) => names,
            None => {
                let names = self.indices_of(alias).await?;
                self.known().insert(alias.to_owned(), (names.clone(), Instant::now()));
                names
            }
        };
        names.remove(&current);
        Ok(std::iter::once(current).chain(names).collect())
    }

    /// Makes the current partition of an alias, if it is not there.
    pub(super) async fn ensure_current(&self, alias: &str, kind: &str) -> Result<String, StoreError> {
        let current = self.current(alias, kind);
        let is_known = self.known().get(alias).is_some_and(|(names, _)| names.contains(&current));
        if !is_known {
            let data_nodes = self.hosts.health().await?.data_nodes;
            let definition = self.layout.own_definition(alias, kind, data_nodes, None);
            self.hosts.make_index(&current, &definition).await?;
            // Where nothing is known, the next one who asks reads all of them.
            if let Some((names, _)) = self.known().get_mut(alias) {
                names.insert(current.clone());
            }
        }
        Ok(current)
    }

    /// Makes what is missing for an owner; what there is gets the incarnation of its newest life.
    pub(super) async fn install(
        &self,
        owner: Owner,
        incarnation: Incarnation,
    ) -> Result<Created, StoreError> {
        let health = self.hosts.health().await?;
        self.check_budget(owner, &health).await?;
        let mut created = Created::default();
        for kind in self.layout.own_kinds() {
            let alias = owner.alias(self.version(), kind);
            let (template, index) = (owner.template(self.version(), kind), self.current(&alias, kind));
            let definition = self.layout.own_definition(&alias, kind, health.data_nodes, Some(incarnation));
            let outcome = async {
                let body = json!({"index_patterns": [format!("{alias}-*-*")], "template": definition});
                let path = format!("_index_template/{template}");
                if !self.exists(&path).await? {
                    self.hosts.send(&Request::write(Method::Put, path, Some(&body))).await?;
                    created.templates.push(template);
                }
                if self.hosts.make_index(&index, &definition).await? {
                    created.indices.push(index);
                    created.aliases.push(alias.clone());
                } else {
                    let meta = json!({"_meta": definition["mappings"]["_meta"]});
                    self.hosts
                        .send(&Request::write(Method::Put, format!("{alias}/_mapping"), Some(&meta)))
                        .await?;
                }
                Ok::<_, StoreError>(())
            };
            if let Err(error) = outcome.await {
                self.take_back(&created).await;
                return Err(error);
            }
        }
        Ok(created)
    }

    /// Removes what an install that failed has made.
    async fn take_back(&self, created: &Created) {
        let indices = created.indices.iter().map(|index| index.to_owned());
        let templates = created.templates.iter().map(|template| format!("_index_template/{template}"));
        for path in indices.chain(templates) {
            // What stays is found by the next call.
            let _ = self.hosts.send(&Request::write(Method::Delete, path, None)).await;
        }
    }

    /// Removes the indices and templates of an owner, but for those that a later life of the tenant has taken over.
    pub(super) async fn remove(
        &self,
        owner: Owner,
        incarnation: Incarnation,
        markers: &Markers,
    ) -> Result<(), StoreError> {
        let Owner { tenant, context } = owner;
        for kind in self.layout.own_kinds() {
            let alias = owner.alias(self.version(), kind);
            self.known().remove(&alias);
            for index in self.indices_of(&alias).await? {
                let of = self.incarnation_of(&index).await?.filter(|of| *of != incarnation.to_string());
                let is_taken = match of {
                    Some(of) => markers.read(&format!("{tenant}/{of}/{context}/")).await?.is_some(),
                    None => false,
                };
                if !is_taken {
                    self.delete(index).await?;
                }
            }
            if self.indices_of(&alias).await?.is_empty() {
                self.delete(format!("_index_template/{}", owner.template(self.version(), kind))).await?;
            }
        }
        info!(%tenant, %context, "the tenant's own indices were removed");
        Ok(())
    }

    /// Whether there is room for all the shards that a tenant takes, before any is made.
    async fn check_budget(&self, owner: Owner, health: &ClusterHealth) -> Result<(), StoreError> {
        let mut missing = 0;
        for context in Context::ALL {
            let owner = Owner { context, ..owner };
            for kind in self.layout.own_kinds() {
                let alias = owner.alias(self.version(), kind);
                if !self.exists(&self.current(&alias, kind)).await? {
                    missing += 1;
                }
            }
        }
        let needed = missing * self.layout.own_shards(health.data_nodes);
        let limit = self.shards_per_node().await? * health.data_nodes;
        let used = health.shards();
        if used + needed > limit {
            let message = format!(
                "no room for the tenant's indices: they take {needed} shards, {used} of {limit} are in use \
                 (cluster.max_shards_per_node); raise it, add nodes, or place new tenants in the shared indices"
            );
            return Err(StoreError::new(
                StoreErrorKind::Unavailable { retry_after: AFTER_AN_OPERATOR },
                message,
            ));
        }
        Ok(())
    }

    async fn shards_per_node(&self) -> Result<u64, StoreError> {
        let request = Request::get("_cluster/settings").query(&[("include_defaults", "true")]);
        let settings: Value = self.hosts.ask(request).await?;
        let of = |group: &str| {
            let value = &settings[group]["cluster"]["max_shards_per_node"];
            value.as_str().and_then(|text| text.parse().ok())
        };
        Ok(of("transient").or_else(|| of("persistent")).or_else(|| of("defaults")).unwrap_or(1000))
    }

    async fn indices_of(&self, alias: &str) -> Result<BTreeSet<String>, StoreError> {
        match self.hosts.send(&Request::get(format!("_alias/{alias}"))).await {
            Ok(body) => {
                let indices: HashMap<String, Value> =
                    serde_json::from_slice(&body).map_err(super::failure::unexpected)?;
                Ok(indices.into_keys().collect())
            }
            Err(Failed::Refused(refused)) if refused.status == 404 => Ok(BTreeSet::new()),
            Err(failed) => Err(failed.into()),
        }
    }

    async fn incarnation_of(&self, index: &str) -> Result<Option<String>, StoreError> {
        let mappings: Value = self.hosts.ask(Request::get(format!("{index}/_mapping"))).await?;
        Ok(mappings[index]["mappings"]["_meta"]["incarnation"].as_str().map(str::to_owned))
    }

    async fn exists(&self, path: &str) -> Result<bool, StoreError> {
        let request = Request { method: Method::Head, ..Request::get(path) };
        match self.hosts.send(&request).await {
            Ok(_) => Ok(true),
            Err(Failed::Refused(refused)) if refused.status == 404 => Ok(false),
            Err(failed) => Err(failed.into()),
        }
    }

    async fn delete(&self, path: String) -> Result<(), StoreError> {
        match self.hosts.send(&Request::write(Method::Delete, path, None)).await {
            Ok(_) => Ok(()),
            Err(Failed::Refused(refused)) if refused.status == 404 => Ok(()),
            Err(failed) => Err(failed.into()),
        }
    }
}
