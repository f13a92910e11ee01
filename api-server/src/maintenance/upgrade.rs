//! `storage upgrade`: brings what older programs wrote up to this one, tenant by tenant.
//!
//! Beside the installer this is the one file of the program that names [`storage::lifecycle`], and of that only the upgrade,
//! which opens no tenant's data to anybody. A server would do the same for each file when it is first used; here nobody
//! waits for it.

use std::io::{self, Write};
use std::sync::Arc;

use storage::{OpenSearchStore, Store, StoreError, lifecycle};
use tenant_core::{Incarnation, TenantId};
use tokio::task::{JoinError, JoinSet};

use super::progress::Progress;
use super::{lives_of, open};
use crate::config::args::{UpgradeArgs, Which};
use crate::run::Failure;
use crate::telemetry;

/// How many tenants are upgraded at once: while one waits for the disk, others are read.
const AT_ONCE: usize = 4;

type Outcome = (TenantId, Incarnation, Result<bool, StoreError>);

/// How many tenants went which way.
#[derive(Default)]
struct Tally {
    upgraded: usize,
    up_to_date: usize,
    failed: usize,
}

pub(super) async fn run(args: UpgradeArgs) -> Result<(), Failure> {
    let (store, tenants): (Arc<dyn Store>, _) = match args.engine_config()? {
        Some(engine) => {
            telemetry::init(&args.folder.logging.logging_level)?;
            let store = OpenSearchStore::open(&engine, customer_data::schema()?)?;
            let outdated = store.outdated().await?;
            (Arc::new(store), among(&args.which, outdated))
        }
        None => {
            let store = open(&args.folder)?;
            let installed = store.installed()?;
            (store, chosen(&args.which, installed)?)
        }
    };
    let all = tenants.len();
    let Tally { upgraded, up_to_date, failed } = upgrade_each(store, tenants).await;
    writeln!(io::stdout(), "{upgraded} upgraded, {up_to_date} up to date before, {failed} failed")?;
    if failed > 0 {
        let rest = "those named above; what was upgraded stays so, and running this again does the rest";
        return Err(format!("{failed} of {all} tenants could not be upgraded, {rest}").into());
    }
    Ok(())
}

async fn upgrade_each(store: Arc<dyn Store>, tenants: Vec<(TenantId, Incarnation)>) -> Tally {
    let mut progress = Progress::start(tenants.len());
    let mut tally = Tally::default();
    let mut running = JoinSet::new();
    let mut waiting = tenants.into_iter();
    loop {
        while running.len() < AT_ONCE
            && let Some((id, incarnation)) = waiting.next()
        {
            running.spawn(upgrade(Arc::clone(&store), id, incarnation));
        }
        let Some(ended) = running.join_next().await else { break };
        if let Some(failure) = tally.add(ended) {
            progress.say(&failure);
        }
        progress.step();
    }
    progress.end();
    tally
}

async fn upgrade(store: Arc<dyn Store>, id: TenantId, incarnation: Incarnation) -> Outcome {
    (id, incarnation, lifecycle::upgrade(&store, &id, incarnation).await)
}

impl Tally {
    /// Counts a tenant; what there is to say of a failure.
    fn add(&mut self, ended: Result<Outcome, JoinError>) -> Option<String> {
        let failure = match ended {
            Ok((_, _, Ok(true))) => {
                self.upgraded += 1;
                return None;
            }
            Ok((_, _, Ok(false))) => {
                self.up_to_date += 1;
                return None;
            }
            Ok((id, incarnation, Err(failure))) => format!("failed: {id} {incarnation}: {failure}"),
            // The panic itself is on standard error.
            Err(fault) => format!("failed: an upgrade was interrupted: {fault}"),
        };
        self.failed += 1;
        Some(failure)
    }
}

/// Those of the tenants that an older program wrote which are meant; of an engine it is known at once who they are.
fn among(which: &Which, outdated: Vec<(TenantId, Incarnation)>) -> Vec<(TenantId, Incarnation)> {
    let is_meant = |id: &TenantId| which.all || which.tenants.iter().any(|name| name.id() == *id);
    outdated.into_iter().filter(|(id, _)| is_meant(id)).collect()
}

/// The tenants that are meant. One that is not here ends it before anything is done.
fn chosen(
    which: &Which,
    installed: Vec<(TenantId, Incarnation)>,
) -> Result<Vec<(TenantId, Incarnation)>, Failure> {
    if which.all {
        return Ok(installed);
    }
    let mut chosen = Vec::new();
    for name in &which.tenants {
        let id = name.id();
        chosen.extend(lives_of(&id, &installed)?.into_iter().map(|life| (id, life)));
    }
    // A tenant that was named twice.
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}
