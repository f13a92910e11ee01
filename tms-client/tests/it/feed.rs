//! A directory and the change feed of a real TMS.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tempfile::TempDir;
use tenant_core::{
    Cached, Lookup, NewTenant, SuspendReason, TenantDirectory, TenantId, TenantKey, TenantRegistry,
    TenantStatus,
};
use tms_client::{FeedStatus, Mode, TmsClient, TmsDirectory, TmsErrorKind};
use tms_server::{Config, Scope, Server};

use crate::support::{SECOND, client, current, is_known, known_at_once, label, until};

/// A TMS that is started again at the same address, on a database that can be put back.
struct Tms {
    server: Option<Server>,
    addr: SocketAddr,
    folder: TempDir,
    operator: TmsClient,
    /// The operator's.
    key: SecretString,
    directory: TmsClient,
    /// The id of the directory's key.
    key_id: String,
}

impl Tms {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let server = serve(folder.path(), ([127, 0, 0, 1], 0).into()).await;
        let key = server.generated_key().cloned().expect("the first start makes a key");
        let issued = server.keys().issue(Scope::Directory, "a test").await.expect("a key");
        let operator = client(&format!("http://{}", server.addr())).with_key(key.clone());
        let directory = operator.with_key(issued.key);
        Self {
            addr: server.addr(),
            server: Some(server),
            folder,
            operator,
            key,
            directory,
            key_id: issued.id,
        }
    }

    async fn stop(&mut self) {
        self.server.take().expect("running").shutdown().await;
    }

    async fn start_again(&mut self) {
        self.server = Some(serve(self.folder.path(), self.addr).await);
    }

    /// Puts a copy of the database aside, while it is stopped.
    fn backup(&self) -> TempDir {
        let copy = TempDir::new().expect("a folder");
        copy_files(self.folder.path(), copy.path());
        copy
    }

    fn restore(&self, copy: &TempDir) {
        files(self.folder.path()).iter().for_each(|file| fs::remove_file(file).expect("removed"));
        copy_files(copy.path(), self.folder.path());
    }

    async fn install(&self, name: &str) {
        self.operator.create(&new(name)).await.expect("created");
        self.operator.activate(&id(name)).await.expect("activated");
    }

    fn follow(&self) -> TmsDirectory {
        TmsDirectory::builder(self.directory.clone()).build().expect("a directory")
    }
}

async fn serve(folder: &Path, bind: SocketAddr) -> Server {
    let mut config = Config::new(format!("sqlite://{}", folder.join("tms.db").display()));
    config.bind = bind;
    Server::start(config).await.expect("a TMS")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect()
}

fn copy_files(from: &Path, to: &Path) {
    for file in files(from) {
        fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("copied");
    }
}

fn new(name: &str) -> NewTenant {
    NewTenant {
        name: name.parse().expect("a name"),
        email: "admin@company-x.com".to_owned(),
        install_token: Some("install-token".into()),
        storage: None,
    }
}

fn id(name: &str) -> TenantId {
    name.parse().expect("an id")
}

/// Waits until a tenant is in memory with this status, or is not there; how long that took.
async fn seen(directory: &TmsDirectory, name: &str, status: Option<TenantStatus>) -> Duration {
    let began = Instant::now();
    until(&format!("{name} is {status:?}"), || match directory.cached(&label(name)) {
        Cached::Known(tenant) | Cached::RefreshDue(tenant) => Some(tenant.status) == status,
        Cached::Unknown | Cached::Miss => status.is_none(),
    })
    .await;
    began.elapsed()
}

#[tokio::test]
async fn what_an_operator_does_is_seen_within_a_second_by_all_who_follow() {
    let tms = Tms::start().await;
    tms.install("acme").await;
    let directories = [tms.follow(), tms.follow()];
    for directory in &directories {
        current(directory).await;
        assert_eq!(directory.status().mode, Mode::Replica);
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        tms.operator.suspend(&id("acme"), &SuspendReason::default()).await.expect("suspended");
        for directory in &directories {
            slowest = slowest.max(seen(directory, "acme", Some(TenantStatus::Suspended)).await);
        }
        tms.operator.resume(&id("acme")).await.expect("resumed");
        for directory in &directories {
            slowest = slowest.max(seen(directory, "acme", Some(TenantStatus::Active)).await);
        }
    }
    for directory in &directories {
        assert!(matches!(directory.find(&label("globex")).await, Lookup::Unknown));
    }
    tms.install("globex").await;
    for directory in &directories {
        slowest = slowest.max(seen(directory, "globex", Some(TenantStatus::Active)).await);
        known_at_once(directory, &label("globex")).await;
    }
    assert!(slowest < SECOND, "{slowest:?}");
}

#[tokio::test]
async fn a_restart_of_the_tms_is_gone_through_and_what_was_missed_is_told() {
    let mut tms = Tms::start().await;
    tms.install("acme").await;
    let directory = tms.follow();
    current(&directory).await;
    tms.stop().await;
    until("down", || matches!(directory.status().feed, FeedStatus::Down { .. })).await;
    known_at_once(&directory, &label("acme")).await;
    tms.start_again().await;
    tms.operator.suspend(&id("acme"), &SuspendReason::default()).await.expect("suspended");
    tms.install("globex").await;
    seen(&directory, "acme", Some(TenantStatus::Suspended)).await;
    seen(&directory, "globex", Some(TenantStatus::Active)).await;
    current(&directory).await;
}

#[tokio::test]
async fn a_restored_backup_is_noticed_also_after_new_writes() {
    for new_writes in [0, 1, 5] {
        let mut tms = Tms::start().await;
        tms.install("acme").await;
        let directory = tms.follow();
        current(&directory).await;
        tms.stop().await;
        let backup = tms.backup();
        tms.start_again().await;
        tms.install("lost").await;
        tms.operator.suspend(&id("acme"), &SuspendReason::default()).await.expect("suspended");
        seen(&directory, "lost", Some(TenantStatus::Active)).await;
        seen(&directory, "acme", Some(TenantStatus::Suspended)).await;

        tms.stop().await;
        tms.restore(&backup);
        // Writes before anybody has connected again.
        let there = serve(tms.folder.path(), ([127, 0, 0, 1], 0).into()).await;
        let elsewhere = client(&format!("http://{}", there.addr())).with_key(tms.key.clone());
        for n in 0..new_writes {
            elsewhere.create(&new(&format!("newcomer{n}"))).await.expect("created");
        }
        there.shutdown().await;
        tms.start_again().await;
        seen(&directory, "lost", None).await;
        seen(&directory, "acme", Some(TenantStatus::Active)).await;
        for n in 0..new_writes {
            seen(&directory, &format!("newcomer{n}"), Some(TenantStatus::Pending)).await;
        }
        current(&directory).await;
        tms.operator.suspend(&id("acme"), &SuspendReason::default()).await.expect("suspended");
        seen(&directory, "acme", Some(TenantStatus::Suspended)).await;
    }
}

#[tokio::test]
async fn a_revoked_key_ends_the_feed_and_known_tenants_go_on() {
    let tms = Tms::start().await;
    tms.install("acme").await;
    let directory = tms.follow();
    current(&directory).await;
    tms.server.as_ref().expect("running").keys().revoke(&tms.key_id).await.expect("revoked");
    until("down", || directory.status().last_error == Some(TmsErrorKind::Forbidden)).await;
    assert!(matches!(directory.status().feed, FeedStatus::Down { .. }));
    assert!(is_known(&directory.find(&label("acme")).await));
}

#[tokio::test]
async fn no_secret_of_a_tenant_reaches_the_folder() {
    let tms = Tms::start().await;
    let folder = TempDir::new().expect("a folder");
    let builder = TmsDirectory::builder(tms.directory.clone()).folder(folder.path());
    let directory = builder.build().expect("a directory");
    current(&directory).await;
    tms.install("acme").await;
    let reason = SuspendReason { public: Some("unpaid".to_owned()), private: Some("see 17".to_owned()) };
    tms.operator.suspend(&id("acme"), &reason).await.expect("suspended");
    seen(&directory, "acme", Some(TenantStatus::Suspended)).await;
    assert!(matches!(directory.cached(&TenantKey::Domain("shop.example")), Cached::Miss));
    directory.flush().await;
    let bytes: Vec<u8> =
        files(folder.path()).iter().flat_map(|file| fs::read(file).expect("readable")).collect();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("acme") && holds("unpaid"));
    for secret in ["install-token", "company-x.com", "see 17"] {
        assert!(!holds(secret), "{secret}");
    }
}
