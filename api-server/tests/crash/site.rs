//! A management service and a data folder, on which programs are started one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};
use storage::{Document, EmbeddedConfig, EmbeddedStore, NamespacedStore, Store};
use tempfile::TempDir;
use tenant_core::{Clock, Context, Incarnation, SystemClock, Tenant};

use crate::support::{Api, EMAIL, OPERATOR_KEY, PASSWORD, Program, Tms, eventually};

/// The tenant of these tests, and what its data is kept under.
pub(crate) const TENANT: &str = "company-x";
const TENANT_ID: &str = "companyx";
pub(crate) const HOST: &str = "company-x.localhost";

pub(crate) struct Site {
    pub(crate) tms: Tms,
    folder: TempDir,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let tms = Tms::start(folder.path()).await;
        Self { tms, folder }
    }

    /// Beside the data folder: for what a test itself keeps.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    /// The real program on this data.
    pub(crate) fn serve(&self) -> Program {
        Program::serve(&self.tms, &self.data_dir())
    }

    /// Installs the tenant; its admin, at production, with the source `web`.
    pub(crate) async fn install(&self, program: &Program) -> Api {
        program.at("localhost").post("/tenant/install", &install_body(EMAIL, PASSWORD)).await.ok();
        let admin = program.at(HOST).log_in(EMAIL, PASSWORD).await.in_context("production");
        admin.connect_web().await;
        admin
    }

    /// The folder of the tenant's one incarnation.
    pub(crate) fn incarnation_dir(&self) -> PathBuf {
        let incarnations = fs::read_dir(self.data_dir().join("tenants").join(TENANT_ID)).expect("a folder");
        let found: Vec<PathBuf> = incarnations.map(|entry| entry.expect("an entry").path()).collect();
        let [only] = found.as_slice() else { panic!("not one incarnation: {found:?}") };
        only.clone()
    }

    /// All documents of a kind, read in this process: no program may be running.
    pub(crate) async fn documents(&self, context: Context, kind: &str) -> Vec<Document> {
        let incarnation: Incarnation = {
            let folder = self.incarnation_dir();
            let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
            name.parse().expect("an incarnation")
        };
        let tenant = Tenant::new(TENANT.parse().expect("a name"), incarnation);
        let active = tenant.admit(SystemClock::default().wall()).expect("active");
        let schema = customer_data::schema().expect("a schema");
        // A process that is being started beside this one has its files for a moment, and with them the lock on the folder.
        let mut store: Option<Arc<dyn Store>> = None;
        eventually("the data folder", async || {
            let opened = EmbeddedStore::open(EmbeddedConfig::new(self.data_dir()), schema.clone());
            store = opened.ok().map(|opened| Arc::new(opened) as Arc<dyn Store>);
            store.is_some()
        })
        .await;
        let store = store.expect("opened");
        let data = NamespacedStore::new(store, &active, context);
        let mut all: Vec<Document> = Vec::new();
        loop {
            let after = all.last().map(|last| last.id.clone());
            let page = data.scan(kind, after.as_ref(), 1000).await.expect("readable");
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    /// What SQLite says of the tenant's files and their journals. On copies: whoever opens a file repairs it, and that is
    /// the program's own task.
    pub(crate) fn assert_whole(&self) {
        let copy = TempDir::new().expect("a folder");
        for entry in fs::read_dir(self.incarnation_dir()).expect("a folder") {
            let file = entry.expect("an entry").path();
            fs::copy(&file, copy.path().join(file.file_name().expect("a name"))).expect("copied");
        }
        for context in Context::ALL {
            check_integrity(&copy.path().join(format!("{context}.db")));
        }
    }
}

fn check_integrity(file: &Path) {
    assert!(file.is_file(), "{}", file.display());
    let connection = Connection::open(file).expect("opens");
    let verdict: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
    assert_eq!(verdict, "ok", "{}", file.display());
}

pub(crate) fn install_body(email: &str, password: &str) -> Value {
    json!({
        "name": TENANT, "tms_api_key": OPERATOR_KEY, "email": email, "password": password,
        "needs_admin": true, "update_mapping": false,
    })
}
