//! Whether a data folder holds what was promised, and nothing by half.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use storage::{Document, Filter, NamespacedStore, Store, StoreErrorKind, lifecycle};
use tenant_core::Context;

use crate::ledger::Promised;
use crate::plan::{ACTORS, Actor, REMOVED, SHARED, State, TENANTS};
use crate::support::{body, id, open, schema, tenant};

/// What a test writes once the store has been found to be whole.
const AFTER: &str = "after";

/// What is wrong with a data folder.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Something that was acknowledged is not there, and what is there is what had been there before.
    Lost(String),
    /// Anything else.
    Broken(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(what) => write!(f, "lost: {what}"),
            Self::Broken(what) => write!(f, "broken: {what}"),
        }
    }
}

fn broken(what: &str) -> impl Fn(storage::StoreError) -> Fault {
    move |error| Fault::Broken(format!("{what}: {error}"))
}

/// Opens a folder, compares, uses the store for something new, closes it, and looks at the files with bare SQLite; then
/// opens it once more, if `twice`.
pub(crate) async fn judge(folder: &Path, promised: &Promised, twice: bool) -> Result<(), Fault> {
    let store = open(folder).map_err(broken("it does not open"))?;
    compare_all(&store, promised).await?;
    go_on(&store, promised).await?;
    drop(store);
    files_are_whole(folder)?;
    if twice {
        let store = open(folder).map_err(broken("it does not open again"))?;
        compare_all(&store, promised).await?;
        for name in TENANTS {
            let after = production(&store, name).get("profile", &id(AFTER)).await.map_err(broken(name))?;
            after.ok_or_else(|| Fault::Lost(format!("{name}: what was written after the cut")))?;
        }
    }
    Ok(())
}

fn production(store: &Arc<dyn Store>, name: &str) -> NamespacedStore {
    NamespacedStore::new(Arc::clone(store), &tenant(name), Context::Production)
}

async fn compare_all(store: &Arc<dyn Store>, promised: &Promised) -> Result<(), Fault> {
    for name in TENANTS {
        compare(store, name, promised).await?;
    }
    let gone = production(store, REMOVED).count("profile", &Filter::All).await;
    match gone.map_err(|error| error.kind()) {
        Ok(_) if promised.removed => Err(Fault::Broken("a removed tenant came back".to_owned())),
        Err(StoreErrorKind::NotInstalled) if !promised.installed.contains(REMOVED) || promised.removing => {
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(kind) => Err(Fault::Lost(format!("{REMOVED}: {kind:?}"))),
    }
}

async fn compare(store: &Arc<dyn Store>, name: &'static str, promised: &Promised) -> Result<(), Fault> {
    let data = production(store, name);
    let profiles = match data.scan("profile", None, usize::MAX).await {
        Err(error) if error.kind() == StoreErrorKind::NotInstalled => {
            let lost = promised.installed.contains(name);
            return if lost { Err(Fault::Lost(format!("the install of {name}"))) } else { Ok(()) };
        }
        read => read.map_err(broken(name))?,
    };
    let events = data.scan("event", None, usize::MAX).await.map_err(broken(name))?;
    let counted = data.count("event", &Filter::All).await.map_err(broken(name))?;
    if counted != events.len() as u64 {
        return Err(Fault::Broken(format!("{name}: {counted} events are {}", events.len())));
    }
    if promised.installed.contains(name) {
        let staging = NamespacedStore::new(Arc::clone(store), &tenant(name), Context::Staging);
        staging.count("event", &Filter::All).await.map_err(broken("the staging context"))?;
    }
    compare_shared(name, &profiles)?;
    let mut found = by_actor(name, profiles, events)?;
    for number in 0..ACTORS {
        let actor = Actor { tenant: name, number };
        compare_actor(actor, &found.remove(&number).unwrap_or_default(), promised)?;
    }
    Ok(())
}

/// All or nothing of each batch that has counted.
fn compare_shared(name: &str, profiles: &[Document]) -> Result<(), Fault> {
    let of = |key: &str| profiles.iter().find(|document| document.id.as_str() == key);
    let count = of(SHARED).map_or(0, |shared| shared.body["count"].as_u64().expect("a number"));
    let receipts = profiles.iter().filter(|document| document.id.as_str().contains("-r")).count() as u64;
    if count == receipts {
        Ok(())
    } else {
        Err(Fault::Broken(format!("{name}: {receipts} receipts, counted {count}")))
    }
}

fn by_actor(
    name: &str,
    profiles: Vec<Document>,
    events: Vec<Document>,
) -> Result<BTreeMap<usize, State>, Fault> {
    let mut states: BTreeMap<usize, State> = BTreeMap::new();
    let whose = |document: &Document| {
        let key = document.id.as_str();
        let number =
            (0..ACTORS).find(|number| key.starts_with(&Actor { tenant: "", number: *number }.prefix()));
        number.ok_or_else(|| Fault::Broken(format!("{name}: {key} is nobody's")))
    };
    for profile in profiles {
        if ![SHARED, AFTER].contains(&profile.id.as_str()) {
            let state = states.entry(whose(&profile)?).or_default();
            state.profiles.insert(profile.id.to_string(), profile.body);
        }
    }
    for event in events {
        let state = states.entry(whose(&event)?).or_default();
        state.events.insert(event.id.to_string(), event.body);
    }
    Ok(states)
}

/// The documents are as they were after the last acknowledged batch, or after the one that was under way.
fn compare_actor(actor: Actor, found: &State, promised: &Promised) -> Result<(), Fault> {
    let acknowledged = promised.written.get(&actor).copied().unwrap_or(0);
    let Some(at) = actor.states().iter().position(|state| state == found) else {
        return Err(Fault::Broken(format!("{actor:?}: half a batch, or documents of several: {found:?}")));
    };
    if at < acknowledged {
        Err(Fault::Lost(format!("{actor:?}: {acknowledged} batches were acknowledged, {at} are there")))
    } else if at > acknowledged + 1 {
        Err(Fault::Broken(format!("{actor:?}: {at} batches are there, {acknowledged} were acknowledged")))
    } else {
        Ok(())
    }
}

/// The store can be used as if nothing had happened: an install that was cut short is completed.
async fn go_on(store: &Arc<dyn Store>, promised: &Promised) -> Result<(), Fault> {
    let also = (!promised.removing).then_some(REMOVED);
    for name in TENANTS.into_iter().chain(also) {
        let tenant = tenant(name);
        lifecycle::install(store, tenant.id(), tenant.incarnation()).await.map_err(broken("an install"))?;
        let data = production(store, name);
        let mut batch = storage::Batch::default();
        batch.put("profile", id(AFTER), body(json!({"name": name})));
        data.write(batch).await.map_err(broken("a write after the cut"))?;
        let found = data.get("profile", &id(AFTER)).await.map_err(broken("a read after the cut"))?;
        if found.is_none() {
            return Err(Fault::Broken(format!("{name}: what was written after the cut is not there")));
        }
    }
    Ok(())
}

/// After a close: nothing is left in the journal, and SQLite finds each file whole.
fn files_are_whole(folder: &Path) -> Result<(), Fault> {
    let files = files(folder);
    let wrong = |path: &Path, what: &str| Fault::Broken(format!("{}: {what}", path.display()));
    let mut databases = BTreeSet::new();
    for path in &files {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("db") => drop(databases.insert(path)),
            Some("journal") => return Err(wrong(path, "left after a close")),
            Some(extension) if extension.starts_with("db-") => return Err(wrong(path, "left after a close")),
            _ => {}
        }
    }
    for path in databases {
        let verdict = rusqlite::Connection::open(path).and_then(|connection| {
            connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
        });
        match verdict {
            Ok(verdict) if verdict == "ok" => {}
            verdict => return Err(wrong(path, &format!("{verdict:?}"))),
        }
    }
    Ok(())
}

/// The files of a folder and of all folders in it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_plan_has_all_that_can_be_written() {
    let mut kinds = BTreeSet::new();
    for actor in Actor::all() {
        for (number, state) in actor.states().iter().enumerate().take(crate::plan::BATCHES) {
            for (_, step) in actor.batch(number, state).steps {
                let name = format!("{step:?}");
                kinds.insert(name.split('(').next().expect("a name").to_owned());
            }
        }
    }
    assert_eq!(kinds, ["Create", "Delete", "Put", "Remove", "Replace"].map(str::to_owned).into());
    assert_eq!(schema().kinds().len(), 2, "both are looked at");
}
