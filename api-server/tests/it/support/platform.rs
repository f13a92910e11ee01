//! The platform in this process: an API server and a management service, on sockets.

use std::path::{Path, PathBuf};
use std::time::Duration;

use api_server::{Config, Listeners, Server, Tenancy, TmsConfig};
use serde_json::json;
use tempfile::TempDir;

use super::{Answer, Api, EMAIL, OPERATOR_KEY, PASSWORD, Tms};

pub(crate) struct Platform {
    pub(crate) tms: Tms,
    server: Option<Server>,
    folder: TempDir,
}

impl Platform {
    /// Everything at its defaults, but for how long a tenant counts as fresh: tests do not want to wait for a minute.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut platform = Self::without_server().await;
        platform.start_server(change).await;
        platform
    }

    /// A management service and a folder, for a server that the test starts by itself.
    pub(crate) async fn without_server() -> Self {
        let folder = TempDir::new().expect("a folder");
        let tms = Tms::start(folder.path()).await;
        Self { tms, server: None, folder }
    }

    pub(crate) async fn start_server(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = config(&self.tms, &self.data_dir());
        change(&mut config);
        self.server = Some(Server::start(config).await.expect("the server starts"));
    }

    /// Stops the API server in order and starts it again on the same data.
    pub(crate) async fn restart(&mut self) {
        self.stop_server().await;
        self.start_server(|_| {}).await;
    }

    /// Stops the API server in order.
    pub(crate) async fn stop_server(&mut self) {
        self.server.take().expect("running").shutdown().await;
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The database files of a tenant's one incarnation.
    pub(crate) fn files_of(&self, id: &str) -> [PathBuf; 2] {
        let mut lives = std::fs::read_dir(self.tenant_dir(id)).expect("the folder").flatten();
        let life = lives.next().expect("an incarnation").path();
        [life.join("staging.db"), life.join("production.db")]
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder of a tenant's data.
    pub(crate) fn tenant_dir(&self, id: &str) -> PathBuf {
        self.data_dir().join("tenants").join(id)
    }

    /// A client of a tenant's host, without a login.
    pub(crate) fn at(&self, host: &str) -> Api {
        let endpoints = self.server.as_ref().expect("running").endpoints();
        Api::new(endpoints.public.expect("public"), endpoints.private.expect("private"), host)
    }

    /// Where the operator's tools ask.
    pub(crate) fn ops(&self) -> std::net::SocketAddr {
        self.server.as_ref().expect("running").endpoints().ops.expect("ops")
    }

    /// The original's installation call, on the bare base domain.
    pub(crate) async fn install(&self, name: &str) -> Answer {
        self.install_as(name, EMAIL, PASSWORD).await
    }

    pub(crate) async fn install_as(&self, name: &str, email: &str, password: &str) -> Answer {
        let body = json!({ "name": name, "tms_api_key": OPERATOR_KEY, "email": email, "password": password });
        self.at("localhost").post("/tenant/install", &body).await
    }

    /// A new tenant, and a client that is logged in as its admin and works on production.
    pub(crate) async fn tenant(&self, name: &str) -> Api {
        let installed = self.install(name).await;
        assert_eq!(installed.status, 200, "{installed:?}");
        self.at(&format!("{name}.localhost")).log_in(EMAIL, PASSWORD).await.in_context("production")
    }
}

pub(crate) fn config(tms: &Tms, data_dir: &Path) -> Config {
    let mut directory = TmsConfig::new(tms.url(), tms.directory_key.clone());
    directory.base_domains = vec!["localhost".parse().expect("a host")];
    directory.fresh = Duration::from_millis(100);
    let mut config = Config::new(Tenancy::Multi(directory), crate::storage_in(data_dir));
    config.listeners = Listeners::any_local();
    config
}
