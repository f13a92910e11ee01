//! Install and removal, and that nothing opens what is not installed.

use std::sync::Arc;

use serde_json::json;
use tenant_core::{ActiveTenant, Context};

use super::{During, Failure, OTHER, THING, body, equal, failed, id, refused, tenant};
use crate::document::{Batch, Version};
use crate::error::StoreErrorKind;
use crate::lifecycle::{self, Created, LifecycleHandle};
use crate::namespace::NamespacedStore;
use crate::query::{Aggregation, Buckets, Filter, Query};
use crate::store::Store;

/// The whole suite.
///
/// # Errors
/// The first failure.
pub async fn all(store: &Arc<dyn Store>) -> Result<(), Failure> {
    not_installed(store).await?;
    installs(store).await?;
    removals(store).await?;
    one_context_alone(store).await
}

async fn install(
    store: &Arc<dyn Store>,
    tenant: &ActiveTenant,
    step: &str,
) -> Result<LifecycleHandle, Failure> {
    lifecycle::install(store, tenant.id(), tenant.incarnation()).await.during(step)
}

async fn remove(store: &Arc<dyn Store>, tenant: &ActiveTenant, step: &str) -> Result<(), Failure> {
    lifecycle::remove(store, tenant.id(), tenant.incarnation()).await.during(step)
}

fn data(store: &Arc<dyn Store>, tenant: &ActiveTenant, context: Context) -> NamespacedStore {
    NamespacedStore::new(Arc::clone(store), tenant, context)
}

async fn all_refuse(data: &NamespacedStore, why: &str) -> Result<(), Failure> {
    let kind = StoreErrorKind::NotInstalled;
    let step = |call: &str| format!("{call} of {data:?}, which {why}");
    let terms = Aggregation::Terms { path: "name".into(), size: 1 };
    let mut batch = Batch::default();
    batch.put(THING, id("a"), body(json!({})));
    refused(&step("write"), data.write(batch).await, kind)?;
    refused(&step("get"), data.get(THING, &id("a")).await, kind)?;
    refused(&step("search"), data.search(THING, &Query::default()).await, kind)?;
    refused(&step("count"), data.count(THING, &Filter::All).await, kind)?;
    refused(&step("aggregate"), data.aggregate(THING, &Filter::All, &terms).await, kind)?;
    refused(&step("scan"), data.scan(THING, None, 1).await, kind)?;
    refused(&step("refresh"), data.refresh().await, kind)
}

/// No call creates what it does not find.
///
/// # Errors
/// The first failure.
pub async fn not_installed(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "a tenant that was never installed";
    let never = tenant("acme", step)?;
    for context in Context::ALL {
        all_refuse(&data(store, &never, context), "was never installed").await?;
        all_refuse(&data(store, &never, context), "was refused before").await?;
    }
    let installed = tenant("acme", step)?;
    install(store, &installed, step).await?;
    all_refuse(&data(store, &never, Context::Staging), "is another life of an installed tenant").await
}

/// Install is idempotent: what exists stays as it is.
///
/// # Errors
/// The first failure.
pub async fn installs(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "installing a tenant";
    let acme = tenant("acme", step)?;
    let handle = install(store, &acme, step).await?;
    for context in Context::ALL {
        if handle.created(context) == &Created::default() {
            return Err(failed(step, "an install of something new made nothing"));
        }
        let count = handle.data(context).count(THING, &Filter::All).await.during(step)?;
        equal("counting in what was installed", &count, &0)?;
    }
    let version = put(&handle.data(Context::Staging)).await?;
    let again = install(store, &acme, "installing again").await?;
    for context in Context::ALL {
        equal("what a second install made", again.created(context), &Created::default())?;
    }
    let kept = data(store, &acme, Context::Staging).get(THING, &id("a")).await.during(step)?;
    equal("what an install left of the data", &kept.map(|kept| kept.version), &version)?;
    let other = data(store, &acme, Context::Production).get(THING, &id("a")).await.during(step)?;
    equal("what staging wrote, in production", &other, &None)
}

async fn put(data: &NamespacedStore) -> Result<Option<Version>, Failure> {
    let mut batch = Batch::default();
    batch.put(THING, id("a"), body(json!({})));
    let applied = data.write(batch).await.during("writing after an install")?;
    Ok(applied.first().and_then(|row| row.version))
}

/// A removal is idempotent, final, and concerns one life of one tenant alone.
///
/// # Errors
/// The first failure.
pub async fn removals(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "removing a tenant";
    let (acme, former, other) = (tenant("acme", step)?, tenant("acme", step)?, tenant("acme2", step)?);
    let mut before = Vec::new();
    for tenant in [&acme, &former, &other] {
        let handle = install(store, tenant, step).await?;
        for context in Context::ALL {
            for _ in 0..5 {
                let version = put(&handle.data(context)).await?;
                if tenant == &acme {
                    before.push(version);
                }
            }
        }
    }
    remove(store, &acme, step).await?;
    for context in Context::ALL {
        all_refuse(&data(store, &acme, context), "was removed").await?;
        for kept in [&former, &other] {
            let kept = data(store, kept, context).get(THING, &id("a")).await.during(step)?;
            equal("what a removal left of others", &kept.is_some(), &true)?;
        }
    }
    remove(store, &acme, "removing again").await?;
    remove(store, &tenant("acme", step)?, "removing what never was").await?;

    let again = install(store, &acme, "installing what was removed").await?;
    for context in Context::ALL {
        let data = again.data(context);
        equal(
            "whether an install made what was removed",
            &(again.created(context) == &Created::default()),
            &false,
        )?;
        is_empty(&data).await?;
        for _ in 0..10 {
            let version = put(&data).await?;
            let came_again = before.contains(&version);
            equal("whether a version from before the removal came again", &came_again, &false)?;
        }
    }
    Ok(())
}

/// No call finds anything of what was removed.
async fn is_empty(data: &NamespacedStore) -> Result<(), Failure> {
    let step = "looking for what was removed";
    data.refresh().await.during(step)?;
    for kind in [THING, OTHER] {
        equal("a document", &data.get(kind, &id("a")).await.during(step)?, &None)?;
        equal("a scan", &data.scan(kind, None, 10).await.during(step)?, &Vec::new())?;
        let page = data.search(kind, &Query::default()).await.during(step)?;
        equal("a page", &(page.total, page.documents.len()), &(0, 0))?;
        equal("a count", &data.count(kind, &Filter::All).await.during(step)?, &0)?;
        let terms = Aggregation::Terms { path: "name".into(), size: 10 };
        let terms = data.aggregate(kind, &Filter::All, &terms).await.during(step)?;
        equal("an aggregation", &terms, &Buckets::Terms { values: Vec::new(), other: 0 })?;
    }
    Ok(())
}

/// A process that stops between the contexts leaves one without the other; the next call resumes.
///
/// # Errors
/// The first failure.
pub async fn one_context_alone(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "a tenant of one context";
    let acme = tenant("acme", step)?;
    let (staging, production) =
        (data(store, &acme, Context::Staging), data(store, &acme, Context::Production));
    store.install(staging.namespace()).await.during(step)?;
    put(&staging).await?;
    all_refuse(&production, "is not installed, as staging is").await?;
    let handle = install(store, &acme, "completing an install").await?;
    equal("what was there", handle.created(Context::Staging), &Created::default())?;
    put(&production).await?;
    store.remove(staging.namespace()).await.during(step)?;
    all_refuse(&staging, "was removed, as production was not").await?;
    let kept = production.get(THING, &id("a")).await.during(step)?;
    equal("what the removal of staging left of production", &kept.is_some(), &true)?;
    remove(store, &acme, "completing a removal").await?;
    all_refuse(&production, "was removed").await
}
