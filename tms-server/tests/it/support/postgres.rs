//! PostgreSQL databases for tests, each of one test alone.

use std::io::Write as _;
use std::sync::Once;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

/// The URL of a database whose user may make others; `scripts/postgres start` prints one.
const VARIABLE: &str = "TENANTRY_TEST_POSTGRES";

/// An empty database, dropped with this.
pub(crate) struct Database {
    admin: String,
    name: String,
}

impl Database {
    /// Makes one. Without a PostgreSQL there is none, which is told loudly, and fails where everything has to be tested.
    pub(crate) async fn make() -> Option<Self> {
        let Ok(admin) = std::env::var(VARIABLE) else {
            not_tested();
            return None;
        };
        let name = format!("tms_{}", Uuid::new_v4().simple());
        execute(&admin, format!("CREATE DATABASE {name}")).await;
        Some(Self { admin, name })
    }

    pub(crate) fn url(&self) -> String {
        let (server, _) = self.admin.rsplit_once('/').expect("a database in the url");
        format!("{server}/{}", self.name)
    }
}

async fn execute(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.expect("the PostgreSQL for tests answers");
    connection.execute(AssertSqlSafe(sql)).await.expect("done");
    connection.close().await.expect("closed");
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, drop) = (self.admin.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A runtime of its own: the test's may be the one that waits here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&admin, drop));
        });
        // A test that has failed is told by itself.
        if dropping.join().is_err() && !std::thread::panicking() {
            panic!("{} is not dropped", self.name);
        }
    }
}

fn not_tested() {
    assert!(std::env::var_os("CI").is_none(), "{VARIABLE} is not set: PostgreSQL would not be tested");
    static ONCE: Once = Once::new();
    // Past what captures the output of tests that pass.
    ONCE.call_once(|| {
        let text = format!("\nPOSTGRESQL IS NOT TESTED: {VARIABLE} is not set; see scripts/postgres\n\n");
        let _ = std::io::stderr().write_all(text.as_bytes());
    });
}
