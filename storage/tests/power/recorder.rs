//! Runs the child under `strace`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::child::{self, Part};
use crate::disk::{Area, Honest, Name};
use crate::image::{Cut, Image};
use crate::judge::files;
use crate::load::{CALLS, Recorded};
use crate::plan::TENANTS;
use crate::strace;

/// A recording of two programs on one folder: the first ends without closing anything, the second goes on and closes.
pub(crate) fn record() -> Recorded {
    let home = tempfile::tempdir().expect("a folder");
    let folder = fs::canonicalize(home.path()).expect("a path").join("data");
    fs::create_dir(&folder).expect("a folder");
    let mut recorded = Recorded::new(folder.to_str().expect("a path in UTF-8"));
    for part in [Part::UntilKilled, Part::UntilClosed] {
        let file = home.path().join(format!("{part:?}.txt"));
        let mut command = strace::record(&child::command(&folder, part), CALLS, "-y", &file);
        let ended = command.stdin(Stdio::null()).output().expect("strace starts");
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.success(), part == Part::UntilClosed, "{}\n{told}", ended.status);
        recorded.add(&fs::read_to_string(&file).expect("a recording"));
        println!("{part:?}: {} positions so far", recorded.length);
    }
    recorded.disk.sync_everything(recorded.length);
    assert_is_what_happened(&recorded, &folder);
    assert_has_all_of_it(&recorded);
    recorded
}

/// Both ways of becoming durable, files that were closed and opened again, a journal that was replayed and cut.
fn assert_has_all_of_it(recorded: &Recorded) {
    let syncs = |of: Area| recorded.syncs.iter().filter(|(_, area)| *area == of).count();
    println!("{} syncs of the journal, {} of files", syncs(Area::Journal), syncs(Area::Tenants));
    assert!(syncs(Area::Journal) > 20 && syncs(Area::Tenants) > 50);
    let names = || recorded.disk.folders.iter().flat_map(|folder| &folder.changes);
    let closed = names()
        .filter(|(_, change)| matches!(change, Name::Remove(name) if name.ends_with(".db-wal")))
        .count();
    assert!(closed > 4 * TENANTS.len(), "files were closed {closed} times");
    let cut = names().filter(|(_, change)| matches!(change, Name::Rename(_, to) if to == "spare")).count();
    println!("{cut} segments were cut");
    assert!(cut > 10, "segments were cut {cut} times");
}

/// Nothing has escaped the recording: what it makes of the folder is what is there.
fn assert_is_what_happened(recorded: &Recorded, folder: &Path) {
    let cut = Cut { disk: &recorded.disk, at: recorded.length + 2, honest: Honest::All };
    let image = cut.image(&mut fastrand::Rng::new());
    let made: BTreeMap<&str, &Vec<u8>> =
        image.iter().filter_map(|(path, content)| Some((&**path, content.as_ref()?))).collect();
    let mut there = Image::new();
    for path in files(folder).iter().filter(|path| !path.ends_with(".lock")) {
        let name = path.strip_prefix(folder).expect("below").to_str().expect("UTF-8").to_owned();
        there.insert(name, Some(fs::read(path).expect("readable")));
    }
    assert_eq!(made.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    for (path, content) in &there {
        assert!(content.as_ref() == Some(made[&**path]), "{path} is not what was recorded");
    }
}
