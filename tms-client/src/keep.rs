//! The task that writes the snapshot of a directory.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::cache::Cache;
use crate::keeper::Keeper;

/// After a failure the disk is tried again no sooner than this.
const PAUSE: Duration = Duration::from_secs(1);
/// Of the time, the part that writing the snapshot may take: one in so many and one.
const REST: u32 = 9;

/// Writes the snapshot some time after each change, until the directory is gone.
pub(crate) async fn write_snapshots(
    cache: Weak<Cache>,
    keeper: Arc<Keeper>,
    delay: Duration,
    mut alive: watch::Receiver<()>,
) {
    let work = async {
        loop {
            keeper.changed.notified().await;
            sleep(delay).await;
            let Some(written) = write_snapshot(&cache, &keeper).await else { return };
            match written {
                Ok(took) => sleep(took * REST).await,
                Err(_) => {
                    keeper.changed.notify_one();
                    sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        _ = alive.changed() => {}
        () = work => {}
    }
}

/// Writes the snapshot; how long it took. `None` if the directory is gone.
pub(crate) async fn write_snapshot(
    cache: &Weak<Cache>,
    keeper: &Arc<Keeper>,
) -> Option<io::Result<Duration>> {
    let _turn = keeper.turn().await;
    let (image, work) = (cache.upgrade()?.image(keeper), keeper.work()?);
    let keeper = Arc::clone(keeper);
    let write = move || {
        let written = keeper.write(&image);
        drop(work);
        written
    };
    let written = tokio::task::spawn_blocking(write).await;
    Some(written.unwrap_or_else(|error| Err(io::Error::other(error))))
}
