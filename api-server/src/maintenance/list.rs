//! `storage list`: the tenants that have files, and what those are.

use std::io::{self, Write};

use bytesize::ByteSize;
use serde_json::{Value, json};
use storage::StoredFile;
use tenant_core::{Incarnation, TenantId};

use super::open;
use crate::config::args::ListArgs;
use crate::run::Failure;

struct Tenant {
    id: TenantId,
    incarnation: Incarnation,
    files: Vec<StoredFile>,
}

pub(super) async fn run(args: ListArgs) -> Result<(), Failure> {
    let store = open(&args.folder)?;
    let mut rows = Vec::new();
    let mut unreadable = 0;
    for (id, incarnation) in store.installed()? {
        let files = store.files(&id, incarnation).await?;
        let tenant = Tenant { id, incarnation, files };
        unreadable += usize::from(tenant.waits().is_none());
        if args.json {
            rows.push(tenant.row());
        } else {
            writeln!(io::stdout(), "{}", tenant.line())?;
        }
    }
    if args.json {
        writeln!(io::stdout(), "{:#}", Value::from(rows))?;
    }
    match unreadable {
        0 => Ok(()),
        1 => Err("a file of one tenant cannot be read".into()),
        more => Err(format!("files of {more} tenants cannot be read").into()),
    }
}

impl Tenant {
    /// Whether one of the files waits for an upgrade; `None` if one cannot be read.
    fn waits(&self) -> Option<bool> {
        let older = self.files.iter().map(|file| file.is_older.as_ref().ok().copied());
        older.reduce(|one, other| Some(one? || other?)).unwrap_or(Some(false))
    }

    fn line(&self) -> String {
        let sizes = self.files.iter().map(|file| format!("{} {}", file.context, ByteSize::b(file.bytes)));
        let sizes: Vec<_> = sizes.collect();
        let state = match self.waits() {
            Some(true) => "waits for an upgrade".to_owned(),
            Some(false) => "up to date".to_owned(),
            None => {
                let errors = self.files.iter().filter_map(|file| file.is_older.as_ref().err());
                let errors: Vec<_> = errors.map(ToString::to_string).collect();
                format!("cannot be read: {}", errors.join("; "))
            }
        };
        format!("{:<20}  {}  {}  {state}", self.id.as_str(), self.incarnation, sizes.join(", "))
    }

    fn row(&self) -> Value {
        let files = self.files.iter().map(|file| {
            json!({
                "context": file.context.as_str(),
                "path": file.path,
                "bytes": file.bytes,
                "waits_for_upgrade": file.is_older.as_ref().ok(),
                "error": file.is_older.as_ref().err().map(ToString::to_string),
            })
        });
        json!({
            "id": self.id.as_str(),
            "incarnation": self.incarnation.to_string(),
            "waits_for_upgrade": self.waits(),
            "files": files.collect::<Vec<_>>(),
        })
    }
}
