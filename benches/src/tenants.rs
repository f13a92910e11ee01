//! Tenants of an [`EmbeddedStore`], opened as a program opens them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use storage::{EmbeddedConfig, EmbeddedStore, Filter, NamespacedStore, Store, lifecycle};
use tenant_core::{ActiveTenant, Context, Incarnation, Tenant};
use tokio::task::JoinSet;

use crate::Result;
use crate::bare::Blueprint;
use crate::events::EVENT;

/// Opens the store of a folder; without a number, with as many open files as it has by default.
///
/// # Errors
/// If it does not open.
pub fn open(folder: &Path, open_files: Option<usize>) -> Result<Arc<dyn Store>> {
    let mut config = EmbeddedConfig::new(folder);
    if let Some(open_files) = open_files {
        config.open_files = NonZeroUsize::new(open_files).ok_or("a store has at least one open file")?;
    }
    Ok(Arc::new(EmbeddedStore::open(config, customer_data::schema()?)?))
}

/// The tenant of a number: `t-0` and so on.
///
/// # Errors
/// Never for a name like that.
pub fn tenant(number: usize) -> Result<ActiveTenant> {
    let name = format!("t-{number}");
    let tenant = Tenant::new(name.parse()?, Incarnation::fixed(&name));
    tenant.admit(Timestamp::UNIX_EPOCH).map_err(|standing| format!("{name} is {standing:?}").into())
}

/// A tenant's production data.
///
/// # Errors
/// As for [`tenant`].
pub fn data(store: &Arc<dyn Store>, number: usize) -> Result<NamespacedStore> {
    Ok(NamespacedStore::new(Arc::clone(store), &tenant(number)?, Context::Production))
}

/// The file of a tenant's production data.
///
/// # Errors
/// As for [`tenant`].
pub fn file(folder: &Path, number: usize) -> Result<PathBuf> {
    let tenant = tenant(number)?;
    Ok(folder.join(format!("tenants/{}/{}/production.db", tenant.id(), tenant.incarnation())))
}

/// Installs the tenants of these numbers, sixteen at a time.
///
/// # Errors
/// The first one of an install.
pub async fn install(store: &Arc<dyn Store>, numbers: std::ops::Range<usize>) -> Result<()> {
    let mut installs = JoinSet::new();
    for number in numbers {
        if installs.len() == 16
            && let Some(done) = installs.join_next().await
        {
            done??;
        }
        let store = Arc::clone(store);
        installs.spawn(async move {
            let tenant = tenant(number)?;
            lifecycle::install(&store, tenant.id(), tenant.incarnation()).await?;
            Result::Ok(())
        });
    }
    while let Some(done) = installs.join_next().await {
        done??;
    }
    Ok(())
}

/// The tables that the store makes, from a file that it installs in a folder of its own for that.
///
/// # Errors
/// If it does not install.
pub async fn blueprint(folder: &Path) -> Result<Blueprint> {
    let store = open(folder, None)?;
    install(&store, 0..1).await?;
    drop(store);
    Blueprint::of(&file(folder, 0)?)
}

/// Opens the store again and counts the events of each tenant: what was measured has to be there.
///
/// # Errors
/// If a tenant has not exactly as many as `expected` says.
pub async fn must_hold(folder: &Path, expected: impl IntoIterator<Item = (usize, usize)>) -> Result<()> {
    let store = open(folder, None)?;
    let mut counts = JoinSet::new();
    for (number, expected) in expected {
        if counts.len() == 16
            && let Some(done) = counts.join_next().await
        {
            done??;
        }
        let data = data(&store, number)?;
        counts.spawn(async move {
            let found = data.count(EVENT, &Filter::All).await?;
            if usize::try_from(found)? == expected {
                return Result::Ok(());
            }
            Err(format!("tenant {number} holds {found} events, and {expected} were acknowledged").into())
        });
    }
    while let Some(done) = counts.join_next().await {
        done??;
    }
    Ok(())
}
