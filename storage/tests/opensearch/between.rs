//! A proxy between a store and the engine, which does to requests and answers what networks and other proxies do.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to a request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// The connection ends, and the engine hears of nothing.
    CutBefore,
    /// The engine does it; the connection ends before the answer.
    CutAfter,
    /// The engine does it; the connection ends in the middle of the answer.
    CutWithin,
    /// It comes to the engine late.
    Late(Duration),
    /// The engine hears of nothing, and this is answered.
    Instead(Answer),
    /// The engine does it, and this is answered.
    Over(Answer),
    /// The engine gets another request.
    Changed(fn(&mut Asked)),
    /// The engine's answer is changed.
    Rewritten(fn(&mut Value)),
}

/// A request as it came.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn of(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, retry_after: None, body: body.into() }
    }
}

struct Planned {
    part: &'static str,
    times: usize,
    fault: Fault,
}

struct State {
    engine: String,
    client: reqwest::Client,
    planned: Mutex<Vec<Planned>>,
    asked: Mutex<Vec<Asked>>,
}

/// Ends when it is dropped.
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it is locked")
}

impl Proxy {
    pub(crate) async fn start(engine: &str) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State {
            engine: engine.to_owned(),
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            planned: Mutex::default(),
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = Arc::clone(&serving);
                // A connection that ends is none of its errors.
                tokio::spawn(async move { drop(serving.connection(stream).await) });
            }
        });
        Self { url, state, accepting }
    }

    /// What happens to the next request whose path or query has this in it.
    pub(crate) fn next(&self, part: &'static str, fault: Fault) {
        self.times(1, part, fault);
    }

    pub(crate) fn times(&self, times: usize, part: &'static str, fault: Fault) {
        lock(&self.state.planned).push(Planned { part, times, fault });
    }

    /// Nothing happens any more.
    pub(crate) fn calm(&self) {
        lock(&self.state.planned).clear();
    }

    /// How many faults are still to come.
    pub(crate) fn left(&self) -> usize {
        lock(&self.state.planned).iter().map(|planned| planned.times).sum()
    }

    /// The requests whose path or query has this in it, since the last time that anybody asked.
    pub(crate) fn asked(&self, part: &str) -> Vec<Asked> {
        let mut asked = std::mem::take(&mut *lock(&self.state.asked));
        asked.retain(|asked| asked.target.contains(part));
        asked
    }
}

impl State {
    fn fault(&self, target: &str) -> Option<Fault> {
        let mut planned = lock(&self.planned);
        let found = planned.iter_mut().find(|planned| planned.times > 0 && target.contains(planned.part))?;
        found.times -= 1;
        Some(found.fault.clone())
    }

    async fn connection(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(mut asked) = read(&mut stream).await? {
            lock(&self.asked).push(asked.clone());
            let answer = match self.fault(&asked.target) {
                None => self.forward(asked).await?,
                Some(Fault::CutBefore) => return Ok(()),
                Some(Fault::CutAfter) => return self.forward(asked).await.map(drop),
                Some(Fault::CutWithin) => {
                    let text = text(&self.forward(asked).await?);
                    return stream.write_all(&text[..text.len() / 2]).await;
                }
                Some(Fault::Late(time)) => {
                    tokio::time::sleep(time).await;
                    self.forward(asked).await?
                }
                Some(Fault::Instead(answer)) => answer,
                Some(Fault::Over(answer)) => self.forward(asked).await.map(|_| answer)?,
                Some(Fault::Changed(change)) => {
                    change(&mut asked);
                    self.forward(asked).await?
                }
                Some(Fault::Rewritten(change)) => {
                    let mut answer = self.forward(asked).await?;
                    let mut json = serde_json::from_slice(&answer.body)?;
                    change(&mut json);
                    answer.body = json.to_string().into();
                    answer
                }
            };
            stream.write_all(&text(&answer)).await?;
        }
        Ok(())
    }

    async fn forward(&self, asked: Asked) -> io::Result<Answer> {
        let method = asked.method.parse().map_err(io::Error::other)?;
        let mut request = self.client.request(method, format!("{}{}", self.engine, asked.target));
        if let Some(content_type) = asked.content_type {
            request = request.header("content-type", content_type);
        }
        let answer = request.body(asked.body).send().await.map_err(io::Error::other)?;
        let status = answer.status().as_u16();
        Ok(Answer::of(status, answer.bytes().await.map_err(io::Error::other)?))
    }
}

/// The next request of a connection; `None` where it ends.
async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Asked>> {
    let mut first = String::new();
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::Error::other("no request line"));
    };
    let (mut length, mut content_type) = (0, None);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "content-type" => content_type = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Asked { method, target, content_type, body, at: Instant::now() }))
}

fn text(answer: &Answer) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} As-Told\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
    if let Some(seconds) = answer.retry_after {
        text += &format!("retry-after: {seconds}\r\n");
    }
    let mut text = (text + "content-type: application/json\r\n\r\n").into_bytes();
    text.extend_from_slice(&answer.body);
    text
}
