//! A server with all three layers around a handler that does as its path says, and clients of it.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use jiff::Timestamp;
use tenant_core::{Cached, Limits, Lookup, ManualClock, TenantDirectory, TenantKey, TenantRef};
use tenant_router::TenantLayer;
use tenant_router::limit::{AddressLimitLayer, LimitedBody, TenantLimitLayer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tower::{ServiceBuilder, service_fn};

use crate::directory::{rules, tenant};
use crate::server::listen;

pub(crate) const NONE: Limits =
    Limits { requests_per_second: None, burst: None, concurrent: None, body_bytes: None };

pub(crate) fn rate(requests_per_second: u32, burst: u32) -> Limits {
    Limits { requests_per_second: Some(requests_per_second), burst: Some(burst), ..NONE }
}

pub(crate) fn at_once(concurrent: u32) -> Limits {
    Limits { concurrent: Some(concurrent), ..NONE }
}

pub(crate) fn bytes(body_bytes: u64) -> Limits {
    Limits { body_bytes: Some(body_bytes), ..NONE }
}

/// Tenants `acme` and `globex`, whose limits can be changed.
#[derive(Default)]
pub(crate) struct Tenants {
    pub(crate) acme: Mutex<Limits>,
    pub(crate) globex: Mutex<Limits>,
}

impl Tenants {
    pub(crate) fn acme(limits: Limits) -> Arc<Self> {
        Arc::new(Self { acme: Mutex::new(limits), globex: Mutex::default() })
    }

    fn get(&self, key: &TenantKey<'_>) -> Option<TenantRef> {
        let TenantKey::Label { id, .. } = key else { return None };
        let limits = match id.as_str() {
            "acme" => &self.acme,
            "globex" => &self.globex,
            _ => return None,
        };
        let mut tenant = tenant(id.as_str());
        tenant.limits = *limits.lock().unwrap();
        Some(tenant.into())
    }
}

impl TenantDirectory for Tenants {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        self.get(key).map_or(Cached::Unknown, Cached::Known)
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        self.get(key).map_or(Lookup::Unknown, Lookup::Known)
    }
}

/// What the handler shares with the test.
#[derive(Default)]
pub(crate) struct Handler {
    pub(crate) handled: AtomicUsize,
    /// Ends one request of `/hold` each.
    pub(crate) go: Notify,
    /// The bodies of `/stream`, to write to and to end by dropping.
    pub(crate) streams: Mutex<Vec<mpsc::Sender<Bytes>>>,
}

pub(crate) struct Site {
    pub(crate) addr: SocketAddr,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) handler: Arc<Handler>,
    _tasks: JoinSet<()>,
}

pub(crate) fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH))
}

impl Site {
    pub(crate) async fn start(
        addresses: AddressLimitLayer,
        tenants: Arc<Tenants>,
        limits: TenantLimitLayer,
    ) -> Self {
        let (clock, handler) = (manual_clock(), Arc::new(Handler::default()));
        let shared = Arc::clone(&handler);
        let service = ServiceBuilder::new()
            .layer(addresses.clock(clock.clone()))
            .layer(TenantLayer::new(rules(), tenants))
            .layer(limits.clock(clock.clone()))
            .service(service_fn(move |request| handle(Arc::clone(&shared), request)));
        let (addr, tasks) = listen(service).await;
        Self { addr, clock, handler, _tasks: tasks }
    }

    pub(crate) fn handled(&self) -> usize {
        self.handler.handled.load(Ordering::SeqCst)
    }

    /// How many of so many requests of a host get through, one after the other.
    pub(crate) async fn admitted(&self, host: &str, from: &str, requests: usize) -> usize {
        let mut admitted = 0;
        for _ in 0..requests {
            admitted += usize::from(self.get(host, from).await.status == 200);
        }
        admitted
    }

    pub(crate) async fn get(&self, host: &str, from: &str) -> Answer {
        self.send(from, &head("GET / HTTP/1.1", host, &[])).await
    }

    /// Sends the bytes from an address of this machine, and reads one answer.
    pub(crate) async fn send(&self, from: &str, request: &str) -> Answer {
        let mut stream = self.connect(from).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer::read(&mut stream).await
    }

    pub(crate) async fn connect(&self, from: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0)).unwrap();
        socket.connect(self.addr).await.unwrap()
    }

    /// Sends a head and waits until its handler runs.
    pub(crate) async fn begin(&self, path: &str, host: &str, from: &str) -> TcpStream {
        let before = self.handled();
        let mut stream = self.connect(from).await;
        let head = head(&format!("GET {path} HTTP/1.1"), host, &[]);
        stream.write_all(head.as_bytes()).await.unwrap();
        eventually("the handler", async || self.handled() > before).await;
        stream
    }
}

/// The head of a request, with its last empty line.
pub(crate) fn head(line: &str, host: &str, more: &[&str]) -> String {
    let more: String = more.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{line}\r\nHost: {host}.base.example\r\n{more}\r\n")
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let exchange = async {
            let mut text = String::new();
            let mut chunk = [0; 4096];
            loop {
                if let Some(answer) = Self::parse(&text) {
                    return answer;
                }
                let read = stream.read(&mut chunk).await.unwrap();
                assert!(read > 0, "the connection ended after {text:?}");
                text.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(20), exchange).await.expect("an answer in time")
    }

    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().unwrap();
        let answer = Self { status, head: head.to_owned(), body: body.to_owned() };
        let length: usize = answer.header("content-length")?.parse().unwrap();
        (body.len() >= length).then_some(answer)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Status, code and text of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        (self.status, text("code"), text("detail"))
    }
}

pub(crate) fn refused(status: u16, code: &str, detail: &str) -> (u16, String, String) {
    (status, code.to_owned(), detail.to_owned())
}

pub(crate) async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap_or_else(|_| panic!("still no {what}"));
}

type AnyBody = UnsyncBoxBody<Bytes, Infallible>;

fn full(text: String) -> AnyBody {
    http_body_util::Full::from(text).boxed_unsync()
}

async fn handle<B>(
    shared: Arc<Handler>,
    request: Request<LimitedBody<B>>,
) -> Result<Response<AnyBody>, Infallible>
where
    LimitedBody<B>: http_body::Body<Data = Bytes, Error: std::fmt::Display>,
{
    shared.handled.fetch_add(1, Ordering::SeqCst);
    let path = request.uri().path().to_owned();
    let body = match path.as_str() {
        "/hold" => {
            shared.go.notified().await;
            full("held".into())
        }
        "/stream" => {
            let (sender, receiver) = mpsc::channel(1);
            shared.streams.lock().unwrap().push(sender);
            stream(receiver)
        }
        "/panic" => panic!("as the test asked"),
        // A careless handler: what it could not read does not keep it from answering well.
        "/read" => match request.into_body().collect().await {
            Ok(body) => full(format!("read {}", body.to_bytes().len())),
            Err(fault) => full(format!("careless: {fault}")),
        },
        "/early" => full("early".into()),
        _ => full("hello".into()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}

fn stream(receiver: mpsc::Receiver<Bytes>) -> AnyBody {
    struct Chunks(mpsc::Receiver<Bytes>);
    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
        }
    }
    Chunks(receiver).boxed_unsync()
}
