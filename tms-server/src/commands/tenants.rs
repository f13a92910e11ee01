//! `tms-server tenants`: what an operator at the machine can see and do without a key.

use super::Done;
use crate::cli::TenantsCommand;

pub(crate) async fn run(_: &str, _: TenantsCommand) -> Done {
    Err("not yet".into())
}
