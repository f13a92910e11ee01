//! [`Replica`]: the client's directory with so many tenants, and the TMS that it follows in a process of its own.

use std::time::Duration;

use tms_client::testing::FaultyTms;
use tms_client::{Mode, TmsClient, TmsDirectory};
use tokio::runtime::Runtime;

use crate::child::{Child, serve_at};
use crate::{Result, hosts};

/// Room for the list of a million tenants, in bytes.
const MAX_LIST: usize = 1 << 30;

/// A directory that holds all tenants. Its TMS ends with it.
pub struct Replica {
    /// What is asked.
    pub directory: TmsDirectory,
    /// Of the directory's tasks.
    pub runtime: Runtime,
    _tms: Child,
}

impl Replica {
    /// Starts a TMS with so many tenants, and waits until all of them are here.
    ///
    /// # Errors
    /// If one of both does not start.
    pub fn start(tenants: usize) -> Result<Self> {
        let tms = Child::start(&["--serve-tenants", &tenants.to_string()])?;
        // One thread for its tasks: they have nothing to do once it is complete.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let client = TmsClient::builder(&tms.address, "any-key".into()).max_list(MAX_LIST).build()?;
        let directory = runtime.block_on(async {
            let directory = TmsDirectory::builder(client).mode(Mode::Replica).build()?;
            while directory.status().tenants < tenants || directory.status().confirmed_ago.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Result::Ok(directory)
        })?;
        Ok(Self { directory, runtime, _tms: tms })
    }
}

/// The process of the TMS: says where it is, and serves until its input ends.
///
/// # Errors
/// If nobody reads where it is.
pub fn serve_tenants(tenants: usize) -> Result<()> {
    let runtime = Runtime::new()?;
    let tms = runtime.block_on(FaultyTms::start());
    for tenant in 0..tenants {
        tms.put(hosts::tenant(tenant));
    }
    serve_at(tms.url())
}
