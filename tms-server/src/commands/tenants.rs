//! `tms-server tenants`: what an operator at the machine can see and do without a key.

use jiff::Timestamp;
use secrecy::SecretString;
use tenant_core::{SuspendReason, TenantBody, TenantId, TenantStatus};

use super::{Done, say};
use crate::cli::TenantsCommand;
use crate::edit::Edit;
use crate::find::find;
use crate::repo::{self, Repo, Stamp, Stored};
use crate::transition::Transition;

/// How many tenants are read at once.
const PAGE: u32 = 500;

pub(crate) async fn run(database_url: &SecretString, command: TenantsCommand) -> Done {
    let repo = repo::open_beside(database_url).await?;
    let done = match command {
        TenantsCommand::List { status } => list(&*repo, status).await,
        TenantsCommand::Show { tenant } => show(&*repo, &tenant).await,
        TenantsCommand::Suspend { tenant, public_reason, private_reason } => {
            let reason = SuspendReason { public: public_reason, private: private_reason };
            transit(&*repo, &tenant, Transition::Suspend(reason)).await
        }
        TenantsCommand::Resume { tenant } => transit(&*repo, &tenant, Transition::Resume).await,
    };
    repo.close().await;
    done
}

/// In pages, so that whoever reads slowly holds up nothing.
async fn list(repo: &dyn Repo, status: Option<TenantStatus>) -> Done {
    let mut after: Option<TenantId> = None;
    loop {
        let page = repo.page(after.as_ref(), PAGE).await?;
        let Some(last) = page.tenants.last() else { return Ok(()) };
        after = Some(last.record.tenant.id());
        let wanted =
            page.tenants.iter().filter(|stored| status.is_none_or(|s| s == stored.record.tenant.status));
        say(&wanted.map(line).collect::<String>())?;
    }
}

fn line(stored: &Stored) -> String {
    let (record, tenant) = (&stored.record, &stored.record.tenant);
    let created = record.created.strftime("%Y-%m-%dT%H:%M:%SZ");
    let (status, hosts) = (tenant.status.as_str(), tenant.hosts.join(","));
    format!("{}\t{status}\t{}\t{created}\t{hosts}\n", tenant.id(), tenant.name.as_str())
}

async fn show(repo: &dyn Repo, tenant: &str) -> Done {
    let stored = find(repo, tenant).await?.ok_or_else(|| no_such_tenant(tenant))?;
    let body = TenantBody { install_token: None, ..stored.body() };
    Ok(say(&format!("{:#}\n", serde_json::to_value(body)?))?)
}

async fn transit(repo: &dyn Repo, tenant: &str, transition: Transition) -> Done {
    let id = find(repo, tenant).await?.ok_or_else(|| no_such_tenant(tenant))?.record.tenant.id();
    let stamp = Stamp { at: Timestamp::now(), key: None };
    let changed = repo.edit(&id, &Edit::Status(transition), &stamp).await?;
    let stored = changed.ok_or_else(|| no_such_tenant(tenant))?;
    Ok(say(&format!("{id}\t{}\n", stored.record.tenant.status.as_str()))?)
}

fn no_such_tenant(tenant: &str) -> String {
    format!("there is no tenant {tenant:?}; `tms-server tenants list` shows all")
}
