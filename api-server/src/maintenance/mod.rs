//! `api-server storage`: what an operator does with the files of the embedded storage while no server has them.
//!
//! Nothing here serves a request, and nothing that serves one may name it.

mod detach;
mod list;
mod progress;
mod upgrade;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use storage::{EmbeddedConfig, EmbeddedStore};
use tenant_core::{Incarnation, TenantId};

use crate::config::args::{FolderArgs, StorageCommand};
use crate::descriptors::{self, Shares};
use crate::run::Failure;
use crate::telemetry;

/// Carries out a command.
pub(crate) async fn run(command: StorageCommand) -> Result<(), Failure> {
    match command {
        StorageCommand::List(args) => list::run(args).await,
        StorageCommand::Upgrade(args) => upgrade::run(*args).await,
        StorageCommand::Detach(args) => detach::run(args).await,
    }
}

/// Takes the data folder, which has to be there: a misspelt one must not become an empty storage.
fn open(folder: &FolderArgs) -> Result<Arc<EmbeddedStore>, Failure> {
    telemetry::init(&folder.logging.logging_level)?;
    let data_dir = &folder.data_dir;
    must_exist(data_dir, "there is no data folder")?;
    must_exist(&data_dir.join("tenants"), "the data folder holds no embedded storage: there is no")?;
    descriptors::raise_limit();
    let mut config = EmbeddedConfig::new(data_dir);
    config.open_files = Shares::of_process().files;
    Ok(Arc::new(EmbeddedStore::open(config, customer_data::schema()?)?))
}

fn must_exist(folder: &Path, otherwise: &str) -> Result<(), Failure> {
    let found = fs::metadata(folder);
    if found.as_ref().is_ok_and(fs::Metadata::is_dir) {
        return Ok(());
    }
    let path = folder.display();
    match found {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
            Err(format!("cannot open {path}: {fault}").into())
        }
        _ => Err(format!("{otherwise} {path}; name the server's with --data-dir or DATA_DIR").into()),
    }
}

/// The lives of a tenant that have files here: at least one.
fn lives_of(id: &TenantId, installed: &[(TenantId, Incarnation)]) -> Result<Vec<Incarnation>, Failure> {
    let lives: Vec<_> = installed.iter().filter(|(of, _)| of == id).map(|(_, life)| *life).collect();
    if lives.is_empty() {
        Err(format!("the tenant {id} has no files here: `api-server storage list` shows those that have")
            .into())
    } else {
        Ok(lives)
    }
}
