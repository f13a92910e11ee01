//! 64 requests of one tenant at once, an event each, and then one at a time: the store, and one thread of bare SQLite that
//! commits 64 at a time, and one at a time.
//!
//! Both ways of each write to the same file: what was good for 64 at once must not slow down the one that comes alone.

use std::cell::RefCell;
use std::time::Instant;

use storage::NamespacedStore;
use tokio::runtime::Runtime;

use super::{connections, runtime};
use crate::bare::{self, Bare};
use crate::events::Events;
use crate::threads::rate;
use crate::{Contest, Goal, Result, Row, Setting, Unit, tenants};

const AT_ONCE: usize = 64;

/// How often each way writes in a repetition: rounds of 64, and single events.
#[derive(Debug, Clone, Copy)]
struct Amount {
    rounds: usize,
    alone: usize,
}

pub(super) fn answer(setting: &Setting) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    let amount = Amount { rounds: setting.size(300, 3), alone: setting.size(4000, 20) };
    let blueprint = runtime.block_on(tenants::blueprint(&setting.fresh_folder("blueprint")?))?;
    let folder = setting.fresh_folder("store")?;
    let path = setting.folder.join("bare");
    let store = tenants::open(&folder, None)?;
    runtime.block_on(tenants::install(&store, 0..1))?;
    let data = tenants::data(&store, 0)?;
    drop(store);
    let bare = RefCell::new(Bare::create(&path, &blueprint)?);
    let seed = |repetition: usize, way: usize| (repetition * 2 + way) as u64;
    let figures = Contest::new(setting.repetitions())
        .with(|repetition| through(&runtime, &data, AT_ONCE, amount.rounds, seed(repetition, 0)))
        .with(|repetition| in_turn(&mut bare.borrow_mut(), amount.rounds, AT_ONCE, seed(repetition, 0)))
        .with(|repetition| through(&runtime, &data, 1, amount.alone, seed(repetition, 1)))
        .with(|repetition| in_turn(&mut bare.borrow_mut(), amount.alone, 1, seed(repetition, 1)))
        .run()?;
    drop((data, bare));
    let expected = (setting.repetitions() + 1) * (amount.rounds * AT_ONCE + amount.alone);
    runtime.block_on(tenants::must_hold(&folder, [(0, expected)]))?;
    bare::must_hold(&path, expected)?;
    let [at_once, bare_at_once, alone, bare_alone] = figures.try_into().map_err(|_| "four contestants")?;
    Ok(vec![
        Row::new("64 requests of one tenant at once", Unit::Events, at_once)
            .against("bare SQLite, 64 a commit", &bare_at_once)
            .with_goal(Goal::Ratio(0.6)),
        Row::new("the same tenant, one at a time", Unit::Events, alone)
            .against("bare SQLite, 1 a commit", &bare_alone)
            .with_goal(Goal::Ratio(0.85)),
    ])
}

/// So many connections of the tenant, each of which sends so many events, one after the other.
fn through(runtime: &Runtime, data: &NamespacedStore, at_once: usize, each: usize, seed: u64) -> Result<f64> {
    let mut events = Events::new(seed);
    let shares = (0..at_once).map(|_| (data.clone(), events.batches(each, 1))).collect();
    connections(runtime, shares)
}

fn in_turn(bare: &mut Bare, commits: usize, size: usize, seed: u64) -> Result<f64> {
    let mut events = Events::new(seed);
    let batches: Vec<_> = (0..commits).map(|_| events.take(size)).collect();
    let began = Instant::now();
    for batch in batches {
        bare.commit(batch)?;
    }
    Ok(rate(commits * size, began.elapsed()))
}
