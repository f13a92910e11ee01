//! The power cuts themselves.

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

use crate::disk::{Area, Honest};
use crate::image::{Cut, materialise};
use crate::judge::{Fault, judge};
use crate::load::Recorded;
use crate::recorder::record;
use crate::strace;

const IMAGES: usize = 200;
/// With `TENANTRY_LONG=1`: so many recordings, each with so many images.
const LONG: (usize, usize) = (20, 500);
/// Enough to find what is lost where syncs do nothing.
const DISHONEST_IMAGES: usize = 40;
const AT_ONCE: usize = 4;

/// `None` if nothing can be recorded here, which is told.
fn recorded() -> Option<&'static Recorded> {
    static RECORDED: OnceLock<Option<Recorded>> = OnceLock::new();
    let recorded = RECORDED.get_or_init(|| {
        let Some(reason) = strace::what_is_missing() else { return Some(record()) };
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
        // Not by a macro: the test harness would keep it to itself.
        let skipped = format!("\n*** SKIPPED: power cuts were not tried: {reason} ***\n");
        std::io::stderr().write_all(skipped.as_bytes()).expect("told");
        None
    });
    recorded.as_ref()
}

fn seed() -> u64 {
    let given = std::env::var("POWER_SEED").ok();
    let seed = given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("POWER_SEED is a number"));
    println!("POWER_SEED={seed}");
    seed
}

#[test]
fn what_was_acknowledged_outlives_a_power_cut() {
    let Some(recorded) = recorded() else { return };
    let seed = seed();
    assert_all_whole(recorded, seed, IMAGES);
    if std::env::var("TENANTRY_LONG").as_deref() == Ok("1") {
        let (recordings, images) = LONG;
        for round in 0..recordings {
            assert_all_whole(&record(), seed.wrapping_add(round as u64), images);
        }
    }
}

fn assert_all_whole(recorded: &Recorded, seed: u64, images: usize) {
    let faults = try_cuts(recorded, Honest::All, seed, images);
    if let Some((cut, number, fault)) = faults.first() {
        let kept = TempDir::with_prefix("power-cut-").expect("a folder").keep();
        materialise(&image(recorded, *cut, Honest::All, seed, *number), &kept);
        panic!(
            "{} of {images} images are faulty; the first is cut at {cut} of {}: {fault}\nit is kept in {}",
            faults.len(),
            recorded.length,
            kept.display()
        );
    }
}

/// Were the check blind, or the syncs needless, this would find nothing. SQLite with `synchronous=OFF` makes the same
/// calls without the syncs: that is the second case.
#[test]
fn without_syncs_acknowledged_writes_are_lost_and_the_check_finds_it() {
    let Some(recorded) = recorded() else { return };
    let seed = seed();
    for honest in [Honest::AllBut(Area::Journal), Honest::AllBut(Area::Tenants), Honest::None] {
        let faults = try_cuts(recorded, honest, seed, DISHONEST_IMAGES);
        let lost = faults.iter().filter(|(_, _, fault)| matches!(fault, Fault::Lost(_))).count();
        let first = faults.first().map_or_else(String::new, |(_, _, fault)| fault.to_string());
        println!("{honest:?}: {} of {DISHONEST_IMAGES} are faulty, {lost} by a loss; {first}", faults.len());
        assert!(lost > 0, "{honest:?}: nothing was lost; {first}");
    }
}

/// Tries so many cuts, several at once; those that were not survived.
fn try_cuts(recorded: &Recorded, honest: Honest, seed: u64, images: usize) -> Vec<(usize, usize, Fault)> {
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= images {
                        break;
                    }
                    let cut = cut(recorded, &mut random(seed, number));
                    let folder = fast_folder();
                    materialise(&image(recorded, cut, honest, seed, number), folder.path());
                    let promised = recorded.ledger.at(cut);
                    let judged = runtime.block_on(judge(folder.path(), &promised, number.is_multiple_of(4)));
                    if let Err(fault) = judged {
                        faults.lock().expect("no panic").push((cut, number, fault));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().expect("no panic");
    faults.sort_by_key(|(_, number, _)| *number);
    faults
}

fn image(recorded: &Recorded, at: usize, honest: Honest, seed: u64, number: usize) -> crate::image::Image {
    Cut { disk: &recorded.disk, at, honest }.image(&mut random(!seed, number))
}

fn random(seed: u64, number: usize) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed.wrapping_add((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// An image needs no disk of its own.
fn fast_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a folder")
}

/// A moment: any, or one at which something has just happened.
fn cut(recorded: &Recorded, random: &mut fastrand::Rng) -> usize {
    let installed = recorded.ledger.positions("installed");
    let per_start = installed.len() / recorded.starts.len();
    let moments = |of: &[usize], random: &mut fastrand::Rng| of[random.usize(..of.len())] + random.usize(..5);
    match random.u8(..12) {
        0..3 => random.usize(1..=recorded.length),
        3..6 => moments(&recorded.ledger.positions("wrote"), random),
        6 => random.usize(1..=installed[per_start - 1] + 5),
        7 => moments(&recorded.openings, random),
        8 => recorded.syncs[random.usize(..recorded.syncs.len())].0 + random.usize(..5),
        // A start after a crash, and what the next one makes of a cut in it.
        9 => random.usize(recorded.starts[1]..=installed[per_start] + 5),
        10 => moments(&recorded.ledger.positions("remov"), random) - random.usize(..5),
        _ => recorded.length - random.usize(..300),
    }
}
