//! Client and directory against a real TMS.

use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use tenant_core::{
    Lookup, NewTenant, Placement, RegistryErrorKind, SuspendReason, TenantDirectory, TenantId, TenantKey,
    TenantRegistry, TenantStatus,
};
use tms_client::{TmsClient, TmsDirectory, TmsErrorKind};
use tms_server::{Config, Scope, Server};

use crate::support::{FRESH, client, is_known, is_unavailable, label, manual_clock, status, until_found};

struct Tms {
    server: Server,
    operator: TmsClient,
    _folder: TempDir,
}

impl Tms {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut config = Config::new(format!("sqlite://{}", folder.path().join("tms.db").display()));
        config.bind = ([127, 0, 0, 1], 0).into();
        let server = Server::start(config).await.expect("a TMS");
        let key = server.generated_key().cloned().expect("the first start makes a key");
        let operator = client(&format!("http://{}", server.addr())).with_key(key);
        Self { server, operator, _folder: folder }
    }

    async fn with_scope(&self, scope: Scope) -> (String, TmsClient) {
        let issued = self.server.keys().issue(scope, "a test").await.expect("a key");
        (issued.id, self.operator.with_key(issued.key))
    }
}

fn new(name: &str) -> NewTenant {
    NewTenant {
        name: name.parse().expect("a name"),
        email: "admin@company-x.com".to_owned(),
        install_token: None,
        storage: Some(Placement::Embedded),
    }
}

fn id(text: &str) -> TenantId {
    text.parse().expect("an id")
}

#[tokio::test]
async fn a_tenant_lives_from_creation_to_suspension_and_back() {
    let tms = Tms::start().await;
    let operator = &tms.operator;
    operator.authorize().await.expect("the key is good");
    let acme = id("companyx");
    assert!(operator.get(&acme).await.expect("an answer").is_none());

    let created = operator.create(&new("company-x")).await.expect("created");
    assert_eq!(created.tenant.status, TenantStatus::Pending);
    assert_eq!(created.tenant.storage, Some(Placement::Embedded));
    assert_eq!(created.email, "admin@company-x.com");
    assert!(!created.install_token.expose_secret().is_empty());
    let read = operator.get(&acme).await.expect("an answer").expect("it exists");
    assert_eq!(read.tenant, created.tenant);
    assert_eq!(operator.list().await.expect("a list"), std::slice::from_ref(&created.tenant));

    let active = operator.activate(&acme).await.expect("activated").tenant;
    assert_eq!(active.status, TenantStatus::Active);
    assert_eq!(operator.activate(&acme).await.expect("activated").tenant.status, TenantStatus::Active);
    let reason = SuspendReason { public: Some("unpaid".into()), private: Some("see 17".into()) };
    let suspended = operator.suspend(&acme, &reason).await.expect("suspended");
    assert_eq!(suspended.tenant.status, TenantStatus::Suspended);
    assert_eq!(suspended.tenant.public_reason, reason.public);
    assert_eq!(suspended.private_reason, reason.private);
    let resumed = operator.resume(&acme).await.expect("resumed").tenant;
    assert_eq!((resumed.status, resumed.public_reason), (TenantStatus::Active, None));
    tms.server.shutdown().await;
}

#[tokio::test]
async fn refusals_have_their_kinds() {
    let tms = Tms::start().await;
    let operator = &tms.operator;
    operator.create(&new("company-x")).await.expect("created");
    for taken in ["company-x", "companyx"] {
        let error = operator.create(&new(taken)).await.expect_err(taken);
        assert_eq!(error.kind(), &RegistryErrorKind::Conflict, "{taken}");
    }
    let error = operator.create(&new("admin")).await.expect_err("reserved");
    assert!(matches!(error.kind(), RegistryErrorKind::Invalid(rows) if !rows.is_empty()), "{error:?}");
    let nobody = id("nobody");
    assert_eq!(operator.activate(&nobody).await.expect_err("unknown").kind(), &RegistryErrorKind::NotFound);
    let error = operator.resume(&id("companyx")).await.expect_err("it is pending");
    assert_eq!(error.kind(), &RegistryErrorKind::Conflict);
    let error = operator.verify_token(&nobody, &"x".into()).await.expect_err("unknown");
    assert_eq!(error.kind(), &TmsErrorKind::NotFound);
    let stranger = operator.with_key("not-the-key".into());
    assert_eq!(stranger.authorize().await.expect_err("refused").kind(), &TmsErrorKind::Forbidden);
    assert_eq!(stranger.get(&nobody).await.expect_err("refused").kind(), &RegistryErrorKind::Forbidden);
    tms.server.shutdown().await;
}

#[tokio::test]
async fn a_directory_key_finds_tenants_and_finishes_an_install_but_reads_no_secret() {
    let tms = Tms::start().await;
    let token: SecretString = "install-token".into();
    let company_x = NewTenant { install_token: Some(token.clone()), ..new("company-x") };
    tms.operator.create(&company_x).await.expect("created");
    let (_, directory) = tms.with_scope(Scope::Directory).await;
    let acme = id("companyx");

    let found = directory.find(&label("company-x")).await.expect("an answer").expect("it exists");
    assert_eq!(found.status, TenantStatus::Pending);
    assert!(directory.find(&TenantKey::Domain("shop.example")).await.expect("an answer").is_none());
    for refused in [
        directory.get(&acme).await.expect_err("no secrets"),
        directory.create(&new("globex")).await.expect_err("no changes"),
        directory.activate(&acme).await.expect_err("no changes"),
    ] {
        assert_eq!(refused.kind(), &RegistryErrorKind::Forbidden);
    }
    assert!(directory.verify_token(&acme, &token).await.expect("an answer"));
    assert!(!directory.verify_token(&acme, &"another".into()).await.expect("an answer"));
    let error = directory.activate_with_token(&acme, &"another".into()).await.expect_err("refused");
    assert_eq!(error.kind(), &TmsErrorKind::Forbidden);
    let active = directory.activate_with_token(&acme, &token).await.expect("activated");
    assert_eq!(active.status, TenantStatus::Active);
    tms.server.shutdown().await;
}

#[tokio::test]
async fn a_directory_follows_its_tms_and_outlives_it() {
    let tms = Tms::start().await;
    let (_, client) = tms.with_scope(Scope::Directory).await;
    let clock = manual_clock();
    let directory = TmsDirectory::builder(client).clock(clock.clone()).build().expect("a directory");
    let key = label("company-x");
    assert!(matches!(directory.find(&key).await, Lookup::Unknown));
    tms.operator.create(&new("company-x")).await.expect("created");
    directory.invalidate(&id("companyx"));
    assert_eq!(status(&directory.find(&key).await), Some(TenantStatus::Pending));
    tms.operator.activate(&id("companyx")).await.expect("activated");
    directory.invalidate(&id("companyx"));
    assert_eq!(status(&directory.find(&key).await), Some(TenantStatus::Active));

    tms.operator.suspend(&id("companyx"), &SuspendReason::default()).await.expect("suspended");
    clock.advance(FRESH);
    assert_eq!(status(&directory.find(&key).await), Some(TenantStatus::Suspended));
    tms.server.shutdown().await;
    clock.advance(FRESH);
    assert_eq!(status(&directory.find(&key).await), Some(TenantStatus::Suspended));
    assert!(is_unavailable(&directory.find(&label("globex")).await));
}

#[tokio::test]
async fn a_revoked_key_leaves_known_tenants_known_and_others_unavailable() {
    let tms = Tms::start().await;
    tms.operator.create(&new("company-x")).await.expect("created");
    let (key_id, client) = tms.with_scope(Scope::Directory).await;
    let directory = TmsDirectory::builder(client.clone()).build().expect("a directory");
    assert!(is_known(&directory.find(&label("company-x")).await));
    tms.server.keys().revoke(&key_id).await.expect("revoked");
    assert_eq!(client.authorize().await.expect_err("revoked").kind(), &TmsErrorKind::Forbidden);
    until_found(&directory, &label("nobody"), is_unavailable).await;
    assert!(is_known(&directory.find(&label("company-x")).await));
    tms.server.shutdown().await;
}
