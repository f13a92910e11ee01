//! A TMS that answers what a test tells it to, and remembers what it was asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and path, as in `GET /tenant/acme`.
    pub(crate) line: String,
    /// The `X-Api-Key` header.
    pub(crate) key: Option<String>,
    /// The `Authorization` header.
    pub(crate) bearer: Option<String>,
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A status and a body.
    Whole(u16, String),
    /// The same with one more header.
    With(u16, &'static str, String),
    /// The head and a part of a body, then nothing more on this connection.
    Cut,
    /// The reply, once the semaphore gives a permit.
    Held(Arc<Semaphore>, Box<Reply>),
    /// No answer at all.
    Never,
}

pub(crate) fn json(status: u16, body: impl ToString) -> Reply {
    Reply::Whole(status, body.to_string())
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;
type Body = BoxBody<Bytes, std::io::Error>;

pub(crate) struct FaultyTms {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: Mutex<Option<JoinHandle<()>>>,
}

impl FaultyTms {
    /// A service that hands out the token `t` and answers everything else by the script.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_bare(with_token(script)).await
    }

    /// A service that answers everything by the script.
    pub(crate) async fn start_bare(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Arc::new(script)));
        let seen = Arc::default();
        let tms = Self { address, script, seen, serving: Mutex::default() };
        tms.serve(listener);
        tms
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Goes by another script from now on; tokens are handed out as before.
    pub(crate) fn says(&self, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        self.says_bare(with_token(script));
    }

    /// Goes by another script from now on, for tokens too.
    pub(crate) fn says_bare(&self, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        *self.script.lock().expect("not poisoned") = Arc::new(script);
    }

    /// Closes the port and every connection.
    pub(crate) async fn stop(&self) {
        let serving = self.serving.lock().expect("not poisoned").take().expect("it was running");
        serving.abort();
        let _ = serving.await;
    }

    /// Listens on the same port again.
    pub(crate) async fn start_again(&self) {
        self.serve(TcpListener::bind(self.address).await.expect("the same port"));
    }

    /// All requests so far, as method and path.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// How many requests of this method and path came so far.
    pub(crate) fn calls(&self, line: &str) -> usize {
        self.lines().iter().filter(|seen| *seen == line).count()
    }

    fn serve(&self, listener: TcpListener) {
        let (script, seen) = (Arc::clone(&self.script), Arc::clone(&self.seen));
        let serving = tokio::spawn(async move {
            // Dropped with this task, and every connection with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let noted = note(&request);
                        seen.lock().expect("not poisoned").push(noted.clone());
                        let script = Arc::clone(&script.lock().expect("not poisoned"));
                        async move { Ok::<_, Infallible>(answer(script(&noted)).await) }
                    });
                    // A cut answer is an error here, and meant.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        *self.serving.lock().expect("not poisoned") = Some(serving);
    }
}

fn with_token(
    script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Seen) -> Reply + Send + Sync {
    move |seen| match seen.line.as_str() {
        "POST /token" => json(200, r#"{"access_token":"t","token_type":"bearer"}"#),
        _ => script(seen),
    }
}

fn note(request: &Request<Incoming>) -> Seen {
    let header = |name| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
    let line = format!("{} {}", request.method(), request.uri());
    Seen { line, key: header("x-api-key"), bearer: header("authorization") }
}

async fn answer(mut reply: Reply) -> Response<Body> {
    while let Reply::Held(gate, then) = reply {
        gate.acquire().await.expect("never closed").forget();
        reply = *then;
    }
    let (status, body) = match reply {
        Reply::Whole(status, text) => (status, whole(text)),
        Reply::With(status, name, value) => {
            let response = Response::builder().status(status).header(name, value);
            return response.body(whole(String::new())).expect("a response");
        }
        Reply::Cut => (200, cut()),
        Reply::Never | Reply::Held(..) => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            (500, whole(String::new()))
        }
    };
    Response::builder().status(status).body(body).expect("a response")
}

fn whole(text: String) -> Body {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed()
}

fn cut() -> Body {
    let part = Ok(Frame::data(Bytes::from_static(br#"{"id":"acme","#)));
    let end = Err(std::io::Error::other("cut on purpose"));
    BodyExt::boxed(StreamBody::new(stream::iter([part, end])))
}
