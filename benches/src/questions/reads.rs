//! A document by its id from a file that the page cache holds: the store, and a connection of rusqlite on the calling
//! thread that reads a copy of the same file. Beside them what it costs to go to a blocking thread and back.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use fastrand::Rng;
use storage::{DocumentId, NamespacedStore};
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;

use super::{fill, in_a_task, runtime};
use crate::bare::Bare;
use crate::events::EVENT;
use crate::{Contest, Goal, Result, Row, Setting, Unit, tenants};

pub(super) fn answer(setting: &Setting) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    let (documents, reads) = (setting.size(100_000, 2000), setting.size(50_000, 500));
    let folder = setting.fresh_folder("store")?;
    let ids = fill(&runtime, &folder, documents)?.ids;
    // Nobody else has the file open now: all of it is in the one file.
    let copy = setting.folder.join("copy");
    fs::copy(tenants::file(&folder, 0)?, &copy)?;
    let bare = Bare::open(&copy)?;
    let data = tenants::data(&tenants::open(&folder, None)?, 0)?;
    let figures = Contest::new(setting.repetitions())
        .with(|repetition| through(&runtime, data.clone(), draw(&ids, reads, repetition)))
        .with(|repetition| direct(&bare, &draw(&ids, reads, repetition)))
        .with(|_| there_and_back(&runtime, reads))
        .run()?;
    let [store, bare, empty] = figures.try_into().map_err(|_| "three contestants")?;
    Ok(vec![
        Row::new("get by id, warm file", Unit::Microseconds, store)
            .against("rusqlite on the calling thread", &bare)
            .with_goal(Goal::AtMost(10.0)),
        Row::new("spawn_blocking of nothing, there and back", Unit::Microseconds, empty)
            .against("rusqlite on the calling thread", &bare),
    ])
}

fn draw(ids: &[DocumentId], reads: usize, repetition: usize) -> Vec<DocumentId> {
    let mut random = Rng::with_seed(repetition as u64);
    (0..reads).map(|_| ids[random.usize(..ids.len())].clone()).collect()
}

/// Microseconds of one.
#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53 here")]
fn each(began: Instant, count: usize) -> f64 {
    began.elapsed().as_secs_f64() * 1e6 / count as f64
}

fn through(runtime: &Runtime, data: NamespacedStore, ids: Vec<DocumentId>) -> Result<f64> {
    in_a_task(runtime, async move {
        let began = Instant::now();
        for id in &ids {
            black_box(data.get(EVENT, id).await?.ok_or("there is no such document")?);
        }
        Ok(each(began, ids.len()))
    })
}

fn direct(bare: &Bare, ids: &[DocumentId]) -> Result<f64> {
    let began = Instant::now();
    for id in ids {
        black_box(bare.get(id)?);
    }
    Ok(each(began, ids.len()))
}

fn there_and_back(runtime: &Runtime, times: usize) -> Result<f64> {
    in_a_task(runtime, async move {
        let began = Instant::now();
        for time in 0..times {
            black_box(spawn_blocking(move || black_box(time)).await?);
        }
        Ok(each(began, times))
    })
}
