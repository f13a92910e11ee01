//! [`Tokens`]: which API keys are good, and the access tokens that they were exchanged for.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::json;
use tenant_core::ErrorBody;

use super::answer::Answer;
use super::server::FaultyTms;

/// Every key is good until it is revoked; every token until it is forgotten.
#[derive(Debug)]
pub(super) struct Tokens {
    issued: u64,
    /// The key that each was issued for.
    good: HashMap<String, String>,
    revoked: HashSet<String>,
    life: Option<Duration>,
}

impl Default for Tokens {
    fn default() -> Self {
        let life = Some(Duration::from_secs(300));
        Self { issued: 0, good: HashMap::new(), revoked: HashSet::new(), life }
    }
}

impl Tokens {
    pub(super) fn exchange(&mut self, key: &str) -> Answer {
        if key.is_empty() || self.revoked.contains(key) {
            return Answer::error(&ErrorBody::text(403, "key_invalid", "The API key is not valid."));
        }
        self.issued += 1;
        let token = format!("t{}", self.issued);
        self.good.insert(token.clone(), key.to_owned());
        let mut body = json!({ "access_token": token, "token_type": "bearer" });
        if let Some(life) = self.life {
            body["expires_in"] = life.as_secs().into();
        }
        Answer::json(&body)
    }

    /// The token of an `Authorization` header, if it is good.
    pub(super) fn recognise(&self, authorization: Option<&str>) -> Option<String> {
        let token = authorization?.strip_prefix("Bearer ")?;
        self.is_good(token).then(|| token.to_owned())
    }

    pub(super) fn is_good(&self, token: &str) -> bool {
        self.good.contains_key(token)
    }
}

/// Keys and tokens. Every key is good at first. Tokens are `t1`, `t2` and so on.
impl FaultyTms {
    /// How long new tokens are said to live, in whole seconds; `None` says nothing of it, as the original's TMS may.
    /// Default 5 minutes. They are taken for longer: a client that goes by a clock of its own is not refused by another.
    pub fn token_life(&self, life: impl Into<Option<Duration>>) {
        self.shared().lock().tokens.life = life.into();
    }

    /// Refuses every token issued so far, as after a restart with another secret. Feeds that were opened with them end.
    pub fn forget_tokens(&self) {
        self.shared().change(|state| state.tokens.good.clear());
    }

    /// Refuses an API key from now on, and the tokens that it was exchanged for. Feeds that were opened with them end.
    pub fn revoke_key(&self, key: &str) {
        self.shared().change(|state| {
            state.tokens.revoked.insert(key.to_owned());
            state.tokens.good.retain(|_, of| of != key);
        });
    }
}
