//! [`PostgresEngine`]: tenants and keys in a PostgreSQL database, which several processes may share.

mod listen;

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, Postgres};
use sqlx::{Connection as _, Executor as _, Transaction};
use tokio::task::JoinHandle;

use super::open::{OpenError, migrations};
use super::sql::Tx;
use super::version;
use crate::bell::Bell;

/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections that write: one does, the next one stands ready.
const WRITERS: u32 = 2;
/// Connections that read.
const READERS: u32 = 6;
/// Whole lists at once.
const LISTS: u32 = 2;
/// What is said in a session of ours: no statement or lock takes longer than a request, and a process that stands still in the
/// middle of a transaction does not hold up the others.
const SESSION: &str = "SET lock_timeout = '5s'; SET statement_timeout = '10s'; \
                       SET idle_in_transaction_session_timeout = '15s'";

/// A PostgreSQL database.
///
/// One writer at a time, whatever the number of processes: each locks the row of the feed's head before it reads anything.
pub(super) struct PostgresEngine {
    write: PgPool,
    pub(super) read: PgPool,
    pub(super) lists: PgPool,
    /// `None` beside a service.
    listening: Option<JoinHandle<()>>,
}

/// The pools know the password.
impl fmt::Debug for PostgresEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresEngine")
    }
}

impl PostgresEngine {
    /// Connects, brings the tables up to date, and rings the bell when any process has changed a tenant.
    pub(super) async fn open(url: &str, bell: Bell) -> Result<Self, OpenError> {
        let options = named(url)?;
        // In a session of its own: a large table takes longer than a request may.
        let mut session = PgConnection::connect_with(&options).await?;
        steps().run(&mut session).await?;
        session.close().await?;

        let read = pool(READERS).connect_with(options.clone()).await?;
        let write = pool(WRITERS).connect_lazy_with(options.clone());
        let lists = pool(LISTS).connect_lazy_with(options.clone());
        let listening = Some(tokio::spawn(listen::forever(options, bell)));
        Ok(Self { write, read, lists, listening })
    }

    /// Connects to a database that has its tables, and leaves those as they are.
    pub(super) async fn open_beside(url: &str) -> Result<Self, OpenError> {
        let options = named(url)?;
        let read = pool(1).connect_with(options.clone()).await?;
        version::check(&mut *read.acquire().await?, &steps()).await?;
        let [write, lists] = [(); 2].map(|()| pool(1).connect_lazy_with(options.clone()));
        Ok(Self { write, read, lists, listening: None })
    }

    /// A transaction that sees one moment.
    pub(super) async fn moment(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    /// A transaction that alone writes: the head's row is locked until it ends, and each of its statements sees what was
    /// committed before.
    pub(super) async fn begin_alone(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut tx = self.write.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
        tx.execute("SELECT n FROM feed_head FOR UPDATE").await?;
        Ok(tx)
    }

    /// Tells the listeners of all processes, once the transaction has committed.
    pub(super) async fn announce(tx: &mut Tx) -> Result<(), sqlx::Error> {
        tx.execute("SELECT pg_notify($1, '')", &[listen::CHANNEL.into()]).await?;
        Ok(())
    }

    fn stop_listening(&self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.stop_listening();
        self.lists.close().await;
        self.write.close().await;
        self.read.close().await;
    }
}

impl Drop for PostgresEngine {
    fn drop(&mut self) {
        self.stop_listening();
    }
}

/// The database that a URL names, and how this program calls itself there.
fn named(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options = PgConnectOptions::from_str(url)?;
    let unnamed = options.get_application_name().is_none();
    Ok(if unnamed { options.application_name("tms-server") } else { options })
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE).after_connect(
        |connection, _| {
            Box::pin(async move {
                connection.execute(SESSION).await?;
                Ok(())
            })
        },
    )
}

fn steps() -> Migrator {
    migrations([
        ("tenants and keys", include_str!("migrations/postgres/0001_tenants_and_keys.sql")),
        ("changes and audit", include_str!("migrations/postgres/0002_changes_and_audit.sql")),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::open::open;
    use super::super::suite;
    use super::super::test_postgres::Database;
    use super::*;

    #[tokio::test]
    async fn postgres_conforms() {
        let Some(database) = Database::make().await else { return };
        let url = database.url().into();
        let repo = open(&url).await.expect("opens");
        suite::all(&*repo).await;
        repo.close().await;
        let repo = open(&url).await.expect("opens again");
        suite::what_was_written_is_still_there(&*repo).await;
        repo.close().await;
    }

    #[tokio::test]
    async fn all_who_start_at_once_on_an_empty_database_find_the_same_tables() {
        let Some(database) = Database::make().await else { return };
        let url = database.url().into();
        let opened = futures_util::future::join_all((0..8).map(|_| open(&url))).await;
        let mut heads = Vec::new();
        for repo in opened {
            let repo = repo.expect("opens");
            heads.push(repo.head().await.expect("asked"));
            repo.close().await;
        }
        assert!(heads.iter().all(|head| *head == heads[0]), "{heads:?}");
    }

    #[tokio::test]
    async fn a_writer_that_stands_still_gives_way() {
        let Some(database) = Database::make().await else { return };
        let engine = PostgresEngine::open(&database.url(), Bell::default()).await.expect("opens");
        let mut standing = engine.begin_alone().await.expect("begun");
        // What the session of a process that was stopped waits for, made short.
        standing.execute("SET idle_in_transaction_session_timeout = '500ms'").await.expect("set");
        let began = std::time::Instant::now();
        let next = engine.begin_alone().await.expect("after the other was ended");
        assert!(began.elapsed() > Duration::from_millis(400), "it waited");
        drop((standing, next));
        engine.close().await;
    }

    #[tokio::test]
    async fn nothing_that_can_be_printed_shows_the_password() {
        let Some(database) = Database::make().await else { return };
        let url = database.url();
        let password = url.split([':', '@']).nth(2).expect("a password").to_owned();
        let repo = open(&url.clone().into()).await.expect("opens");
        assert!(!format!("{repo:?}").contains(&password));
        repo.close().await;
        let wrong = url.replace(&password, "another-pass-word");
        let refused = open(&wrong.into()).await.expect_err("a wrong password");
        assert!(!format!("{refused:?} {}", crate::error::causes(&refused)).contains("another-pass-word"));
        let nobody = format!("postgres://postgres:{password}@127.0.0.1:1/tms");
        let refused = open(&nobody.into()).await.expect_err("nobody listens");
        assert!(!format!("{refused:?} {}", crate::error::causes(&refused)).contains(&password));
    }
}
