//! What the layer adds to a request in front of an axum handler, called in this process: nanoseconds, instructions and
//! allocations, for a tenant that is served, one that is unknown, and one that has to be asked for.

use std::io::{self, Write as _};

use http::StatusCode;
use http::header::HeaderValue;
use tenant_core::{Cached, Lookup, StaticDirectory, TenantDirectory, TenantKey};
use tower::Layer;

use crate::calls::time;
use crate::counted::{self, Cost};
use crate::replica::Replica;
use crate::{Contest, Goal, Result, Row, Setting, Unit, hosts, stacks};

/// Nanoseconds that the layer may add.
const NANOSECONDS: f64 = 250.0;
/// Allocations that it may add.
const ALLOCATIONS: f64 = 3.0;

/// Knows all tenants, and has to be asked for each.
struct Asked(StaticDirectory);

impl TenantDirectory for Asked {
    fn cached(&self, _: &TenantKey<'_>) -> Cached {
        Cached::Miss
    }

    fn find(&self, key: &TenantKey<'_>) -> impl Future<Output = Lookup> + Send {
        self.0.find(key)
    }
}

pub(super) fn answer(setting: &Setting) -> Result<Vec<Row>> {
    let tenants = setting.size(10_000, 200);
    let hosts = hosts::requests(tenants, setting.size(300_000, 1_000));
    let hosts: Vec<HeaderValue> =
        hosts.iter().map(|host| HeaderValue::from_bytes(host)).collect::<std::result::Result<_, _>>()?;
    let replica = Replica::start(tenants)?;
    let mut bare = stacks::bare();
    let mut served = stacks::layer(replica.directory.clone())?.layer(stacks::bare());
    let mut within = stacks::bare().layer(stacks::layer(replica.directory.clone())?);
    let mut refused = stacks::layer(StaticDirectory::default())?.layer(stacks::bare());
    let mut asked = stacks::layer(Asked(stacks::directory(tenants)))?.layer(stacks::bare());
    let mut naive = stacks::naive(tenants);
    let figures = Contest::new(setting.repetitions())
        .with(|_| time(&mut bare, &hosts, StatusCode::OK))
        .with(|_| time(&mut served, &hosts, StatusCode::OK))
        .with(|_| time(&mut within, &hosts, StatusCode::OK))
        .with(|_| time(&mut refused, &hosts, StatusCode::NOT_FOUND))
        .with(|_| time(&mut asked, &hosts, StatusCode::OK))
        .with(|_| time(&mut naive, &hosts, StatusCode::OK))
        .run()?;
    let [bare, served, within, refused, asked, naive] = figures.try_into().map_err(|_| "six contestants")?;
    let row = |what: &str, figure| Row::new(format!("{tenants} tenants: {what}"), Unit::Nanoseconds, figure);
    let mut rows = vec![
        row("what the layer adds", served.minus(&bare)).with_goal(Goal::AtMost(NANOSECONDS)),
        row("a tenant that is served", served).against("bare axum", &bare),
        row("the same, by Router::layer", within).against("bare axum", &bare),
        row("one that is unknown", refused).against("bare axum", &bare),
        row("one that has to be asked for", asked).against("bare axum", &bare),
        row("a naive middleware with moka", naive).against("bare axum", &bare),
    ];
    rows.extend(counts()?);
    Ok(rows)
}

/// No rows where there is no valgrind.
fn counts() -> Result<Vec<Row>> {
    let Some(bare) = counted::count("bare")? else {
        writeln!(
            io::stderr(),
            "router-overhead: instructions and allocations NOT MEASURED, valgrind is missing"
        )?;
        return Ok(Vec::new());
    };
    let mut rows = Vec::new();
    for (name, what, goal) in [
        ("layer", "the layer adds", Some(Goal::AtMost(ALLOCATIONS))),
        ("refused", "a refusal instead of the handler", None),
        ("naive", "a naive middleware with moka adds", None),
    ] {
        let Some(Cost { instructions, allocations }) = counted::count(name)? else { continue };
        let of = |unit: &str| format!("{what}: {unit}");
        rows.push(Row::new(of("instructions"), Unit::Count, instructions - bare.instructions));
        let row = Row::new(of("allocations"), Unit::Count, allocations - bare.allocations);
        rows.push(Row { goal, ..row });
    }
    Ok(rows)
}
