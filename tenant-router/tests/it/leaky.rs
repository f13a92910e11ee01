//! A small multi-tenant service, written by hand as many are, with any of the faults that such services have.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, ETAG, HOST, IF_NONE_MATCH};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What can be wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    TakesForwardedHost,
    TakesTenantCookie,
    FirstOfTwoHosts,
    LastOfTwoHosts,
    IgnoresTarget,
    CacheByPath,
    ValidatorByPath,
    TokenWithoutTenant,
    TokenIsTheTenant,
    NoToken,
    WritesWithoutTenant,
    TenantPerConnection,
    LoginPerConnection,
    PrefixOfHost,
    SuffixOfLabel,
    StripsHyphens,
    DefaultTenant,
    TakesUserInfo,
    ServesUnknown,
    RunsForSuspended,
    TellsInAHeader,
    TellsInBase64,
    // What is no leak by itself.
    CacheableAnswers,
    RefusesCapitals,
    GoesByTarget,
    TakesAnyPort,
}

use Fault::*;

/// One of them is the start of the other.
const TENANTS: [&str; 3] = ["acme", "acme2", "unpaid"];

/// The service on a port of its own, stopped when dropped.
pub(crate) struct Leaky {
    pub(crate) addr: SocketAddr,
    handled: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

struct Service {
    faults: Vec<Fault>,
    notes: Mutex<HashMap<&'static str, Vec<String>>>,
    kept: Mutex<HashMap<String, String>>,
    handled: Arc<AtomicU64>,
}

/// What is remembered of a connection.
#[derive(Default)]
struct Connection {
    tenant: Option<&'static str>,
    login: Vec<&'static str>,
}

type Answer = Response<Full<Bytes>>;

impl Leaky {
    pub(crate) async fn start(faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let handled = Arc::new(AtomicU64::new(0));
        let service = Arc::new(Service {
            faults: faults.to_vec(),
            notes: Mutex::default(),
            kept: Mutex::default(),
            handled: Arc::clone(&handled),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (service, connection) = (Arc::clone(&service), Arc::new(Mutex::default()));
                connections.spawn(async move {
                    let answer = service_fn(move |request| {
                        let (service, connection) = (Arc::clone(&service), Arc::clone(&connection));
                        async move { Ok::<_, Infallible>(service.answer(&connection, request).await) }
                    });
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _closed = server.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { addr, handled, _tasks: tasks }
    }

    pub(crate) fn handled(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let handled = Arc::clone(&self.handled);
        move || handled.load(Ordering::SeqCst)
    }
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

impl Service {
    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    async fn answer(&self, connection: &Mutex<Connection>, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let found = match connection.lock().unwrap().tenant {
            Some(first) if self.has(TenantPerConnection) => Ok(first),
            _ => self.tenant(&parts),
        };
        let tenant = match found {
            Ok(tenant) => tenant,
            Err(refused) if refused == StatusCode::NOT_FOUND && self.has(ServesUnknown) => "nobody",
            Err(refused) => return status(refused),
        };
        connection.lock().unwrap().tenant = Some(tenant);
        if tenant == "unpaid" {
            if self.has(RunsForSuspended) {
                self.handled.fetch_add(1, Ordering::SeqCst);
            }
            return status(StatusCode::FORBIDDEN);
        }
        match self.login(&parts, tenant, &mut connection.lock().unwrap().login) {
            Some(reader) => self.handle(&parts, reader, &body),
            None => status(StatusCode::UNAUTHORIZED),
        }
    }

    /// The tenant of the host.
    fn tenant(&self, parts: &http::request::Parts) -> Result<&'static str, StatusCode> {
        let bad = StatusCode::BAD_REQUEST;
        let text = |value: &http::HeaderValue| value.to_str().map(str::to_owned).map_err(|_| bad);
        let mut hosts = Vec::new();
        for value in parts.headers.get_all(HOST) {
            hosts.push(text(value)?);
        }
        let header = match hosts.as_slice() {
            [only] => Some(only.clone()),
            [] => None,
            [first, ..] if self.has(FirstOfTwoHosts) => Some(first.clone()),
            [.., last] if self.has(LastOfTwoHosts) => Some(last.clone()),
            _ => return Err(bad),
        };
        let target = parts.uri.authority().map(|authority| authority.as_str().to_owned());
        let mut host = match (target, header) {
            (Some(target), Some(header)) if !target.eq_ignore_ascii_case(&header) => {
                if self.has(IgnoresTarget) {
                    header
                } else if self.has(GoesByTarget) {
                    target
                } else {
                    return Err(bad);
                }
            }
            (Some(target), _) => target,
            (None, Some(header)) => header,
            (None, None) => return Err(bad),
        };
        if self.has(TakesForwardedHost)
            && let Some(forwarded) = parts.headers.get("x-forwarded-host")
        {
            host = text(forwarded)?;
        }
        if self.has(TakesTenantCookie)
            && let Some(cookie) = parts.headers.get(COOKIE)
        {
            let label = text(cookie)?.trim_start_matches("tenant=").to_owned();
            host = format!("{label}.localhost");
        }
        self.by_name(&host)
    }

    fn by_name(&self, host: &str) -> Result<&'static str, StatusCode> {
        let name = self.name(host).ok_or(StatusCode::BAD_REQUEST)?;
        if self.has(PrefixOfHost) {
            // The longest first, so that its own tenants are told apart.
            let mut tenants = TENANTS;
            tenants.sort_by_key(|tenant| std::cmp::Reverse(tenant.len()));
            return tenants.into_iter().find(|tenant| name.starts_with(*tenant)).ok_or(StatusCode::NOT_FOUND);
        }
        let label = match name.strip_suffix(".localhost") {
            Some(label) => label,
            None if self.has(DefaultTenant) => "",
            None => return Err(StatusCode::BAD_REQUEST),
        };
        let label = if self.has(StripsHyphens) { label.replace('-', "") } else { label.to_owned() };
        let is = |tenant: &&str| {
            if self.has(SuffixOfLabel) { label.ends_with(*tenant) } else { label == **tenant }
        };
        match TENANTS.into_iter().find(is) {
            None if self.has(DefaultTenant) => Ok(TENANTS[0]),
            found => found.ok_or(StatusCode::NOT_FOUND),
        }
    }

    /// The host without its port and last dot, in lower case.
    fn name(&self, host: &str) -> Option<String> {
        let host = match host.rsplit_once('@') {
            Some((_, host)) if self.has(TakesUserInfo) => host,
            Some(_) => return None,
            None => host,
        };
        let name = match host.split_once(':') {
            Some((name, _)) if self.has(TakesAnyPort) => name,
            Some((name, port)) if port.parse::<u16>().is_ok() => name,
            Some(_) => return None,
            None => host,
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        if self.has(DefaultTenant) {
            return Some(name.to_owned()); // compares as it is, and falls back
        }
        let lower = name.to_ascii_lowercase();
        if self.has(RefusesCapitals) && lower != name { None } else { Some(lower) }
    }

    /// Whose notes the token opens at the tenant's host.
    fn login(
        &self,
        parts: &http::request::Parts,
        tenant: &'static str,
        logins: &mut Vec<&'static str>,
    ) -> Option<&'static str> {
        let token = token(&parts.headers);
        let owner = TENANTS.into_iter().find(|owner| token == Some(owner));
        if self.has(NoToken) || owner == Some(tenant) {
            logins.push(tenant);
            return Some(tenant);
        }
        if self.has(LoginPerConnection) && logins.contains(&tenant) && owner.is_none() {
            return Some(tenant);
        }
        let writes = self.has(WritesWithoutTenant) && parts.method == Method::POST;
        match owner {
            Some(owner) if self.has(TokenIsTheTenant) => Some(owner),
            Some(_) if self.has(TokenWithoutTenant) || writes => Some(tenant),
            None if self.has(ServesUnknown) && tenant == "nobody" => Some(tenant),
            Some(_) if self.has(ServesUnknown) && tenant == "nobody" => Some(tenant),
            _ => None,
        }
    }

    fn handle(&self, parts: &http::request::Parts, tenant: &'static str, body: &[u8]) -> Answer {
        self.handled.fetch_add(1, Ordering::SeqCst);
        if parts.method == Method::POST {
            let note = String::from_utf8_lossy(body).into_owned();
            self.notes().entry(tenant).or_default().push(note);
            return status(StatusCode::CREATED);
        }
        let etag = if self.has(ValidatorByPath) { "\"v1\"".to_owned() } else { format!("\"v1-{tenant}\"") };
        if parts.headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == etag.as_bytes()) {
            return status(StatusCode::NOT_MODIFIED);
        }
        let mut text = self.notes().get(tenant).map_or_else(String::new, |notes| notes.join("\n"));
        if self.has(CacheByPath) {
            text = self.kept.lock().unwrap().entry(parts.uri.path().to_owned()).or_insert(text).clone();
        }
        let mut answer = Response::new(Full::default());
        let headers = answer.headers_mut();
        headers.insert(ETAG, etag.parse().unwrap());
        let caching = if self.has(CacheableAnswers) { "max-age=60, public" } else { "private" };
        headers.insert(CACHE_CONTROL, caching.parse().unwrap());
        let others =
            || self.notes().iter().filter(|(of, _)| **of != tenant).flat_map(|(_, n)| n.clone()).collect();
        if self.has(TellsInAHeader) {
            let others: Vec<String> = others();
            headers.insert("x-debug", others.join(" ").replace(' ', "%20").parse().unwrap());
        }
        if self.has(TellsInBase64) {
            use base64::Engine;
            let others: Vec<String> = others();
            text.push_str(
                &base64::engine::general_purpose::URL_SAFE.encode(format!("{{{}}}", others.concat())),
            );
        }
        *answer.body_mut() = text.into();
        answer
    }

    fn notes(&self) -> MutexGuard<'_, HashMap<&'static str, Vec<String>>> {
        self.notes.lock().unwrap()
    }
}

fn token(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer token-of-")
}
