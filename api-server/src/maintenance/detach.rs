//! `storage detach`: a tenant's files, each of them plain and closed.

use std::io::{self, Write};

use tenant_core::{Incarnation, TenantId};

use super::{lives_of, open};
use crate::config::args::DetachArgs;
use crate::run::Failure;

pub(super) async fn run(args: DetachArgs) -> Result<(), Failure> {
    let store = open(&args.folder)?;
    let id = args.tenant.id();
    let life = the_one(&id, args.incarnation, &lives_of(&id, &store.installed()?)?)?;
    let paths = store.detach(&id, life).await?;
    drop(store);
    let mut out = io::stdout().lock();
    for path in paths {
        writeln!(out, "{}", path.display())?;
    }
    let note = "Each is one plain file now, with everything in it, and can be copied. Only now: once a server opens it again, \
                its latest writes are beside it.";
    Ok(writeln!(io::stderr(), "{note}")?)
}

/// The life that is asked for, or the only one.
fn the_one(id: &TenantId, asked: Option<Incarnation>, lives: &[Incarnation]) -> Result<Incarnation, Failure> {
    let listed = || lives.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (asked, lives) {
        (Some(life), _) if lives.contains(&life) => Ok(life),
        (Some(life), _) => {
            Err(format!("the tenant {id} has no incarnation {life} here, but {}", listed()).into())
        }
        (None, [life]) => Ok(*life),
        (None, _) => {
            let text = format!("the tenant {id} has several incarnations here; name one with --incarnation");
            Err(format!("{text}: {}", listed()).into())
        }
    }
}
