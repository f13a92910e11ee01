//! `own-directory`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::{Connection, SqliteConnection};
use tenant_router::testing::{Ask, Isolation, Side};

use crate::hello_tenant::get;
use crate::program::Program;

const TABLE: &str = "CREATE TABLE customers
    (id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL, domain TEXT, blocked TEXT)";

/// The table, as the product that owns it sees it.
struct Table(SqliteConnection);

impl Table {
    async fn create(path: &Path) -> Self {
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let mut table = Self(SqliteConnection::connect(&url).await.unwrap());
        table.run(TABLE).await;
        table.run("INSERT INTO customers (slug, domain) VALUES ('company-x', 'shop.example')").await;
        table
            .run("INSERT INTO customers (slug, blocked) VALUES ('globex', NULL), ('unpaid', 'Pay first.')")
            .await;
        table
    }

    async fn run(&mut self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.0).await.unwrap();
    }
}

fn start(path: &Path) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_own-directory")).arg(path))
}

/// Asks until the answer is this one, and tells how often the answer before was another.
fn until(program: &Program, host: &str, status: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = get(program, host);
        if answer.0 == format!("HTTP/1.1 {status}") {
            return;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn who_is_in_the_table_is_served_under_each_of_its_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let mut table = Table::create(&path).await;
    let program = start(&path);
    for host in ["company-x.localhost", "companyx.localhost", "shop.example"] {
        assert_eq!(get(&program, host).1, "hello, company-x\n", "{host}");
    }
    for (host, status) in [
        ("c-ompanyx.localhost", "404 Not Found"),
        ("nobody.localhost", "404 Not Found"),
        ("nobody.example", "400 Bad Request"),
        // As a domain it is nobody's; as a label it is somebody's all the same.
        ("globex", "400 Bad Request"),
        ("globex.localhost", "200 OK"),
        ("unpaid.localhost", "403 Forbidden"),
    ] {
        assert_eq!(get(&program, host).0, format!("HTTP/1.1 {status}"), "{host}");
    }
    table.run("UPDATE customers SET blocked = 'Pay first.' WHERE slug = 'company-x'").await;
    until(&program, "shop.example", "403 Forbidden");
    assert!(get(&program, "company-x.localhost").1.contains("Pay first."));
    table.run("INSERT INTO customers (slug) VALUES ('nobody')").await;
    until(&program, "nobody.localhost", "200 OK");
}

#[tokio::test]
async fn while_the_table_cannot_be_read_who_is_known_is_served_and_nobody_becomes_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let mut table = Table::create(&path).await;
    let program = start(&path);
    assert_eq!(get(&program, "company-x.localhost").1, "hello, company-x\n");
    assert_eq!(get(&program, "unpaid.localhost").0, "HTTP/1.1 403 Forbidden");
    table.run("ALTER TABLE customers RENAME TO elsewhere").await;
    // Known to be nobody until that is due to be asked again, and then it cannot be.
    until(&program, "nobody.localhost", "503 Service Unavailable");
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1200) {
        assert_eq!(get(&program, "company-x.localhost").1, "hello, company-x\n");
        assert_eq!(get(&program, "globex.localhost").0, "HTTP/1.1 503 Service Unavailable");
    }
    assert_eq!(get(&program, "unpaid.localhost").0, "HTTP/1.1 403 Forbidden");
    table.run("ALTER TABLE elsewhere RENAME TO customers").await;
    assert_eq!(get(&program, "globex.localhost").0, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn its_tenants_are_isolated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let _table = Table::create(&path).await;
    let program = start(&path);
    let side = |host: &str, name: &str| Side::new(host, Ask::get("/"), format!("hello, {name}\n"));
    let [x, globex] = [side("shop.example", "company-x"), side("globex.localhost", "globex")];
    let kit = Isolation::new(program.address, x, globex).unknown_host("nobody.localhost");
    kit.suspended_host("unpaid.localhost").run().await.assert_isolated();
}
