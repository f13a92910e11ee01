//! What is asked of the cluster as a whole.

use opensearch::http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::error::StoreError;
use crate::opensearch::hosts::Hosts;
use crate::opensearch::request::{Failed, Request};

/// What of a cluster's health counts here.
#[derive(Debug, Deserialize)]
pub(super) struct ClusterHealth {
    #[serde(rename = "number_of_data_nodes")]
    pub(super) data_nodes: u64,
    active_shards: u64,
    initializing_shards: u64,
    unassigned_shards: u64,
}

impl ClusterHealth {
    /// The shards that count against the limit, copies included, whether they have a place or not.
    pub(super) fn shards(&self) -> u64 {
        self.active_shards + self.initializing_shards + self.unassigned_shards
    }
}

impl Hosts {
    pub(super) async fn health(&self) -> Result<ClusterHealth, StoreError> {
        self.ask(Request::get("_cluster/health")).await
    }

    /// Makes an index, unless there is one; whether it was made now.
    pub(super) async fn make_index(&self, index: &str, definition: &Value) -> Result<bool, StoreError> {
        match self.send(&Request::write(Method::Put, index.to_owned(), Some(definition))).await {
            Ok(_) => Ok(true),
            Err(Failed::Refused(refused)) if refused.is("resource_already_exists_exception") => Ok(false),
            Err(failed) => Err(failed.into()),
        }
    }

    /// Lets searches see what was written.
    pub(super) async fn refresh(&self, indices: &str) -> Result<(), StoreError> {
        let request = Request::write(Method::Post, format!("{indices}/_refresh"), None);
        self.send(&Request { is_read: true, ..request }).await?;
        Ok(())
    }
}
