//! [`Auth`]: the API key becomes an access token; renewed ahead of its expiry, one renewal at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tenant_core::Clock;

use crate::error::{TmsError, TmsErrorKind};
use crate::flight::Flight;
use crate::transport::{Answer, Request, Transport};

/// How long a token is good where the TMS does not say (contract 2): 5 minutes, as ours are.
const DEFAULT_LIFE: Duration = Duration::from_secs(300);
/// A longer life is not believed.
const MAX_LIFE: Duration = Duration::from_secs(86_400);
/// After a renewal ahead of expiry failed, the next one begins no sooner than this.
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);
/// The greatest length of a key, in bytes (design 6).
const MAX_KEY: usize = 256;
/// The greatest size of the answer with the token, in bytes.
const MAX_ANSWER: usize = 16 * 1024;
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// An access token, and when it must be replaced.
pub(crate) struct Token {
    header: HeaderValue,
    renew_at: Duration,
    dies_at: Duration,
}

impl Token {
    /// The value of the `Authorization` header; marked as sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

type Renewal = Flight<Result<Arc<Token>, TmsError>>;

/// One key at one TMS, and its token of the moment.
pub(crate) struct Auth {
    key: SecretString,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    renewal: Option<Renewal>,
    /// No renewal ahead of expiry begins before this.
    not_before: Duration,
    /// The TMS has taken the key in a header once: it never gets it in a path.
    has_posted: bool,
}

impl Auth {
    pub(crate) fn new(key: SecretString, clock: Arc<dyn Clock>) -> Self {
        Self { key, clock, state: Mutex::default() }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that is good now. One that is about to expire is used while its successor is fetched.
    ///
    /// # Errors
    /// `Forbidden` if the TMS refuses the key, or the key is none; `Unavailable` or `Protocol`.
    pub(crate) async fn token(self: &Arc<Self>, transport: &Arc<Transport>) -> Result<Arc<Token>, TmsError> {
        let now = self.clock.monotonic();
        let renewal = {
            let mut state = self.state();
            if let Some(token) = state.token.clone().filter(|token| now < token.dies_at) {
                if now >= token.renew_at && now >= state.not_before {
                    self.renewal(&mut state, transport);
                }
                return Ok(token);
            }
            self.renewal(&mut state, transport)
        };
        landed(renewal).await
    }

    /// Renews a token that is about to expire, without waiting: for one who makes no calls but must not be late with the next.
    pub(crate) fn stay_ahead(self: &Arc<Self>, transport: &Arc<Transport>) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let due = state.token.as_ref().is_some_and(|token| now >= token.renew_at);
        if due && now >= state.not_before {
            self.renewal(&mut state, transport);
        }
    }

    /// Exchanges the key anew, whatever token there is.
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub(crate) async fn prove(self: &Arc<Self>, transport: &Arc<Transport>) -> Result<(), TmsError> {
        let renewal = self.renewal(&mut self.state(), transport);
        landed(renewal).await.map(drop)
    }

    /// Forgets a token that the TMS refused, unless it has been replaced already.
    pub(crate) fn refused(&self, used: &Arc<Token>) {
        let mut state = self.state();
        if state.token.as_ref().is_some_and(|token| Arc::ptr_eq(token, used)) {
            state.token = None;
        }
    }

    /// The renewal under way, or a new one in a task of its own.
    fn renewal(self: &Arc<Self>, state: &mut State, transport: &Arc<Transport>) -> Renewal {
        if let Some(renewal) = state.renewal.as_ref().filter(|renewal| !renewal.is_over()) {
            return renewal.clone();
        }
        let (flight, landing) = Flight::begin();
        state.renewal = Some(flight.clone());
        let (auth, transport) = (Arc::clone(self), Arc::clone(transport));
        tokio::spawn(async move {
            let outcome = auth.exchange(&transport).await.map(Arc::new);
            auth.keep(&outcome);
            landing.land(outcome);
        });
        flight
    }

    fn keep(&self, outcome: &Result<Arc<Token>, TmsError>) {
        let mut state = self.state();
        state.renewal = None;
        match outcome {
            Ok(token) => state.token = Some(Arc::clone(token)),
            Err(error) => {
                tracing::debug!("no access token: {}", error.chain());
                state.not_before = self.clock.monotonic() + RENEWAL_PAUSE;
            }
        }
    }

    async fn exchange(&self, transport: &Transport) -> Result<Token, TmsError> {
        let key = self.key.expose_secret();
        if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(forbidden("the key is not one: 1 to 256 visible ASCII characters"));
        }
        let mut header = HeaderValue::from_str(key).map_err(|_| forbidden("the key is no header value"))?;
        header.set_sensitive(true);
        // The life of a token is counted from before the call: it cannot be longer than that.
        let asked = self.clock.monotonic();
        let answer = transport.send(&get_token(Method::POST, "/token"), Some((API_KEY, header))).await?;
        let is_absent = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        // What answers so in the place of a TMS that has taken the key before would see it in the path.
        if is_absent && !self.state().has_posted {
            return exchange_in_path(transport, key, asked).await;
        }
        let token = token(&answer, asked)?;
        self.state().has_posted = true;
        Ok(token)
    }
}

/// As the original's service takes keys (contract 2).
async fn exchange_in_path(transport: &Transport, key: &str, asked: Duration) -> Result<Token, TmsError> {
    if !fits_a_path(key) {
        return Err(forbidden("the service takes keys in the path alone, where this one cannot be"));
    }
    let answer = transport.send(&get_token(Method::GET, &format!("/api-key/{key}")), None).await?;
    if answer.status.is_client_error() && answer.detail().is_some() && !is_busy(answer.status) {
        return Err(answer.silent_failure(TmsErrorKind::Forbidden));
    }
    token(&answer, asked)
}

fn get_token(method: Method, path: &str) -> Request<'_> {
    Request { method, path, body: None, max_answer: MAX_ANSWER }
}

async fn landed(mut renewal: Renewal) -> Result<Arc<Token>, TmsError> {
    let dropped = || TmsError::unavailable("the renewal of the access token was cut short");
    renewal.outcome().await.unwrap_or_else(|| Err(dropped()))
}

fn forbidden(message: &str) -> TmsError {
    TmsError::new(TmsErrorKind::Forbidden, message)
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429)
}

/// Whether a key is one path segment as it stands: unreserved characters alone (RFC 3986 section 2.3), and no dot
/// segment (section 3.3). Anything else could name another endpoint.
fn fits_a_path(key: &str) -> bool {
    !matches!(key, "." | "..")
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-'))
}

fn token(answer: &Answer, asked: Duration) -> Result<Token, TmsError> {
    if answer.status != StatusCode::OK {
        let kind = match answer.failure().kind() {
            TmsErrorKind::Forbidden => TmsErrorKind::Forbidden,
            TmsErrorKind::Unavailable => TmsErrorKind::Unavailable,
            _ => TmsErrorKind::Protocol,
        };
        return Err(answer.silent_failure(kind));
    }
    let body = answer.json()?;
    let text = body["access_token"].as_str().filter(|text| !text.is_empty());
    let text =
        text.ok_or_else(|| TmsError::protocol("the tenant management service gave no access_token"))?;
    let mut header = HeaderValue::from_str(&format!("Bearer {text}"))
        .map_err(|_| TmsError::protocol("the access_token cannot be sent back"))?;
    header.set_sensitive(true);
    let life = body["expires_in"].as_u64().map_or(DEFAULT_LIFE, Duration::from_secs).min(MAX_LIFE);
    Ok(Token { header, renew_at: asked + life * 4 / 5, dies_at: asked + life * 19 / 20 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_keys_become_part_of_a_path() {
        for key in ["yyy", "tk_1_ab-c.d~", "...", "TMS-API-KEY"] {
            assert!(fits_a_path(key), "{key}");
        }
        for key in [".", "..", "../tenant/x", "a/b", "a?b", "a#b", "a%2fb", "a\\b", "a b", "ä"] {
            assert!(!fits_a_path(key), "{key}");
        }
    }
}
