//! A service on a free port, a client for it, and everything that was logged.

mod cut;
mod feed;
mod postgres;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use reqwest::{Client, Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tenant_core::{Clock, SystemClock};
use tms_server::{Config, Scope, Server};
use tracing_subscriber::fmt::MakeWriter;

use crate::process::{Said, program};

pub(crate) use cut::Line;
pub(crate) use feed::{Feed, Frame};
pub(crate) use postgres::Database;

/// The key that the services of these tests get from their environment.
pub(crate) const KEY: &str = "an-operator-key-of-the-environment";

/// Everything that any test of this process has logged, at every level.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// The one capture of this process, installed at the first call.
    pub(crate) fn capture() -> &'static Self {
        static LOGS: OnceLock<Logs> = OnceLock::new();
        LOGS.get_or_init(|| {
            let logs = Self::default();
            let capture = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
            capture.with_writer(logs.clone()).with_ansi(false).init();
            logs
        })
    }

    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A running service with its data folder, and its PostgreSQL database where it has one.
pub(crate) struct Tms {
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
    client: Client,
    database: Option<Database>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), &self.body["code"]), (status, &json!(code)), "{self:?}");
        assert!(!self.body["detail"].is_null(), "{self:?}");
    }

    /// The fields that a 422 complains of.
    #[track_caller]
    pub(crate) fn fields(&self) -> Vec<String> {
        self.is(422, "invalid");
        let rows = self.body["detail"].as_array().expect("a list");
        rows.iter()
            .map(|row| {
                assert_eq!(row["loc"][0], "body", "{row}");
                assert!(row["msg"].is_string() && row["type"].is_string(), "{row}");
                row["loc"][1].as_str().expect("a field").to_owned()
            })
            .collect()
    }
}

pub(crate) fn database(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("tms/tms.db").display())
}

pub(crate) fn config(folder: &TempDir) -> Config {
    let mut config = Config::new(database(folder));
    config.bind.set_port(0);
    config.api_key = Some(KEY.into());
    config.base_domains = vec!["your-domain.com".parse().expect("a host")];
    config
}

impl Tms {
    /// One on each database: SQLite, and PostgreSQL where there is one.
    pub(crate) async fn on_each() -> Vec<Self> {
        let mut each = vec![Self::start().await];
        if let Some(database) = Database::make().await {
            let folder = tempfile::tempdir().expect("a folder");
            let config = Config { database_url: database.url().into(), ..config(&folder) };
            let tms = Self::start_with(config, folder, Arc::new(SystemClock::default())).await;
            each.push(Self { database: Some(database), ..tms });
        }
        each
    }

    pub(crate) async fn start() -> Self {
        Self::start_at(Arc::new(SystemClock::default())).await
    }

    pub(crate) async fn start_at(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(&folder);
        Self::start_with(config, folder, clock).await
    }

    pub(crate) async fn start_with(config: Config, folder: TempDir, clock: Arc<dyn Clock>) -> Self {
        Logs::capture();
        let server = Server::start_with_clock(config, clock).await.expect("it starts");
        Self { server, folder, client: Client::new(), database: None }
    }

    pub(crate) fn database_url(&self) -> String {
        self.database.as_ref().map_or_else(|| database(&self.folder), Database::url)
    }

    /// Runs a command on this service's database, while the service goes on.
    pub(crate) async fn command(&self, args: &[&str]) -> Said {
        let mut command = program(self.folder.path());
        command.env("DATABASE_URL", self.database_url()).args(args);
        let done = tokio::task::spawn_blocking(move || command.output());
        done.await.expect("no panic").expect("it runs").into()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.addr())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no json: {status} {text:?}"));
        Answer { status, headers, body }
    }

    /// Exchanges a key, and answers what an attempt with it brings.
    pub(crate) async fn exchange(&self, key: &str) -> Answer {
        self.send(self.request(Method::POST, "/token").header("x-api-key", key)).await
    }

    /// A caller with a token of this key.
    pub(crate) async fn with_key(&self, key: &str) -> As<'_> {
        let body = self.exchange(key).await.ok();
        As { tms: self, token: body["access_token"].as_str().expect("a token").to_owned() }
    }

    pub(crate) async fn operator(&self) -> As<'_> {
        self.with_key(KEY).await
    }

    pub(crate) async fn directory(&self) -> As<'_> {
        let issued = self.server.keys().issue(Scope::Directory, "router").await.expect("a key");
        self.with_key(issued.key.expose_secret()).await
    }
}

/// A caller with a token.
pub(crate) struct As<'a> {
    pub(crate) tms: &'a Tms,
    pub(crate) token: String,
}

impl As<'_> {
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.tms.request(method, path).bearer_auth(&self.token);
        if let Some(body) = body {
            // Without a content type, as the original's own tests send it.
            request = request.body(body.to_string());
        }
        self.tms.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(&body)).await
    }

    /// Registers a tenant with the install token `<name>-token`.
    pub(crate) async fn create(&self, name: &str) -> Value {
        let token = format!("{name}-token");
        self.post("/tenant", json!({ "name": name, "email": "a@b", "install_token": token })).await.ok()
    }

    /// Registers a tenant and activates it.
    pub(crate) async fn create_active(&self, name: &str) -> Value {
        self.create(name).await;
        self.call(Method::POST, &format!("/tenant/{name}/activate"), None).await.ok()
    }
}

/// Does something to a database behind everybody's back.
pub(crate) async fn by_hand(url: &str, sql: &'static str) -> Result<(), sqlx::Error> {
    if url.starts_with("sqlite:") {
        let mut open = SqliteConnection::connect(url).await?;
        sqlx::query(sql).execute(&mut open).await?;
        return open.close().await;
    }
    let mut open = PgConnection::connect(url).await?;
    sqlx::query(sql).execute(&mut open).await?;
    open.close().await
}

/// A key that reads as one and is none.
pub(crate) fn wrong_key() -> SecretString {
    "tk_0011223344556677_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()
}
