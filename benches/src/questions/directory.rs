//! A management service with a thousand tenants, and one with a hundred thousand: creating them, looking them up, listing
//! them, hearing of all their changes, and holding them in the memory of a replica. In one process, over a socket.

use std::io::{self, Write as _};

use super::runtime;
use crate::machine::resident_mebibytes;
use crate::tms::{Database, Tms};
use crate::{Contest, Goal, Result, Row, Samples, Setting, Unit};
use tokio::runtime::Runtime;

/// How much longer a lookup may take among a hundred times as many tenants.
const FLAT: f64 = 1.5;
/// Replicas whose memory is measured at the same time.
const REPLICAS: usize = 4;

pub(super) fn sqlite(setting: &Setting) -> Result<Vec<Row>> {
    let databases = ["few", "many"].map(|name| Database::sqlite(&setting.folder, name));
    answer(setting, &runtime()?, "SQLite", databases)
}

/// No rows where there is no PostgreSQL.
pub(super) fn postgres(setting: &Setting) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    let databases =
        runtime.block_on(async { Result::Ok((Database::postgres().await?, Database::postgres().await?)) })?;
    let (Some(few), Some(many)) = databases else {
        let text = "tms-postgres: NOT MEASURED, TENANTRY_TEST_POSTGRES is not set; see scripts/postgres";
        writeln!(io::stderr(), "{text}")?;
        return Ok(Vec::new());
    };
    answer(setting, &runtime, "PostgreSQL", [few, many])
}

fn answer(
    setting: &Setting,
    runtime: &Runtime,
    database: &str,
    databases: [Database; 2],
) -> Result<Vec<Row>> {
    let sizes = [setting.size(1_000, 20), setting.size(100_000, 200)];
    let mut services = Vec::new();
    for (database, size) in databases.into_iter().zip(sizes) {
        services.push(runtime.block_on(Service::start(database, size, setting))?);
    }
    let mut rows = lookups(setting, runtime, database, &services)?;
    for service in &services {
        rows.extend(runtime.block_on(service.whole(setting, database))?);
    }
    for service in services {
        runtime.block_on(service.tms.stop())?;
    }
    Ok(rows)
}

/// A service, how many tenants it has, and where its feed stood before it had any.
struct Service {
    tms: Tms,
    size: usize,
    beginning: reqwest::header::HeaderValue,
    /// The last ones of them were created so many a second.
    rate: f64,
}

impl Service {
    async fn start(database: Database, size: usize, setting: &Setting) -> Result<Self> {
        let tms = Tms::start(database).await?;
        let beginning = tms.cursor().await?;
        let last = setting.size(1_000, 10);
        tms.create(0..size - last).await?;
        let rate = tms.create(size - last..size).await?;
        Ok(Self { tms, size, beginning, rate })
    }

    /// What is done with all tenants at once.
    async fn whole(&self, setting: &Setting, database: &str) -> Result<Vec<Row>> {
        let of = |what: &str| format!("{database}, {} tenants: {what}", self.size);
        let (mut lists, mut feeds, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..setting.repetitions() {
            lists.push(self.tms.list(self.size).await?);
            feeds.push(self.tms.catch_up(&self.beginning, self.size).await?);
        }
        // The first one leaves in place what the allocator keeps after the list was read.
        let mut replicas = vec![self.tms.replica(self.size).await?.0];
        let before = resident_mebibytes();
        for _ in 0..REPLICAS {
            let (replica, took) = self.tms.replica(self.size).await?;
            replicas.push(replica);
            starts.push(took);
        }
        let bytes = (resident_mebibytes() - before) * 1_048_576.0 / (REPLICAS * self.size) as f64;
        let milliseconds =
            |what: &str, figures| Row::new(of(what), Unit::Milliseconds, Samples::new(figures));
        Ok(vec![
            Row::new(of("creation, 16 at once, the last ones"), Unit::Tenants, self.rate),
            milliseconds("full list", lists),
            milliseconds("feed, all changes from the beginning", feeds),
            milliseconds("a replica, until it is complete", starts),
            Row::new(of("memory of a replica, for each tenant"), Unit::Bytes, bytes),
        ])
    }
}

/// A thousand lookups of each service in each repetition, and how much longer those among many tenants take.
fn lookups(setting: &Setting, runtime: &Runtime, database: &str, services: &[Service]) -> Result<Vec<Row>> {
    let times = setting.size(1_000, 10);
    let mut contest = Contest::new(setting.repetitions());
    for Service { tms, size, .. } in services {
        contest = contest
            .with(move |_| runtime.block_on(tms.look_up_names(*size, times)))
            .with(move |_| runtime.block_on(tms.look_up_hosts(*size, times)));
    }
    let [names_few, hosts_few, names, hosts] = contest.run()?.try_into().map_err(|_| "four contestants")?;
    let mut rows = Vec::new();
    for (what, few, many) in [("name", names_few, names), ("own domain", hosts_few, hosts)] {
        let ratio = many.ratio_to(&few);
        for (service, figure) in services.iter().zip([few, many]) {
            let what = format!("{database}, {} tenants: lookup by {what}", service.size);
            rows.push(Row::new(what, Unit::Microseconds, figure));
        }
        let what = format!("{database}: lookup by {what}, many to few");
        rows.push(Row::new(what, Unit::Times, ratio).with_goal(Goal::AtMost(FLAT)));
    }
    Ok(rows)
}
