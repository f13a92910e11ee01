//! A journal that ends in the middle of a frame, and one that has lost a frame.

use std::fs::{self, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use storage::{Filter, StoreErrorKind};

use super::frozen::Frozen;
use super::ledger::Ledger;
use crate::support::tenant;

const FRAME: &[u8; 4] = b"TJFR";

/// Where each frame of a segment is; the last one ends with the bytes that are not zero.
fn frames(segment: &[u8]) -> Vec<Range<usize>> {
    let starts: Vec<usize> =
        (0..segment.len()).step_by(8).filter(|at| segment[*at..].starts_with(FRAME)).collect();
    let end = segment.iter().rposition(|byte| *byte != 0).expect("a frame") + 1;
    let ends = starts.iter().skip(1).copied().chain([end]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

async fn count(frozen: &Frozen, ledger: &Ledger) -> Result<u64, StoreErrorKind> {
    let store = frozen.open();
    ledger.data(&store).count("event", &Filter::All).await.map_err(|error| error.kind())
}

#[tokio::test]
async fn a_torn_tail_of_the_journal_costs_what_nobody_was_told_of_and_nothing_else() {
    const ROUNDS: usize = 4;
    let mut ledgers = [Ledger::new(tenant("acme"), 100)];
    let frozen = Frozen::after(&mut ledgers, ROUNDS).await;
    let [acme] = ledgers;
    let segment = fs::read(frozen.segment()).expect("read");
    let frames = frames(&segment);
    assert_eq!(frames.len(), ROUNDS, "a frame a write");
    let last = frames.last().expect("some").clone();
    assert_eq!(count(&frozen.copy(), &acme).await, Ok(ROUNDS as u64 + 1));

    for cut in last.clone().step_by(13) {
        let zeros = |file: &fs::File| file.write_all_at(&vec![0; last.end - cut], cut as u64);
        let garbage = |file: &fs::File| file.write_all_at(&vec![0xa5; last.end - cut], cut as u64);
        let short = |file: &fs::File| file.set_len(cut as u64);
        let ways: [(&str, &dyn Fn(&fs::File) -> std::io::Result<()>); 3] =
            [("zeros", &zeros), ("garbage", &garbage), ("nothing", &short)];
        for (name, spoil) in ways {
            let torn = frozen.copy();
            let file = OpenOptions::new().write(true).open(torn.segment()).expect("opened");
            spoil(&file).expect("spoilt");
            drop(file);
            let after = format!("{name} after {} bytes of the last frame", cut - last.start);
            assert_eq!(count(&torn, &acme).await, Ok(ROUNDS as u64), "{after}");
            // It is settled by now, and opens as any other.
            assert_eq!(count(&torn, &acme).await, Ok(ROUNDS as u64), "{after}, once more");
        }
    }
}

#[tokio::test]
async fn a_frame_that_the_disk_has_lost_is_told_to_those_who_miss_it_and_to_nobody_else() {
    const ROUNDS: usize = 3;
    let mut ledgers = [Ledger::new(tenant("acme"), 100), Ledger::new(tenant("globex"), 100)];
    let frozen = Frozen::after(&mut ledgers, ROUNDS).await;
    let [acme, globex] = ledgers;
    let path = frozen.segment();
    let frames = frames(&fs::read(&path).expect("read"));
    assert_eq!(frames.len(), 2 * ROUNDS, "acme and globex in turn");
    let file = OpenOptions::new().write(true).open(&path).expect("opened");
    // The second one of acme: one of its own comes later.
    file.write_all_at(b"lost", frames[2].start as u64 + 30).expect("spoilt");
    drop(file);

    assert_eq!(count(&frozen, &globex).await, Ok(ROUNDS as u64 + 1), "it misses nothing");
    assert_eq!(count(&frozen, &acme).await, Err(StoreErrorKind::Corrupt), "a write in the middle is missing");
    assert!(path.with_extension("damaged").exists(), "the segment is kept for whoever wants to look");
}
