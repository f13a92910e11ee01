//! [`Tms`]: a management service with many tenants, asked over a socket as every client asks it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tenant_core::TenantKey;
use tms_client::{FeedStatus, TmsClient, TmsDirectory};
use tms_server::{Config, Server};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Result;
use crate::threads::rate;

/// The URL of a PostgreSQL whose user may make databases; `scripts/postgres start` prints one.
const POSTGRES: &str = "TENANTRY_TEST_POSTGRES";
/// Connections that create tenants at the same time.
const CREATORS: usize = 16;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Where a service keeps its records.
#[derive(Debug, Clone)]
pub enum Database {
    /// In a file.
    Sqlite(String),
    /// In a database of its own of a PostgreSQL.
    Postgres {
        /// The URL of the PostgreSQL.
        admin: String,
        /// The database.
        name: String,
    },
}

impl Database {
    /// A file of this name.
    pub fn sqlite(folder: &Path, name: &str) -> Self {
        Self::Sqlite(format!("sqlite://{}/{name}.db", folder.display()))
    }

    /// An empty database of the PostgreSQL for tests; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be made.
    pub async fn postgres() -> Result<Option<Self>> {
        let Ok(admin) = std::env::var(POSTGRES) else { return Ok(None) };
        let name = format!("bench_{}", Uuid::new_v4().simple());
        execute(&admin, format!("CREATE DATABASE {name}")).await?;
        Ok(Some(Self::Postgres { admin, name }))
    }

    fn url(&self) -> Result<String> {
        match self {
            Self::Sqlite(url) => Ok(url.clone()),
            Self::Postgres { admin, name } => {
                let (server, _) = admin.rsplit_once('/').ok_or("a URL without a database")?;
                Ok(format!("{server}/{name}"))
            }
        }
    }

    /// Removes what is not in the folder of the question.
    async fn remove(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres { admin, name } => {
                execute(admin, format!("DROP DATABASE {name} WITH (FORCE)")).await
            }
        }
    }
}

async fn execute(url: &str, sql: String) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(connection.close().await?)
}

/// A running service, and a client of it.
pub struct Tms {
    database: Database,
    server: Server,
    url: String,
    key: SecretString,
    http: reqwest::Client,
    client: TmsClient,
}

/// The name of the tenant of a number; its own domain is `shop<number>.example`.
fn name(number: usize) -> String {
    format!("customer-{number}")
}

impl Tms {
    /// Starts a service on an empty database.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(database: Database) -> Result<Self> {
        let mut config = Config::new(database.url()?);
        config.bind = "127.0.0.1:0".parse()?;
        let server = Server::start(config).await?;
        let url = format!("http://{}", server.addr());
        let key = server.generated_key().cloned().ok_or("a new database has a new key")?;
        let client = TmsClient::builder(&url, key.clone()).build()?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { database, server, url, key, http, client })
    }

    /// Stops it, and removes its database.
    ///
    /// # Errors
    /// If the database cannot be removed.
    pub async fn stop(self) -> Result<()> {
        drop(self.client);
        self.server.shutdown().await;
        self.database.remove().await
    }

    /// A new access token, for five minutes.
    async fn token(&self) -> Result<String> {
        let call =
            self.http.post(format!("{}/token", self.url)).header("x-api-key", self.key.expose_secret());
        let body: Value = call.send().await?.error_for_status()?.json().await?;
        Ok(body["access_token"].as_str().ok_or("a token")?.to_owned())
    }

    /// Creates the tenants of these numbers, each with an own domain, over sixteen connections. Tenants a second.
    ///
    /// # Errors
    /// The first one of a creation.
    pub async fn create(&self, numbers: Range<usize>) -> Result<f64> {
        let (count, began) = (numbers.len(), Instant::now());
        let numbers: Vec<usize> = numbers.collect();
        // Short enough for one token each.
        for numbers in numbers.chunks(10_000) {
            let token: Arc<str> = self.token().await?.into();
            let mut creators = JoinSet::new();
            for numbers in numbers.chunks(numbers.len().div_ceil(CREATORS)) {
                let (http, url, token) = (self.http.clone(), format!("{}/tenant", self.url), token.clone());
                let numbers = numbers.to_vec();
                creators.spawn(async move {
                    for number in numbers {
                        let email = format!("admin@shop{number}.example");
                        let body =
                            json!({ "name": name(number), "email": email, "hosts": [format!("shop{number}.example")] });
                        http.post(&url).bearer_auth(&token).json(&body).send().await?.error_for_status()?;
                    }
                    Result::Ok(())
                });
            }
            while let Some(done) = creators.join_next().await {
                done??;
            }
        }
        Ok(rate(count, began.elapsed()))
    }

    /// Looks so many random tenants up by their names, of the first `of`, one after the other. Microseconds for each.
    ///
    /// # Errors
    /// If one is not found.
    pub async fn look_up_names(&self, of: usize, times: usize) -> Result<f64> {
        let names: Vec<_> = (0..times).map(|_| name(fastrand::usize(..of))).collect();
        let began = Instant::now();
        for name in &names {
            self.must_find(&TenantKey::label(name).ok_or("a name")?).await?;
        }
        Ok(microseconds(began, times))
    }

    /// The same by their own domains.
    ///
    /// # Errors
    /// If one is not found.
    pub async fn look_up_hosts(&self, of: usize, times: usize) -> Result<f64> {
        let hosts: Vec<_> = (0..times).map(|_| format!("shop{}.example", fastrand::usize(..of))).collect();
        let began = Instant::now();
        for host in &hosts {
            self.must_find(&TenantKey::Domain(host)).await?;
        }
        Ok(microseconds(began, times))
    }

    async fn must_find(&self, key: &TenantKey<'_>) -> Result<()> {
        match self.client.find(key).await? {
            Some(_) => Ok(()),
            None => Err(format!("{key:?} is not found").into()),
        }
    }

    /// Lists all tenants, which must be so many. Milliseconds.
    ///
    /// # Errors
    /// If they are not.
    pub async fn list(&self, count: usize) -> Result<f64> {
        let began = Instant::now();
        let tenants = self.client.list().await?;
        let took = began.elapsed().as_secs_f64() * 1e3;
        if tenants.len() == count {
            Ok(took)
        } else {
            Err(format!("{} tenants are listed", tenants.len()).into())
        }
    }

    /// Where the feed stands.
    ///
    /// # Errors
    /// If the service does not say.
    pub async fn cursor(&self) -> Result<HeaderValue> {
        let call = self.http.get(format!("{}/tenant?limit=1", self.url)).bearer_auth(self.token().await?);
        let answer = call.send().await?.error_for_status()?;
        Ok(answer.headers().get("x-cursor").ok_or("a cursor")?.clone())
    }

    /// Reads the feed from a cursor until it has told of so many tenants. Milliseconds.
    ///
    /// # Errors
    /// If it ends, or tells of something else.
    pub async fn catch_up(&self, from: &HeaderValue, count: usize) -> Result<f64> {
        let token = self.token().await?;
        let began = Instant::now();
        let call = self.http.get(format!("{}/changes", self.url)).bearer_auth(token);
        let mut answer = call.header(LAST_EVENT_ID, from.clone()).send().await?.error_for_status()?;
        let (mut told, mut line) = (0, Vec::new());
        while told < count {
            for byte in answer.chunk().await?.ok_or("the feed has ended")? {
                if byte != b'\n' {
                    line.push(byte);
                    continue;
                }
                match line.strip_prefix(b"event:").map(<[u8]>::trim_ascii) {
                    Some(b"tenant") => told += 1,
                    Some(b"reset") => return Err("the feed does not know the cursor".into()),
                    _ => {}
                }
                line.clear();
            }
        }
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }

    /// A replica that holds so many tenants, and how many milliseconds it took until it did.
    ///
    /// # Errors
    /// If it cannot be built.
    pub async fn replica(&self, count: usize) -> Result<(TmsDirectory, f64)> {
        let began = Instant::now();
        let directory = TmsDirectory::builder(self.client.clone()).build()?;
        loop {
            let status = directory.status();
            if status.feed == FeedStatus::Current && status.tenants == count {
                return Ok((directory, began.elapsed().as_secs_f64() * 1e3));
            }
            if began.elapsed().as_secs() > 120 {
                return Err(format!("the replica is not complete: {status:?}").into());
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

fn microseconds(began: Instant, times: usize) -> f64 {
    began.elapsed().as_secs_f64() * 1e6 / times as f64
}
