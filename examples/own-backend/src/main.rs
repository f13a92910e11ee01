//! Counts visits in a store of one's own.
//!
//! ```text
//! $ cargo run --release -p own-backend -- ./data 2
//! visit 1
//! visit 2
//! visits on 2026-01-01: 2
//! $ cargo run --release -p own-backend -- ./data
//! visit 3
//! visits on 2026-01-01: 3
//! ```
//!
//! A number is printed once the visit is on the disk: a process that is killed, started again, goes on where it was.

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use own_backend::LogStore;
use serde_json::json;
use storage::{
    Aggregation, Batch, Buckets, DocumentId, FieldType, Filter, Interval, Kind, NamespacedStore, Schema,
    Store, TimeUnit, lifecycle,
};
use tenant_core::{Context, Incarnation, Tenant};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: own-backend FOLDER [VISITS]")?;
    let visits: u64 = arguments.next().map_or(Ok(1), |visits| visits.parse())?;

    let visit = Kind::new("visit").with_field("time", FieldType::Date).with_time_field("time");
    let store: Arc<dyn Store> = Arc::new(LogStore::open(folder, Schema::new(1, vec![visit])?)?);
    let acme = Tenant::new("acme".parse()?, Incarnation::fixed("acme"));
    lifecycle::install(&store, &acme.id(), acme.incarnation).await?;
    let active = acme.admit(Timestamp::now()).map_err(|_| "the tenant is active")?;
    let data = NamespacedStore::new(store, &active, Context::Production);

    let before = data.count("visit", &Filter::All).await?;
    for number in before + 1..=before + visits {
        let mut batch = Batch::default();
        let body = json!({"time": Timestamp::now().to_string()});
        let id = DocumentId::new(format!("visit-{number}"))?;
        batch.create("visit", id, body.as_object().cloned().unwrap_or_default());
        data.write(batch).await?;
        say(&format!("visit {number}"));
    }
    let interval = Interval { count: 1, unit: TimeUnit::Day };
    let days = Aggregation::Histogram { path: "time".into(), interval, zone: "UTC".to_owned() };
    if let Buckets::Histogram(days) = data.aggregate("visit", &Filter::All, &days).await? {
        days.iter().for_each(|(day, visits)| say(&format!("visits on {}: {visits}", day.strftime("%F"))));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "whoever started the program reads it")]
fn say(line: &str) {
    println!("{line}");
}
