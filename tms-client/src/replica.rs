//! [`Replica`]: the task that lists all tenants and follows the change feed from there.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tenant_core::Clock;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::cache::Cache;
use crate::client::TmsClient;
use crate::cursor::Cursor;
use crate::error::{TmsError, TmsErrorKind};
use crate::feed::{Feed, Frame};
use crate::retry::Backoff;
use crate::settings::{Mode, Settings};

/// The pause after the first failure, before jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A TMS that had a feed has none any more after so many failures in a row: half a minute to a minute with the default pauses.
const ABSENT: u32 = 20;

/// What follows the feed. It holds the directory no longer than for a moment, so that it ends with the last handle.
#[derive(Debug)]
pub(crate) struct Replica {
    cache: Weak<Cache>,
    client: TmsClient,
    clock: Arc<dyn Clock>,
    mode: Mode,
    silence: Duration,
    backoff: Backoff,
    probe_every: Duration,
}

/// Why a step ended.
#[derive(Debug)]
enum Ended {
    /// It is done; go on.
    Done,
    /// Everything has to be listed again.
    Reset,
    /// The TMS has no feed.
    NoFeed,
    Failed(TmsError),
}

/// The directory is gone.
struct Gone;

impl Replica {
    pub(crate) fn new(cache: &Arc<Cache>, client: TmsClient, settings: &Settings) -> Self {
        Self {
            cache: Arc::downgrade(cache),
            client,
            clock: Arc::clone(&settings.clock),
            mode: settings.mode,
            silence: settings.feed_silence,
            backoff: Backoff { first: FIRST_PAUSE.min(settings.reconnect_max), max: settings.reconnect_max },
            probe_every: settings.probe_every,
        }
    }

    /// Works until the directory is gone.
    pub(crate) async fn run(self, mut alive: watch::Receiver<()>) {
        tokio::select! {
            // Nothing is ever sent: it ends with the last handle.
            _ = alive.changed() => {}
            Err(Gone) = self.work() => {}
        }
    }

    fn cache(&self) -> Result<Arc<Cache>, Gone> {
        self.cache.upgrade().ok_or(Gone)
    }

    async fn work(&self) -> Result<(), Gone> {
        let mut failures = 0;
        loop {
            let cursor = self.cache()?.records.resume();
            let ended = match cursor {
                None => self.list().await?,
                Some(cursor) => self.follow(cursor, &mut failures).await?,
            };
            match ended {
                Ended::Done => {}
                Ended::Reset => {
                    self.cache()?.records.lose_cursor();
                    // A reset that a list did not help against must not become a storm.
                    if failures > 0 {
                        sleep(self.backoff.pause(failures)).await;
                    }
                    failures += 1;
                }
                Ended::NoFeed if self.mode == Mode::Auto => self.wait_for_a_feed().await?,
                Ended::NoFeed => self.failed(&no_feed(), &mut failures).await?,
                Ended::Failed(error) => self.failed(&error, &mut failures).await?,
            }
        }
    }

    async fn failed(&self, error: &TmsError, failures: &mut u32) -> Result<(), Gone> {
        *failures = failures.saturating_add(1);
        self.cache()?.lost(error, *failures);
        let told = error.told_retry_after().unwrap_or_default().min(self.backoff.max);
        sleep(self.backoff.pause(*failures).max(told)).await;
        Ok(())
    }

    /// Works as a cache for as long as the TMS has no feed.
    async fn wait_for_a_feed(&self) -> Result<(), Gone> {
        self.cache()?.unfollow();
        tracing::info!("the tenant management service has no change feed: tenants are asked for one by one");
        loop {
            sleep(self.probe_every).await;
            if let Ok(Some(_)) = self.client.follow(None, self.silence).await {
                return Ok(());
            }
            self.cache()?;
        }
    }

    async fn list(&self) -> Result<Ended, Gone> {
        let (number, asked) = {
            let cache = self.cache()?;
            (cache.number(), cache.now())
        };
        let list = self.client.read_list().await;
        let cache = self.cache()?;
        match list {
            Ok(list) => {
                cache.counts.listed.increment(1);
                cache.condition.answered();
                let Some(cursor) = list.cursor else {
                    cache.remember_all(number, asked, list.rows).await;
                    return Ok(Ended::NoFeed);
                };
                cache.condition.replica();
                cache.swap(number, asked, list.rows, cursor).await;
                Ok(Ended::Done)
            }
            Err(error) => {
                cache.counts.list_failed.increment(1);
                Ok(if error.kind() == &TmsErrorKind::NotFound { Ended::NoFeed } else { Ended::Failed(error) })
            }
        }
    }

    async fn follow(&self, cursor: Cursor, failures: &mut u32) -> Result<Ended, Gone> {
        let opened = self.client.follow(Some(&cursor), self.silence).await;
        let cache = self.cache()?;
        let feed = match opened {
            Ok(Some(feed)) => feed,
            // It had a feed: for a while, somebody else may answer in its place.
            Ok(None) if *failures < ABSENT => {
                cache.counts.connect_failed.increment(1);
                return Ok(Ended::Failed(no_feed()));
            }
            Ok(None) => return Ok(Ended::NoFeed),
            Err(error) => {
                cache.counts.connect_failed.increment(1);
                return Ok(Ended::Failed(error));
            }
        };
        cache.counts.connected.increment(1);
        cache.condition.connected();
        drop(cache);
        self.read(feed, Place { at: cursor, behind: None }, failures).await
    }

    async fn read(&self, mut feed: Feed, mut place: Place, failures: &mut u32) -> Result<Ended, Gone> {
        loop {
            let frame = feed.next(&*self.clock).await;
            let cache = self.cache()?;
            let frames = &cache.counts.frames;
            let reached = match frame {
                Err(error) => return Ok(Ended::Failed(error)),
                Ok(Frame::Reset) => {
                    frames.reset.increment(1);
                    return Ok(Ended::Reset);
                }
                Ok(Frame::Heartbeat { head }) => {
                    frames.heartbeat.increment(1);
                    self.client.stay_authorized();
                    match place.heartbeat(head, feed.awaited(), self.silence) {
                        Ok(reached) => reached,
                        Err(error) => return Ok(Ended::Failed(error)),
                    }
                }
                Ok(Frame::Tenant { at, found }) => {
                    frames.tenant.increment(1);
                    cache.hear(*found, feed.awaited());
                    place.go(&cache, at)
                }
                Ok(Frame::Gone { at, id, incarnation }) => {
                    frames.gone.increment(1);
                    cache.hear_of_end(&id, incarnation, at.as_ref());
                    place.go(&cache, at)
                }
                Ok(Frame::Nobody { at, id }) => {
                    frames.other.increment(1);
                    // If its id is known nevertheless, what is known does not count any more.
                    if let Some(id) = id {
                        cache.revoke(&id);
                    }
                    place.go(&cache, at)
                }
                Ok(Frame::Other) => {
                    frames.other.increment(1);
                    None
                }
            };
            if let Some(at) = reached {
                *failures = 0;
                cache.confirm(at);
            }
        }
    }
}

fn no_feed() -> TmsError {
    TmsError::protocol("the tenant management service has no change feed")
}

/// Where a connection stands.
#[derive(Debug)]
struct Place {
    /// All up to there is in memory.
    at: Cursor,
    behind: Option<Behind>,
}

/// A heartbeat told of changes that have not come yet.
#[derive(Debug)]
struct Behind {
    head: Cursor,
    /// Since when it was awaited, by the clock that ages are told by.
    told: Duration,
    /// Since when nothing has come.
    since: Instant,
}

impl Place {
    /// A heartbeat came that was awaited since then; as of when memory is known to be complete, if it is.
    ///
    /// # Errors
    /// If the feed does not send what it says that there is.
    fn heartbeat(
        &mut self,
        head: Cursor,
        awaited: Duration,
        patience: Duration,
    ) -> Result<Option<Duration>, TmsError> {
        if self.has(&head) {
            self.behind = None;
            return Ok(Some(awaited));
        }
        if head.number().is_some() && head.number() == self.at.number() {
            return Err(TmsError::protocol("the change feed is of another history"));
        }
        match &self.behind {
            Some(behind) if behind.since.elapsed() > patience => {
                Err(TmsError::protocol("the change feed leaves changes out"))
            }
            Some(_) => Ok(None),
            None => {
                self.behind = Some(Behind { head, told: awaited, since: Instant::now() });
                Ok(None)
            }
        }
    }

    /// A frame is in memory; as of when memory is known to be complete, if the frame was all that was missing then.
    fn go(&mut self, cache: &Cache, at: Option<Cursor>) -> Option<Duration> {
        let at = at?;
        cache.reach(at.clone());
        self.at = at;
        let behind = self.behind.as_mut()?;
        behind.since = Instant::now();
        let told = behind.told;
        if !self.behind.as_ref().is_some_and(|behind| self.has(&behind.head)) {
            return None;
        }
        self.behind = None;
        Some(told)
    }

    /// Whether memory holds all up to there.
    fn has(&self, head: &Cursor) -> bool {
        *head == self.at || head.number().zip(self.at.number()).is_some_and(|(head, at)| head < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn cursor(text: &str) -> Cursor {
        Cursor::parse(text).expect("a cursor")
    }

    fn place(at: &str) -> Place {
        Place { at: cursor(at), behind: None }
    }

    #[tokio::test]
    async fn a_heartbeat_confirms_what_is_complete() {
        let mut place = place("a.7.x");
        for (head, confirms) in [("a.7.x", true), ("a.6.w", true), ("a.8.y", false)] {
            let confirmed = place.heartbeat(cursor(head), SECOND, SECOND).expect(head);
            assert_eq!(confirmed.is_some(), confirms, "{head}");
        }
        assert!(place.heartbeat(cursor("a.7.z"), SECOND, SECOND).is_err(), "another change of that number");
        let mut opaque = Place { at: cursor("x"), behind: None };
        assert!(opaque.heartbeat(cursor("x"), SECOND, SECOND).expect("fits").is_some());
        assert!(opaque.heartbeat(cursor("y"), SECOND, SECOND).expect("fits").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_that_does_not_send_what_it_has_is_left() {
        let mut place = place("a.7.x");
        for _ in 0..3 {
            assert!(place.heartbeat(cursor("a.9.y"), SECOND, 4 * SECOND).expect("patience").is_none());
            tokio::time::advance(2 * SECOND).await;
        }
        assert!(place.heartbeat(cursor("a.9.y"), SECOND, 4 * SECOND).is_err());
    }
}
