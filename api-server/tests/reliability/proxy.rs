//! Between an API process and the TMS: hears what the TMS says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// Hands every byte on, and keeps those that come from the TMS.
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    pub(crate) async fn start(tms: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn({
            let heard = Arc::clone(&heard);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(hand_on(client, tms, Arc::clone(&heard)));
                }
            }
        });
        Self { addr, heard }
    }

    /// All that the TMS has said so far.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("no panic")).into_owned()
    }
}

async fn hand_on(client: TcpStream, tms: SocketAddr, heard: Arc<Mutex<Vec<u8>>>) {
    let Ok(server) = TcpStream::connect(tms).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
        heard.lock().expect("no panic").extend_from_slice(&buffer[..read]);
        if to_client.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
