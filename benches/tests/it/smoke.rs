//! The report, from its first question to its last line.

use std::path::Path;
use std::process::{Command, Output};

use benches::Result;

/// A piece of each row that the report has to have.
const ROWS: &[&str] = &[
    "commits of 1, one writer | bare SQLite |",
    "commits of 1, one writer | bare SQLite, texts ready-made |",
    "commits of 1, one writer | append + fdatasync |",
    "commits of 1, one writer | memory store |",
    "commits of 100, one writer | bare SQLite |",
    "commits of 100, one writer | bare SQLite, texts ready-made |",
    "commits of 100, one writer | append + fdatasync |",
    "commits of 100, one writer | memory store |",
    "commits of 1000, one writer | bare SQLite |",
    "commits of 1000, one writer | bare SQLite, texts ready-made |",
    "commits of 1000, one writer | append + fdatasync |",
    "commits of 1000, one writer | memory store |",
    "64 requests of one tenant at once | bare SQLite, 64 a commit |",
    "the same tenant, one at a time | bare SQLite, 1 a commit |",
    "1 tenant, a connection | bare SQLite, 1 file, 1 a commit |",
    "1 tenant, a connection | append + fdatasync, 1 a sync |",
    "4 tenants, a connection each | bare SQLite, 1 file, 1 a commit |",
    "4 tenants, a connection each | append + fdatasync, 4 a sync |",
    "16 tenants, a connection each | bare SQLite, 1 file, 1 a commit |",
    "16 tenants, a connection each | append + fdatasync, 1 a sync |",
    "16 tenants, a connection each | append + fdatasync, 16 a sync |",
    "16 tenants, a connection each | bare SQLite, 16 files, 2 threads |",
    "16 tenants, a connection each | bare SQLite, 16 files, 16 threads |",
    "32 tenants, a connection each | bare SQLite, 1 file, 1 a commit |",
    "32 tenants, a connection each | append + fdatasync, 1 a sync |",
    "32 tenants, a connection each | append + fdatasync, 32 a sync |",
    "32 tenants, a connection each | bare SQLite, 32 files, 2 threads |",
    "32 tenants, a connection each | bare SQLite, 32 files, 16 threads |",
    "get by id, warm file | rusqlite on the calling thread |",
    "spawn_blocking of nothing, there and back | rusqlite on the calling thread |",
    "latest 20 of 5000 |",
    "latest 20, with the exact total, of 5000 |",
    "histogram by day over a range of 5000 |",
    "exact count of 5000 |",
    "filling, commits of 1000, of 5000 |",
    "start, 40 tenants |",
    "40 tenants, Zipf, default files: rate |",
    "40 tenants, Zipf, default files: cold p50 |",
    "40 tenants, Zipf, default files: cold p99 |",
    "40 tenants, Zipf, default files: warm p50 |",
    "40 tenants, Zipf, default files: warm p99 |",
    "40 tenants, Zipf, default files: memory of the process |",
    "40 tenants, Zipf, default files: open descriptors |",
    "40 tenants, Zipf, default files: closing the store |",
    "40 tenants, Zipf, 40 files: rate |",
    "40 tenants, Zipf, 40 files: warm p99 |",
    "40 tenants, uniform, default files: rate |",
    "40 tenants, uniform, default files: cold p99 |",
    "40 tenants, uniform, 40 files: rate |",
    "40 tenants, uniform, 40 files: open descriptors |",
    "SQLite, 20 tenants: lookup by name |",
    "SQLite, 20 tenants: lookup by own domain |",
    "SQLite, 20 tenants: creation, 16 at once, the last ones |",
    "SQLite, 20 tenants: full list |",
    "SQLite, 20 tenants: feed, all changes from the beginning |",
    "SQLite, 20 tenants: a replica, until it is complete |",
    "SQLite, 20 tenants: memory of a replica, for each tenant |",
    "SQLite, 200 tenants: lookup by name |",
    "SQLite, 200 tenants: lookup by own domain |",
    "SQLite, 200 tenants: creation, 16 at once, the last ones |",
    "SQLite, 200 tenants: full list |",
    "SQLite, 200 tenants: feed, all changes from the beginning |",
    "SQLite, 200 tenants: a replica, until it is complete |",
    "SQLite, 200 tenants: memory of a replica, for each tenant |",
    "SQLite: lookup by name, many to few |",
    "SQLite: lookup by own domain, many to few |",
    "a quiet tenant beside a noisy one: p95 | the same load spread evenly |",
    "a quiet tenant beside a noisy one: p95 | the same flood, no limit |",
    "a quiet tenant beside a noisy one: p95, noisy to even |",
    "a quiet tenant beside a noisy one: errors |",
    "the noisy tenant: offered, of its limit |",
    "the noisy tenant: admitted, of its limit |",
    "the server alone: requests/s |",
    "20 tenants: host to tenant | floor |",
    "20 tenants: host rules and bare index | floor |",
    "20 tenants: host to tenant by the long way | floor |",
    "20 tenants: parse + moka, fast hash | ours |",
    "20 tenants: parse + papaya + Arc | ours |",
    "20 tenants: parse + arc-swap + Arc | ours |",
    "20 tenants: parse + dashmap + Arc | ours |",
    "20 tenants: parse + matchit | ours |",
    "20 tenants: String + HashMap + Arc | ours |",
    "20 tenants: String + moka | ours |",
    "20 tenants: memory for each |",
    "20 tenants: two threads, one tenant | two threads, a tenant each |",
    "20 tenants: two threads, one Arc | two threads, an Arc each |",
    "200 tenants: host to tenant | floor |",
    "200 tenants: host rules and bare index | floor |",
    "200 tenants: host to tenant by the long way | floor |",
    "200 tenants: parse + moka, fast hash | ours |",
    "200 tenants: parse + papaya + Arc | ours |",
    "200 tenants: parse + arc-swap + Arc | ours |",
    "200 tenants: parse + dashmap + Arc | ours |",
    "200 tenants: parse + matchit | ours |",
    "200 tenants: String + HashMap + Arc | ours |",
    "200 tenants: String + moka | ours |",
    "200 tenants: memory for each |",
    "200 tenants: two threads, one tenant | two threads, a tenant each |",
    "200 tenants: two threads, one Arc | two threads, an Arc each |",
    "400 tenants: host to tenant | floor |",
    "400 tenants: host rules and bare index | floor |",
    "400 tenants: host to tenant by the long way | floor |",
    "400 tenants: parse + moka, fast hash | ours |",
    "400 tenants: parse + papaya + Arc | ours |",
    "400 tenants: parse + arc-swap + Arc | ours |",
    "400 tenants: parse + dashmap + Arc | ours |",
    "400 tenants: parse + matchit | ours |",
    "400 tenants: String + HashMap + Arc | ours |",
    "400 tenants: String + moka | ours |",
    "400 tenants: memory for each |",
    "400 tenants: two threads, one tenant | two threads, a tenant each |",
    "400 tenants: two threads, one Arc | two threads, an Arc each |",
    "800 tenants: host to tenant | floor |",
    "800 tenants: host rules and bare index | floor |",
    "800 tenants: host to tenant by the long way | floor |",
    "800 tenants: parse + moka, fast hash | ours |",
    "800 tenants: parse + papaya + Arc | ours |",
    "800 tenants: parse + arc-swap + Arc | ours |",
    "800 tenants: parse + dashmap + Arc | ours |",
    "800 tenants: parse + matchit | ours |",
    "800 tenants: String + HashMap + Arc | ours |",
    "800 tenants: String + moka | ours |",
    "800 tenants: memory for each |",
    "800 tenants: two threads, one tenant | two threads, a tenant each |",
    "800 tenants: two threads, one Arc | two threads, an Arc each |",
    "200 tenants: what the layer adds |",
    "200 tenants: a tenant that is served | bare axum |",
    "200 tenants: the same, by Router::layer | bare axum |",
    "200 tenants: one that is unknown | bare axum |",
    "200 tenants: one that has to be asked for | bare axum |",
    "200 tenants: a naive middleware with moka | bare axum |",
    "the layer adds: instructions |",
    "the layer adds: allocations |",
    "a refusal instead of the handler: instructions |",
    "a refusal instead of the handler: allocations |",
    "a naive middleware with moka adds: instructions |",
    "a naive middleware with moka adds: allocations |",
    "a layer that does nothing: processor time for a request | bare axum |",
    "a layer that does nothing: more than bare axum, mean |",
    "a layer that does nothing: upper end of the 95 % interval |",
    "the tenant layer: processor time for a request | bare axum |",
    "the tenant layer: more than bare axum, mean |",
    "the tenant layer: upper end of the 95 % interval |",
    "a naive middleware with moka: processor time for a request | bare axum |",
    "a naive middleware with moka: more than bare axum, mean |",
    "a naive middleware with moka: upper end of the 95 % interval |",
];

/// Those of an engine that the environment may name, as CI's does.
const ON_OPENSEARCH: &[&str] = &[
    "OpenSearch: events through /track, 1 a request | the same documents, a _bulk a request |",
    "OpenSearch: events through /track, 1 a request | the same documents, 1000 a _bulk |",
    "OpenSearch: events through /track, 1 a request | their bodies alone, a _bulk a request |",
    "OpenSearch: events through /track, 1 a request: documents for each |",
    "OpenSearch: events through /track, 100 a request | the same documents, a _bulk a request |",
    "OpenSearch: events through /track, 100 a request | the same documents, 1000 a _bulk |",
    "OpenSearch: events through /track, 100 a request | their bodies alone, a _bulk a request |",
    "OpenSearch: events through /track, 100 a request: documents for each |",
    "OpenSearch: the latest 20 of 2000 | the same DSL sent directly |",
    "OpenSearch: 100 of a type, counted, of 2000 | the same DSL sent directly |",
];

fn report(arguments: &[&str], folder: &Path) -> Result<Output> {
    Ok(Command::new(env!("CARGO_BIN_EXE_report")).args(arguments).arg("--dir").arg(folder).output()?)
}

/// What was measured, and the opponent if there is one.
fn name(line: &str) -> String {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    match cells.as_slice() {
        ["", what, _, "", ..] => format!("{what} |"),
        ["", what, _, opponent, ..] => format!("{what} | {opponent} |"),
        _ => String::new(),
    }
}

#[test]
fn the_report_comes_to_its_end_and_has_every_row() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = report(&["--quick", "--force"], folder.path())?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names: Vec<String> = text.lines().map(name).collect();
    let has_engine = std::env::var_os(benches::engine::VARIABLE).is_some();
    assert!(has_engine || std::env::var_os("CI").is_none(), "OpenSearch would not be measured");
    for row in ROWS.iter().chain(ON_OPENSEARCH.iter().filter(|_| has_engine)) {
        assert!(names.iter().any(|name| name == row), "{row} is missing in\n{text}");
    }
    assert!(text.contains("QUICK"), "a quick report says that it is one\n{text}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "the report leaves nothing behind");
    Ok(())
}

#[test]
fn a_disk_that_is_memory_is_refused() -> Result<()> {
    let memory = Path::new("/dev/shm");
    assert!(memory.is_dir(), "every Linux has one");
    let folder = tempfile::tempdir_in(memory)?;
    let output = report(&["--quick", "--only", "reads"], folder.path())?;
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr)?;
    assert!(message.contains("syncs are free") && message.contains("tmpfs"), "{message}");
    Ok(())
}

#[test]
fn a_question_that_does_not_exist_is_an_error_that_lists_those_that_do() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = report(&["--quick", "--only", "nonsense"], folder.path())?;
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr)?.contains("batches"));
    Ok(())
}
