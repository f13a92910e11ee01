//! Between an API process and the TMS: hears what the TMS says, and can keep the change feed's part of it back.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Hands bytes on in both directions, and keeps those that come from the TMS.
pub(crate) struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Vec<u8>>,
    /// What comes on a feed, open already or new, is dropped: connections stay as they are, and are silent.
    is_feed_cut: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn start(tms: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::<Shared>::default();
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(connect(client, tms, Arc::clone(&shared)));
                }
            }
        });
        Self { addr, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// All that the TMS has said so far.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.shared.heard.lock().expect("no panic")).into_owned()
    }

    /// Drops every byte of the feed from now on; all else passes.
    pub(crate) fn cut_feed(&self) {
        self.shared.is_feed_cut.send_replace(true);
    }

    /// Feeds that are opened from now on pass. Those that were cut are closed: bytes of theirs are lost.
    pub(crate) fn mend_feed(&self) {
        self.shared.is_feed_cut.send_replace(false);
    }
}

async fn connect(client: TcpStream, tms: SocketAddr, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(tms).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_feed = Arc::new(AtomicBool::new(false));
    tokio::spawn(ask(from_client, to_server, Arc::clone(&is_feed)));
    answer(from_server, to_client, &is_feed, &shared).await;
}

/// A client writes the head of a request at once, so that it is in one piece here.
async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_feed: Arc<AtomicBool>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if buffer[..read].starts_with(b"GET /changes") {
            is_feed.store(true, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_feed: &AtomicBool, shared: &Shared) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        shared.heard.lock().expect("no panic").extend_from_slice(&buffer[..read]);
        if is_feed.load(Ordering::SeqCst) && *shared.is_feed_cut.borrow() {
            drop(shared.is_feed_cut.subscribe().wait_for(|is_cut| !is_cut).await);
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
