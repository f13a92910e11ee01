//! The parent: kills, opens, compares.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::compare::{compare, files_are_whole};
use super::model::Model;
use super::{open, places};
use crate::child::Child;
use crate::support::install;

const CHILD: &str = "crash::writers::child_that_writes_until_it_is_killed";

/// After so many kills with the same folder another one is begun, or comparing would take most of the time.
const KILLS_OF_A_FOLDER: usize = 25;

/// With this a segment is complete after a few groups, and cut soon.
const SMALL_JOURNAL: usize = 64 << 10;

/// What has been met.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    while_writing: usize,
    under_way: usize,
    while_opening: usize,
    with_entries: usize,
    while_cutting: usize,
    registers: usize,
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_kill_9_and_nothing_is_there_in_part() {
    let kills = if std::env::var_os("TENANTRY_LONG").is_some_and(|value| value == "1") { 5000 } else { 200 };
    let begun = Instant::now();
    let mut tally = Tally::default();
    while tally.kills < kills {
        let folder = tempfile::tempdir().expect("a folder");
        let mut model = Model::default();
        let end = kills.min(tally.kills + KILLS_OF_A_FOLDER);
        while tally.kills < end {
            round(folder.path(), &mut model, &mut tally).await;
        }
        tally.registers += model.len();
    }
    println!("{tally:?} in {:?}", begun.elapsed());
    assert!(tally.under_way * 2 >= tally.while_writing, "most kills meet a commit under way: {tally:?}");
    assert!(tally.with_entries * 2 >= tally.while_writing, "most kills leave entries: {tally:?}");
    assert!(tally.while_cutting * 10 >= tally.while_writing, "some kills meet segments to cut: {tally:?}");
    assert!(tally.while_opening * 20 >= tally.kills, "some kills meet a start: {tally:?}");
}

/// One kill of a child that writes, perhaps some more of children that have just started, and a comparison.
async fn round(folder: &Path, model: &mut Model, tally: &mut Tally) {
    let settings = [
        ("round", tally.kills),
        ("open_files", if tally.kills.is_multiple_of(3) { 2 } else { 100 }),
        ("journal_bytes", if tally.kills.is_multiple_of(2) { SMALL_JOURNAL } else { 0 }),
    ];
    let mut child = Child::start(CHILD, folder, &settings);
    child.wait_for("done ");
    child.listen(fastrand::usize(..400));
    // A random moment is the point here, not a wait for something.
    sleep(Duration::from_micros(fastrand::u64(..3000)));
    let said = child.kill();
    tally.kills += 1;
    tally.while_writing += 1;
    tally.under_way += usize::from(model.hear(&said));
    let segments = segments(folder);
    tally.with_entries += usize::from(segments > 0);
    tally.while_cutting += usize::from(segments > 1);
    if fastrand::u8(..3) == 0 {
        for _ in 0..fastrand::usize(1..5) {
            kill_soon(folder, model, tally);
        }
    }

    let store = open(folder, 0, 0);
    for (tenant, _) in places() {
        // The first kill of a folder may have met an install.
        install(&store, &tenant).await;
    }
    compare(&store, model).await;
    drop(store);
    files_are_whole(folder);
}

/// Kills a child while it opens the store, or a moment later.
fn kill_soon(folder: &Path, model: &mut Model, tally: &mut Tally) {
    let mut child = Child::start(CHILD, folder, &[("round", tally.kills)]);
    child.wait_for("opening");
    sleep(Duration::from_micros(fastrand::u64(..20_000)));
    let said = child.kill();
    tally.kills += 1;
    tally.while_opening += usize::from(!said.iter().any(|line| line == "opened"));
    model.hear(&said);
}

fn segments(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder.join("journal")).into_iter().flatten().filter_map(Result::ok);
    files.filter(|file| file.path().extension() == Some("journal".as_ref())).count()
}
