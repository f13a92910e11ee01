//! Ten thousand tenants, 64 connections, an event a request, the tenant of each drawn from a Zipf distribution with
//! exponent 0.99 or from all alike: events a second, how long a request takes before any of its tenant was answered since
//! the store was opened ("cold") and later ("warm"), memory and descriptors; and how long the store takes to open.
//!
//! No opponent: nobody else keeps ten thousand tenants in files of their own. The tenants are installed before the clock
//! starts. The questions share a folder, and each works in a process of its own: its memory is the store's and little else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use fastrand::Rng;
use tokio::runtime::Runtime;

use super::{in_a_task, runtime};
use crate::crowd::{Crowd, Latencies, percentile};
use crate::threads::rate;
use crate::zipf::Popularity;
use crate::{Goal, Result, Row, Samples, Setting, Unit, machine, tenants};

const CONNECTIONS: u64 = 64;

/// One way to ask.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Its own among all ways.
    number: u64,
    spread: &'static str,
    exponent: f64,
    /// Whether more files may be open than by default.
    large: bool,
}

const ZIPF: Way = Way { number: 0, spread: "Zipf", exponent: 0.99, large: false };
const UNIFORM: Way = Way { number: 1, spread: "uniform", exponent: 0.0, large: false };

pub(super) fn zipf_default(setting: &Setting) -> Result<Vec<Row>> {
    answer(setting, ZIPF)
}

pub(super) fn zipf_large(setting: &Setting) -> Result<Vec<Row>> {
    answer(setting, Way { number: 2, large: true, ..ZIPF })
}

pub(super) fn uniform_default(setting: &Setting) -> Result<Vec<Row>> {
    answer(setting, UNIFORM)
}

pub(super) fn uniform_large(setting: &Setting) -> Result<Vec<Row>> {
    answer(setting, Way { number: 3, large: true, ..UNIFORM })
}

/// Opens the store of a folder with all the tenants in it.
pub(super) fn start(setting: &Setting) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    installed(&runtime, setting)?;
    let _inside = runtime.enter();
    let mut took = Vec::new();
    for _ in 0..setting.repetitions() {
        let began = Instant::now();
        let store = tenants::open(&setting.folder, None)?;
        took.push(milliseconds(began));
        drop(store);
    }
    let what = format!("start, {} tenants", count(setting));
    Ok(vec![Row::new(what, Unit::Milliseconds, Samples::new(took)).with_goal(Goal::AtMost(1000.0))])
}

fn count(setting: &Setting) -> usize {
    setting.size(10_000, 40)
}

/// A quarter of what the process may open, so that each file has its journals and a reader.
fn large(setting: &Setting) -> Result<usize> {
    let (limit, _) = rlimit::Resource::NOFILE.get()?;
    Ok(usize::try_from(limit / 4)?.min(count(setting)))
}

/// Whoever is first installs for all.
fn installed(runtime: &Runtime, setting: &Setting) -> Result<()> {
    let mark = setting.folder.join("installed");
    if !mark.exists() {
        let store = tenants::open(&setting.folder, None)?;
        runtime.block_on(tenants::install(&store, 0..count(setting)))?;
        fs::write(mark, [])?;
    }
    Ok(())
}

fn answer(setting: &Setting, way: Way) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    installed(&runtime, setting)?;
    let open_files = if way.large { Some(large(setting)?) } else { None };
    let mut runs: [Vec<f64>; FIGURES.len()] = Default::default();
    for repetition in 0..setting.repetitions() {
        let figures = run(&runtime, setting, way, open_files, repetition as u64)?;
        for (run, figure) in runs.iter_mut().zip(figures) {
            run.push(figure);
        }
    }
    let files = open_files.map_or_else(|| "default files".to_owned(), |files| format!("{files} files"));
    let row = |((name, unit), figures)| {
        let what = format!("{} tenants, {}, {files}: {name}", count(setting), way.spread);
        Row::new(what, unit, Samples::new(figures))
    };
    Ok(FIGURES.into_iter().zip(runs).map(row).collect())
}

/// What a run answers.
const FIGURES: [(&str, Unit); 8] = [
    ("rate", Unit::Events),
    ("cold p50", Unit::Milliseconds),
    ("cold p99", Unit::Milliseconds),
    ("warm p50", Unit::Milliseconds),
    ("warm p99", Unit::Milliseconds),
    ("memory of the process", Unit::Mebibytes),
    ("open descriptors", Unit::Count),
    ("closing the store", Unit::Milliseconds),
];

/// Opens the store, sends everything, closes the store, and looks for what was acknowledged.
fn run(
    runtime: &Runtime,
    setting: &Setting,
    way: Way,
    open_files: Option<usize>,
    repetition: u64,
) -> Result<[f64; FIGURES.len()]> {
    let seed = way.number * 100 + repetition;
    let popularity = Popularity::zipf(count(setting), way.exponent);
    let mut random = Rng::with_seed(seed);
    let requests: Vec<usize> = (0..setting.size(10_000, 200)).map(|_| popularity.draw(&mut random)).collect();
    let store = tenants::open(&setting.folder, open_files)?;
    let data = (0..count(setting)).map(|number| tenants::data(&store, number)).collect::<Result<_>>()?;
    let crowd = Arc::new(Crowd::new(data, requests.clone(), seed));
    let (Latencies { cold, warm }, elapsed) = in_a_task(runtime, crowd.send(CONNECTIONS))?;
    let memory = machine::resident_mebibytes();
    let descriptors = f64::from(u32::try_from(machine::open_descriptors()?)?);
    let began = Instant::now();
    drop(store);
    let closing = milliseconds(began);
    account(runtime, &setting.folder, &requests)?;
    let [cold_50, cold_99] = [percentile(&cold, 50)?, percentile(&cold, 99)?];
    let [warm_50, warm_99] = [percentile(&warm, 50)?, percentile(&warm, 99)?];
    let rate = rate(requests.len(), elapsed);
    Ok([rate, cold_50, cold_99, warm_50, warm_99, memory, descriptors, closing])
}

/// What was measured has to be there, with all that these tenants were sent before, by whichever question.
fn account(runtime: &Runtime, folder: &Path, requests: &[usize]) -> Result<()> {
    let path = folder.join("written");
    let mut written: BTreeMap<usize, usize> =
        if path.exists() { serde_json::from_slice(&fs::read(&path)?)? } else { BTreeMap::new() };
    requests.iter().for_each(|tenant| *written.entry(*tenant).or_default() += 1);
    fs::write(path, serde_json::to_vec(&written)?)?;
    let touched: BTreeSet<usize> = requests.iter().copied().collect();
    runtime.block_on(tenants::must_hold(folder, touched.into_iter().map(|tenant| (tenant, written[&tenant]))))
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
