//! From the bytes of a `Host` header to the tenant, in memory: ours through its public calls, with the rules for hosts, the
//! freshness of what is known, the tenant's status and end, and a counter; the others with a map alone.
//!
//! The floor reads the label without checking it and looks it up in a hash map that nobody can change. Everybody reads the
//! same headers, in the same order.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use tenant_core::{
    Cached, Clock, Host, HostRules, LabelText, SystemClock, Tenant, TenantDirectory, TenantKey, TenantStatus,
};
use tms_client::TmsDirectory;

use crate::machine::resident_mebibytes;
use crate::opponents::{self, Opponents};
use crate::replica::Replica;
use crate::threads::all_at_once;
use crate::{Contest, Goal, Result, Row, Samples, Setting, Unit, hosts};

/// How much longer than the floor we may take.
const OVER_THE_FLOOR: f64 = 1.5;
/// How much longer the index alone may take.
const INDEX_OVER_THE_FLOOR: f64 = 1.25;
/// How much longer the usual cache takes, at 10 000 tenants.
const BEHIND_US: f64 = 4.0;
/// How much faster two threads on a tenant each may be than two on one.
const FOR_EACH_OTHER: f64 = 1.1;
/// Bytes of memory for each of many tenants.
const BYTES: f64 = 600.0;

pub(super) fn few(setting: &Setting) -> Result<Vec<Row>> {
    answer(setting, setting.size(100, 20))
}

pub(super) fn many(setting: &Setting) -> Result<Vec<Row>> {
    answer(setting, setting.size(10_000, 200))
}

pub(super) fn very_many(setting: &Setting) -> Result<Vec<Row>> {
    answer(setting, setting.size(100_000, 400))
}

pub(super) fn most(setting: &Setting) -> Result<Vec<Row>> {
    answer(setting, setting.size(1_000_000, 800))
}

fn answer(setting: &Setting, tenants: usize) -> Result<Vec<Row>> {
    let before = resident_mebibytes();
    let replica = Replica::start(tenants)?;
    let bytes = (resident_mebibytes() - before) * 1_048_576.0 / tenants as f64;
    let ours = Ours::new(&replica)?;
    let mut rows = contest(setting, tenants, &ours)?;
    if tenants >= 100_000 || setting.quick {
        let what = format!("{tenants} tenants: memory for each");
        rows.push(Row::new(what, Unit::Bytes, bytes).with_goal(Goal::AtMost(BYTES)));
    }
    rows.extend(two_threads(setting, tenants, &ours)?);
    Ok(rows)
}

/// What a service does with a host, through our public calls.
struct Ours<'a> {
    rules: HostRules,
    directory: &'a TmsDirectory,
    clock: SystemClock,
}

impl<'a> Ours<'a> {
    fn new(replica: &'a Replica) -> Result<Self> {
        let rules = HostRules::base_domains([hosts::BASE.parse()?, "localhost".parse()?]);
        Ok(Self { rules, directory: &replica.directory, clock: SystemClock::default() })
    }

    /// All that stands between a host and a handler.
    #[inline]
    fn find(&self, host: &[u8]) -> usize {
        let mut text = LabelText::default();
        let subdomain = self.rules.subdomain(host, &mut text);
        let Some(subdomain) = &subdomain else { return 0 };
        self.serves(subdomain.key())
    }

    /// The same, by the way of hosts that are not plain, or no subdomain.
    fn find_by_the_long_way(&self, host: &[u8]) -> usize {
        let Ok(host) = Host::parse(host) else { return 0 };
        let Ok(keys) = self.rules.keys(&host) else { return 0 };
        self.serves(&keys.first)
    }

    #[inline]
    fn serves(&self, key: &TenantKey<'_>) -> usize {
        match self.directory.cached(key) {
            Cached::Known(tenant) if key.names(&tenant) => {
                let active = tenant.admit(self.clock.coarse_wall());
                usize::from(black_box(&active).is_ok())
            }
            _ => 0,
        }
    }
}

/// Nanoseconds for each host; every one of them has to be found.
fn time(hosts: &[Vec<u8>], mut find: impl FnMut(&[u8]) -> usize) -> Result<f64> {
    let began = Instant::now();
    let mut found = 0;
    for host in hosts {
        found += usize::from(find(black_box(host)) > 0);
    }
    let nanoseconds = began.elapsed().as_secs_f64() * 1e9 / hosts.len() as f64;
    if found != hosts.len() {
        return Err(format!("only {found} of {} hosts were found", hosts.len()).into());
    }
    Ok(nanoseconds)
}

/// What an opponent does with what it found: it reads one field.
#[inline]
fn seen(tenant: &Tenant) -> usize {
    usize::from(black_box(tenant.status) == TenantStatus::Active)
}

fn contest(setting: &Setting, tenants: usize, ours: &Ours<'_>) -> Result<Vec<Row>> {
    let hosts = &hosts::requests(tenants, setting.size(1_000_000, 2_000));
    let others = &Opponents::new(tenants);
    let by_label = |find: fn(&Opponents, &[u8]) -> usize| {
        move |_| {
            let mut text = [0; 64];
            time(hosts, |host| opponents::label(host, &mut text).map_or(0, |label| find(others, label)))
        }
    };
    let index = papaya::HashMap::with_hasher(foldhash::fast::RandomState::default());
    for tenant in (0..tenants).map(hosts::tenant) {
        index.pin().insert(tenant.id(), Arc::new(tenant));
    }
    let figures = Contest::new(setting.repetitions())
        .with(|_| time(hosts, |host| ours.find(host)))
        .with(|_| time(hosts, |host| bare_index(ours, &index, host)))
        .with(|_| time(hosts, |host| ours.find_by_the_long_way(host)))
        .with(by_label(|all, label| all.plain.get(label).map_or(0, |tenant| seen(tenant))))
        .with(by_label(|all, label| all.papaya.pin().get(label).cloned().map_or(0, |tenant| seen(&tenant))))
        .with(by_label(|all, label| all.swapped.load().get(label).cloned().map_or(0, |tenant| seen(&tenant))))
        .with(by_label(|all, label| {
            all.dashmap.get(label).map(|tenant| Arc::clone(&tenant)).map_or(0, |t| seen(&t))
        }))
        .with(by_label(|all, label| all.moka.get(label).map_or(0, |tenant| seen(&tenant))))
        .with(by_label(|all, label| {
            str::from_utf8(label)
                .ok()
                .and_then(|label| all.matchit.at(label).ok())
                .map_or(0, |found| seen(found.value))
        }))
        .with(|_| time(hosts, |host| text(host, |label| others.by_text.get(&label).cloned())))
        .with(|_| time(hosts, |host| text(host, |label| others.moka_by_text.get(&label))))
        .run()?;
    let [ours, index, long, floor, papaya, swapped, dashmap, moka, matchit, by_text, moka_by_text] =
        figures.try_into().map_err(|_| "eleven contestants")?;
    let what = format!("{tenants} tenants: host to tenant");
    let row = |figure: &Samples, what: String| Row::new(what, Unit::Nanoseconds, figure.clone());
    let mut rows = vec![
        row(&ours, what.clone()).against("floor", &floor).with_goal(Goal::RatioAtMost(OVER_THE_FLOOR)),
        row(&index, format!("{tenants} tenants: host rules and bare index"))
            .against("floor", &floor)
            .with_goal(Goal::RatioAtMost(INDEX_OVER_THE_FLOOR)),
        row(&long, format!("{tenants} tenants: host to tenant by the long way")).against("floor", &floor),
    ];
    let moka = row(&moka, format!("{tenants} tenants: parse + moka, fast hash")).against("ours", &ours);
    let is_goal = tenants == 10_000;
    rows.push(Row { goal: is_goal.then_some(Goal::Ratio(BEHIND_US)), ..moka });
    for (name, figure) in [
        ("parse + papaya + Arc", papaya),
        ("parse + arc-swap + Arc", swapped),
        ("parse + dashmap + Arc", dashmap),
        ("parse + matchit", matchit),
        ("String + HashMap + Arc", by_text),
        ("String + moka", moka_by_text),
    ] {
        rows.push(row(&figure, format!("{tenants} tenants: {name}")).against("ours", &ours));
    }
    Ok(rows)
}

fn bare_index(
    ours: &Ours<'_>,
    index: &papaya::HashMap<tenant_core::TenantId, Arc<Tenant>, foldhash::fast::RandomState>,
    host: &[u8],
) -> usize {
    let mut text = LabelText::default();
    let subdomain = ours.rules.subdomain(host, &mut text);
    let Some(TenantKey::Label { id, .. }) = subdomain.as_ref().map(|subdomain| subdomain.key()) else {
        return 0;
    };
    index.pin().get(id).map_or(0, |tenant| seen(tenant))
}

fn text(host: &[u8], find: impl Fn(String) -> Option<Arc<Tenant>>) -> usize {
    opponents::label_text(host).and_then(find).map_or(0, |tenant| seen(&tenant))
}

/// Two threads that ask for one tenant, and two that ask for one each: what they lose to each other. That two processors may
/// share what is in them is in both.
fn two_threads(setting: &Setting, tenants: usize, ours: &Ours<'_>) -> Result<Vec<Row>> {
    let calls = setting.size(4_000_000, 2_000);
    let run = |pair: [usize; 2]| {
        let shares = pair.map(|tenant| format!("{}.{}", hosts::name(tenant), hosts::BASE).into_bytes());
        let elapsed = all_at_once(shares.to_vec(), |host| {
            let found: usize = (0..calls).map(|_| ours.find(black_box(&host))).sum();
            if found == calls { Ok(()) } else { Err("a tenant was not found".into()) }
        })?;
        Ok(elapsed.as_secs_f64() * 1e9 / calls as f64)
    };
    let shared = Arc::new(hosts::tenant(0));
    let arcs = |pair: [Arc<Tenant>; 2]| {
        let elapsed = all_at_once(pair.to_vec(), |tenant| {
            (0..calls).for_each(|_| drop(black_box(Arc::clone(black_box(&tenant)))));
            Ok(())
        })?;
        Ok(elapsed.as_secs_f64() * 1e9 / calls as f64)
    };
    let figures = Contest::new(setting.repetitions())
        .with(|_| run([0, 0]))
        .with(|_| run([0, 1]))
        .with(|_| arcs([Arc::clone(&shared), Arc::clone(&shared)]))
        .with(|_| arcs([Arc::new(hosts::tenant(0)), Arc::new(hosts::tenant(1))]))
        .run()?;
    let [one, each, one_arc, arc_each] = figures.try_into().map_err(|_| "four contestants")?;
    let what = format!("{tenants} tenants: two threads, one tenant");
    Ok(vec![
        Row::new(what, Unit::Nanoseconds, one)
            .against("two threads, a tenant each", &each)
            .with_goal(Goal::RatioAtMost(FOR_EACH_OTHER)),
        Row::new(format!("{tenants} tenants: two threads, one Arc"), Unit::Nanoseconds, one_arc)
            .against("two threads, an Arc each", &arc_each),
    ])
}
