//! A disk that refuses to sync now and then: whoever was under way is told that the outcome is unknown, and the store goes
//! on.

use std::process::Command;
use std::sync::Arc;

use storage::{Batch, StoreErrorKind};
use tokio::task::JoinSet;

use crate::child::{folder, program, say};
use crate::support::{body, id, install, open, tenant};

const CHILD: &str = "faults::sync::child_whose_disk_refuses_to_sync";
const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const WRITES: usize = 150;

/// Writes to each tenant, one after the other, and says what came of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_whose_disk_refuses_to_sync() {
    let Some(folder) = folder() else { return };
    let store = open(&folder).expect("a store");
    let mut writers = JoinSet::new();
    for name in TENANTS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let data = super::production(&store, &tenant(name));
            for number in 0..WRITES {
                let mut batch = Batch::default();
                batch.create("profile", id(&format!("p{number}")), body(serde_json::json!({})));
                match data.write(batch).await.map_err(|error| error.kind()) {
                    Ok(_) => say(&format!("done {name} p{number}")),
                    Err(StoreErrorKind::Unavailable { .. }) => say(&format!("unknown {name} p{number}")),
                    Err(other) => say(&format!("wrong {name} p{number}: {other:?}")),
                }
            }
        });
    }
    writers.join_all().await;
    say("end");
}

#[tokio::test]
async fn a_sync_that_fails_is_told_and_the_store_goes_on() {
    let home = tempfile::tempdir().expect("a folder");
    let store = open(home.path()).expect("a store");
    for name in TENANTS {
        install(&store, &tenant(name)).await;
    }
    drop(store);

    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"]);
    strace.args(["-e", "inject=fdatasync:error=EIO:when=10+9"]);
    let output = program(strace, CHILD, home.path()).output().expect("strace is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    let lines = |beginning: &str| -> Vec<&str> {
        said.lines().filter_map(|line| line.strip_prefix(beginning)).collect()
    };
    assert!(said.lines().any(|line| line == "end"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines("wrong "), Vec::<&str>::new());
    let (done, unknown) = (lines("done "), lines("unknown "));
    println!("{} acknowledged, {} unknown", done.len(), unknown.len());
    assert!(unknown.len() > 10, "syncs were refused: {unknown:?}");
    assert!(done.len() > TENANTS.len() * WRITES / 2, "the store goes on: {} acknowledged", done.len());

    let store = open(home.path()).expect("the store again");
    for (name, key) in done.iter().filter_map(|line| line.split_once(' ')) {
        let found = super::production(&store, &tenant(name)).get("profile", &id(key)).await.expect("read");
        assert!(found.is_some(), "{name}: {key} was acknowledged");
    }
}
