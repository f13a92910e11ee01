//! A connection each on 1, 16, 64 and 256 tenants, an event a request: the store, one thread of bare SQLite with one file
//! and one commit for each event ("one fsync a request"), bare SQLite with a file for each tenant and 2 or 16 threads, and
//! append + fdatasync after each event or each round of all tenants.
//!
//! Everybody keeps their files over all repetitions, so that the checkpoints of small files are in the figures.

use std::path::{Path, PathBuf};
use std::time::Instant;

use storage::NamespacedStore;
use tokio::runtime::Runtime;

use super::{connections, runtime};
use crate::append::Log;
use crate::bare::{self, Bare, Blueprint};
use crate::events::{Event, Events};
use crate::threads::{all_at_once, rate};
use crate::{Contest, Goal, Result, Row, Samples, Setting, Unit, tenants};

/// Tenants, events of each in a repetition, and whether three times one fsync a request is promised.
const FULL: [(usize, usize, bool); 4] =
    [(1, 4000, false), (16, 400, false), (64, 150, true), (256, 60, true)];
const QUICK: [(usize, usize, bool); 4] = [(1, 20, false), (4, 5, false), (16, 3, true), (32, 2, true)];

/// How many threads the opponent with many files has.
const THREADS: [usize; 2] = [2, 16];

pub(super) fn answer(setting: &Setting) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    let blueprint = runtime.block_on(tenants::blueprint(&setting.fresh_folder("blueprint")?))?;
    let mut rows = Vec::new();
    for (tenants, each, promised) in setting.size(FULL, QUICK) {
        let folder = setting.fresh_folder(&format!("of-{tenants}"))?;
        let arena = Arena { runtime: &runtime, folder, blueprint: &blueprint, tenants, each };
        rows.extend(arena.rows(setting, promised)?);
    }
    Ok(rows)
}

struct Arena<'a> {
    runtime: &'a Runtime,
    folder: PathBuf,
    blueprint: &'a Blueprint,
    tenants: usize,
    each: usize,
}

impl Arena<'_> {
    /// The one that syncs for every event needs no more of them to be measured well.
    fn in_turn(&self) -> usize {
        (self.tenants * self.each).min(4000)
    }

    fn rows(&self, setting: &Setting, promised: bool) -> Result<Vec<Row>> {
        let one_file = self.folder.join("one-file");
        let mut bare = Bare::create(&one_file, self.blueprint)?;
        let data = self.installed()?;
        let mut contest =
            Contest::new(setting.repetitions()).with(move |repetition| self.through(&data, repetition)).with(
                move |repetition| timed(self.events(repetition, self.in_turn()), |event| bare.commit(event)),
            );
        for group in self.groups() {
            contest = contest.with(move |repetition| self.appended(repetition, group));
        }
        for threads in self.threads() {
            let mut files = self.files(threads)?;
            contest = contest.with(move |repetition| self.spread(&mut files, repetition));
        }
        let figures = contest.run()?;
        self.check(setting.repetitions() + 1, &one_file)?;
        Ok(self.compare(&figures, promised))
    }

    fn threads(&self) -> impl Iterator<Item = usize> + '_ {
        THREADS.into_iter().filter(|threads| *threads <= self.tenants)
    }

    /// How many events the log appends before it syncs.
    fn groups(&self) -> impl Iterator<Item = usize> + '_ {
        [1, self.tenants].into_iter().take(self.tenants.min(2))
    }

    fn compare(&self, figures: &[Samples], promised: bool) -> Vec<Row> {
        let what = match self.tenants {
            1 => "1 tenant, a connection".into(),
            tenants => format!("{tenants} tenants, a connection each"),
        };
        let row = || Row::new(what.clone(), Unit::Events, figures[0].clone());
        let mut first = row().against("bare SQLite, 1 file, 1 a commit", &figures[1]);
        if promised {
            first = first.with_goal(Goal::Ratio(3.0));
        }
        let logs = self.groups().map(|group| format!("append + fdatasync, {group} a sync"));
        let files =
            self.threads().map(|threads| format!("bare SQLite, {} files, {threads} threads", self.tenants));
        let others = logs.chain(files).zip(&figures[2..]).map(|(name, figure)| row().against(name, figure));
        [first].into_iter().chain(others).collect()
    }

    fn installed(&self) -> Result<Vec<NamespacedStore>> {
        let store = tenants::open(&self.folder, Some(2 * self.tenants))?;
        self.runtime.block_on(tenants::install(&store, 0..self.tenants))?;
        (0..self.tenants).map(|number| tenants::data(&store, number)).collect()
    }

    fn through(&self, data: &[NamespacedStore], repetition: usize) -> Result<f64> {
        let mut events = Events::new(repetition as u64);
        let shares = data.iter().map(|data| (data.clone(), events.batches(self.each, 1))).collect();
        connections(self.runtime, shares)
    }

    fn events(&self, repetition: usize, count: usize) -> Vec<Event> {
        Events::new(repetition as u64).take(count)
    }

    fn appended(&self, repetition: usize, group: usize) -> Result<f64> {
        let groups = (self.tenants * self.each / group).min(4000);
        let mut log = Log::create(&self.folder.join(format!("log-{group}-{repetition}")))?;
        let mut events = Events::new(repetition as u64);
        let groups: Vec<_> = (0..groups).map(|_| events.take(group)).collect();
        let all = groups.len() * group;
        let began = Instant::now();
        for group in groups {
            log.commit(group)?;
        }
        Ok(rate(all, began.elapsed()))
    }

    /// A file for each tenant, divided among threads.
    fn files(&self, threads: usize) -> Result<Vec<Vec<Bare>>> {
        let mut shares: Vec<Vec<Bare>> = (0..threads).map(|_| Vec::new()).collect();
        for number in 0..self.tenants {
            shares[number % threads].push(Bare::create(&self.file(threads, number), self.blueprint)?);
        }
        Ok(shares)
    }

    fn file(&self, threads: usize, number: usize) -> PathBuf {
        self.folder.join(format!("file-{threads}-{number}"))
    }

    /// Each thread gives its tenants a turn, an event and a commit each.
    fn spread(&self, files: &mut [Vec<Bare>], repetition: usize) -> Result<f64> {
        let mut events = Events::new(repetition as u64);
        let shares = files.iter_mut().map(|share| {
            let turns: Vec<_> = (0..share.len() * self.each).map(|_| events.take(1)).collect();
            (share, turns)
        });
        let elapsed = all_at_once(shares.collect(), |(files, turns)| {
            let count = files.len();
            turns.into_iter().enumerate().try_for_each(|(turn, event)| files[turn % count].commit(event))
        })?;
        Ok(rate(self.tenants * self.each, elapsed))
    }

    /// What was measured has to be there.
    fn check(&self, repetitions: usize, one_file: &Path) -> Result<()> {
        let each = repetitions * self.each;
        self.runtime
            .block_on(tenants::must_hold(&self.folder, (0..self.tenants).map(|number| (number, each))))?;
        bare::must_hold(one_file, repetitions * self.in_turn())?;
        for threads in self.threads() {
            for number in 0..self.tenants {
                bare::must_hold(&self.file(threads, number), each)?;
            }
        }
        Ok(())
    }
}

/// One event after the other.
fn timed(events: Vec<Event>, mut commit: impl FnMut(Vec<Event>) -> Result<()>) -> Result<f64> {
    let count = events.len();
    let began = Instant::now();
    for event in events {
        commit(vec![event])?;
    }
    Ok(rate(count, began.elapsed()))
}
