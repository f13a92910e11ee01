//! `kill -9` at random moments: what was acknowledged is there, and nothing is there in part.
//!
//! A child writes as fast as it can, to several tenants and both contexts at once, and says what it begins and what was
//! acknowledged. The parent kills it, opens the store, and compares it with a model made from these lines. `TENANTRY_LONG=1`
//! kills 5 000 times instead of 200.

mod compare;
mod kill;
mod model;
mod register;
mod writers;

use std::path::Path;
use std::sync::Arc;

use storage::{EmbeddedConfig, EmbeddedStore, FieldType, Kind, Schema, Store};
use tenant_core::{ActiveTenant, Context};

use crate::support::tenant;

const TENANTS: [&str; 3] = ["acme", "acme2", "globex"];

/// Each file of the tests here: its tenant and its context.
fn places() -> Vec<(ActiveTenant, Context)> {
    TENANTS.iter().flat_map(|name| Context::ALL.map(|context| (tenant(name), context))).collect()
}

/// Two kinds, with indexes of several sorts.
fn schema() -> Schema {
    let event = Kind::new("event")
        .with_field("time", FieldType::Date)
        .with_field("tag", FieldType::Text)
        .with_index(&["tag", "time"])
        .with_time_field("time");
    let profile = Kind::new("profile")
        .with_field("step", FieldType::Number)
        .with_field("tag", FieldType::Text)
        .with_index(&["step"])
        .with_index(&["tag", "step"]);
    Schema::new(1, vec![event, profile]).expect("a schema")
}

/// 0 is the default.
fn open(folder: &Path, open_files: usize, journal_bytes: usize) -> Arc<dyn Store> {
    let mut config = EmbeddedConfig::new(folder);
    if let Ok(open_files) = open_files.try_into() {
        config.open_files = open_files;
    }
    if let Ok(journal_bytes) = journal_bytes.try_into() {
        config.journal_bytes = journal_bytes;
    }
    Arc::new(EmbeddedStore::open(config, schema()).expect("the store opens"))
}
