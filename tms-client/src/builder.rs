//! [`TmsClientBuilder`]: where the TMS is and how patient its client is. All checks happen in `build`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;
use tenant_core::{Clock, SystemClock};

use crate::auth::Auth;
use crate::client::{Limits, TmsClient};
use crate::error::TmsError;
use crate::transport::Transport;

/// Settings of a [`TmsClient`]; see each method for its default.
///
/// Proxy variables of the environment are ignored and redirects are not followed: the key goes to the configured address
/// and nowhere else. HTTP/1.1 alone is spoken.
#[must_use]
pub struct TmsClientBuilder {
    base_url: String,
    key: SecretString,
    timeout: Duration,
    connect_timeout: Duration,
    max_answer: usize,
    max_list: usize,
    list_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for TmsClientBuilder {
    /// Without the address, which may hold a password until it is checked, and without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TmsClientBuilder").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl TmsClientBuilder {
    pub(crate) fn new(base_url: &str, key: SecretString) -> Self {
        Self {
            base_url: base_url.to_owned(),
            key,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(2),
            max_answer: 1 << 20,
            max_list: 256 << 20,
            list_timeout: Duration::from_secs(60),
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// How long one call may take, from connecting to the last byte of the answer. Default 10 s (contract 2).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long connecting may take. Default 2 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The greatest size of what is said about one tenant (an answer, a row of the list, an event of the change feed), in
    /// bytes; a bigger one is a protocol error. Default 1 MiB.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// The greatest size of the list of all tenants, in bytes; it is read row by row. Default 256 MiB, some 500 000
    /// tenants.
    pub fn max_list(mut self, bytes: usize) -> Self {
        self.max_list = bytes;
        self
    }

    /// How long the list of all tenants may take, from connecting to the last byte; it may be silent for
    /// [`timeout`](Self::timeout) at most. Default 60 s.
    pub fn list_timeout(mut self, timeout: Duration) -> Self {
        self.list_timeout = timeout;
        self
    }

    /// The clock that tells when a token expires. Default the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The client. No call is made; the key is looked at when it is first used.
    ///
    /// # Errors
    /// `Config` if the address is not `http` or `https` with a host and at most a path, if it holds a user or password, or
    /// if a time or size is zero.
    pub fn build(self) -> Result<TmsClient, TmsError> {
        let base = base(&self.base_url)?;
        if [self.timeout, self.connect_timeout, self.list_timeout].iter().any(Duration::is_zero) {
            return Err(TmsError::config("a timeout cannot be zero"));
        }
        if self.max_answer == 0 || self.max_list == 0 {
            return Err(TmsError::config("the size of an answer cannot be limited to zero"));
        }
        let mut http = reqwest::Client::builder()
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            .user_agent(concat!("tenantry-tms-client/", env!("CARGO_PKG_VERSION")));
        if base.starts_with("http:") {
            // Nothing is encrypted, so the machine's certificates are not needed, and need not be there.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|error| {
            TmsError::config("the HTTP client cannot be set up").with_source(error.without_url())
        })?;
        let auth = Auth::new(self.key, self.clock);
        let limits =
            Limits { max_answer: self.max_answer, max_list: self.max_list, list_timeout: self.list_timeout };
        Ok(TmsClient::new(Transport { http, timeout: self.timeout, base }, auth, limits))
    }
}

/// The address without slashes around it (contract 1). The errors do not quote it: it may hold a password.
fn base(text: &str) -> Result<String, TmsError> {
    let url = Url::parse(text.trim().trim_matches('/'))
        .map_err(|error| TmsError::config("the address of the TMS is no URL").with_source(error))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(TmsError::config("the address of the TMS is not http or https with a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TmsError::config("the address of the TMS holds a user or password; give the key apart"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(TmsError::config("the address of the TMS has a query or fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TmsErrorKind;

    #[test]
    fn an_address_is_http_with_at_most_a_path() {
        for (text, normal) in [
            ("http://tms:8383", "http://tms:8383"),
            ("http://tms:8383//", "http://tms:8383"),
            ("/https://TMS.example/one/ ", "https://tms.example/one"),
        ] {
            assert_eq!(base(text).expect(text), normal);
        }
        for text in ["", "tms:8383", "ftp://tms", "http://", "http://u:p@tms", "http://tms?x", "http://tms#x"]
        {
            let error = base(text).expect_err(text);
            assert_eq!(error.kind(), &TmsErrorKind::Config, "{text}");
            assert!(!error.chain().contains("u:p"));
        }
    }

    #[test]
    fn zero_is_refused_and_debug_hides_the_key() {
        let builder = || TmsClient::builder("http://tms", "hidden".into());
        assert!(builder().timeout(Duration::ZERO).build().is_err());
        assert!(builder().connect_timeout(Duration::ZERO).build().is_err());
        assert!(builder().list_timeout(Duration::ZERO).build().is_err());
        assert!(builder().max_answer(0).build().is_err());
        assert!(builder().max_list(0).build().is_err());
        let client = builder().build().expect("a client");
        assert!(!format!("{:?} {client:?}", builder()).contains("hidden"));
    }
}
