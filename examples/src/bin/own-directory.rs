//! A tenant directory over a table that is there already: the customers of somebody's product, in SQLite.
//!
//! ```text
//! $ sqlite3 shop.db "CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL, domain TEXT, blocked TEXT);
//!                    INSERT INTO customers (slug, domain) VALUES ('company-x', 'shop.example')"
//! $ cargo run --release -p examples --bin own-directory shop.db 127.0.0.1:8080
//! listening on http://127.0.0.1:8080
//! $ curl http://company-x.localhost:8080/
//! hello, company-x
//! ```
//!
//! What such a directory owes its callers:
//!
//! - **Unavailable is not unknown.** A table that cannot be read makes nobody unknown: `find` says so, and the layer answers
//!   503. Nothing is remembered of a failure.
//! - **Freshness** is how long a suspension may go unseen: here a second. For longer than that nothing is served unasked.
//! - **Stale** is how long a tenant that was known is served while the table cannot be read: here an hour, and then 503. It
//!   is in memory alone: after a restart without the table nobody is known.
//! - **Unknown names** are remembered as briefly, and there is room for so many names: whoever asks for a million others costs
//!   a look into the table each, one at a time, and no memory.
//! - `cached` never waits, and `find` never holds up a thread of the runtime: sqlx reads SQLite on threads of its own, and
//!   PostgreSQL or MySQL over a socket in the same words.

use std::time::{Duration, Instant};

use axum::{Router, routing::get};
use tenant_core::{
    Cached, HostRules, Incarnation, Lookup, Tenant, TenantDirectory, TenantKey, TenantRef, TenantStatus,
};
use tenant_router::{CurrentTenant, TenantLayer};

/// How long what was read counts as true, and how long a request waits for the table.
const FRESH: Duration = Duration::from_secs(1);
/// How long a tenant is served without the table.
const STALE: Duration = Duration::from_secs(3600);

// A label is looked up by its id, without hyphens: an index over that expression keeps it fast. The layer checks the spelling.
const BY_ID: &str = "SELECT id, slug, domain, blocked FROM customers WHERE replace(lower(slug), '-', '') = ?";
const BY_DOMAIN: &str = "SELECT id, slug, domain, blocked FROM customers WHERE domain = ?";

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Row = (i64, String, Option<String>, Option<String>);
/// When it was asked, and who it was; nobody, if there was nobody.
type Names = moka::sync::Cache<String, (Instant, Option<TenantRef>)>;

struct Customers {
    table: sqlx::SqlitePool,
    ids: Names,
    domains: Names,
}

impl Customers {
    fn place<'k>(&self, key: &'k TenantKey<'_>) -> (&Names, &'static str, &'k str) {
        match key {
            TenantKey::Label { id, .. } => (&self.ids, BY_ID, id.as_str()),
            TenantKey::Domain(domain) => (&self.domains, BY_DOMAIN, domain),
        }
    }
}

fn tenant((id, slug, domain, blocked): Row) -> Result<TenantRef, Failure> {
    // The row's id is never given out again, so it tells one life of a name from the next.
    let mut tenant = Tenant::new(slug.parse()?, Incarnation::fixed(&id.to_string()));
    tenant.hosts.extend(domain);
    tenant.status = if blocked.is_some() { TenantStatus::Suspended } else { TenantStatus::Active };
    tenant.public_reason = blocked;
    Ok(tenant.into())
}

impl TenantDirectory for Customers {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        let (names, _, text) = self.place(key);
        match names.get(text) {
            Some((at, found)) if at.elapsed() < FRESH => found.map_or(Cached::Unknown, Cached::Known),
            Some((_, Some(tenant))) => Cached::RefreshDue(tenant),
            _ => Cached::Miss,
        }
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        let (names, sql, text) = self.place(key);
        let read = async {
            let mut table = self.table.acquire().await?;
            // Who waited for the one connection finds what was read meanwhile.
            if let Some((_, found)) = names.get(text).filter(|(at, _)| at.elapsed() < FRESH) {
                return Ok(found);
            }
            let asked_at = Instant::now();
            let row: Option<Row> = sqlx::query_as(sql).bind(text).fetch_optional(&mut *table).await?;
            let tenant = row.map(tenant).transpose()?;
            names.insert(text.to_owned(), (asked_at, tenant.clone()));
            Ok::<_, Failure>(tenant)
        };
        match (tokio::time::timeout(FRESH, read).await, names.get(text)) {
            (Ok(Ok(tenant)), _) => tenant.map_or(Lookup::Unknown, Lookup::Known),
            // It is forgotten once it is stale.
            (_, Some((_, Some(tenant)))) => Lookup::Known(tenant),
            _ => Lookup::Unavailable { retry_after: FRESH },
        }
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "whoever started the program waits for the line")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: own-directory DATABASE [ADDRESS]")?;
    let one = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let table = one.connect(&format!("sqlite://{path}?mode=ro")).await?;
    let names = || Names::builder().max_capacity(100_000).time_to_live(STALE).build();
    let customers = Customers { table, ids: names(), domains: names() };
    let layer = TenantLayer::new(HostRules::base_domains(["localhost".parse()?]), customers);
    let hello = async |current: CurrentTenant| format!("hello, {}\n", current.tenant().name);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/", get(hello)).layer(layer)).await?;
    Ok(())
}
