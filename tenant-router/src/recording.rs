//! A directory that keeps what another one answered, for an explanation.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenant_core::{Cached, Lookup, TenantDirectory, TenantKey, TenantRef};

use crate::explanation::{Effect, Rule, Step};

/// Asks the directory within, and keeps what it says.
pub(crate) struct Recording<D> {
    directory: Arc<D>,
    heard: Mutex<Vec<Step>>,
}

impl<D: TenantDirectory> Recording<D> {
    pub(crate) fn of(directory: Arc<D>) -> Self {
        Self { directory, heard: Mutex::default() }
    }

    /// What it was asked and said, in order.
    pub(crate) fn take(&self) -> Vec<Step> {
        std::mem::take(&mut self.heard())
    }

    /// The same thing twice in a row is told once: memory is looked into again before anybody is asked.
    fn keep(&self, steps: impl IntoIterator<Item = Step>) {
        let mut heard = self.heard();
        for step in steps {
            if !heard.contains(&step) {
                heard.push(step);
            }
        }
    }

    fn heard(&self) -> MutexGuard<'_, Vec<Step>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: TenantDirectory> TenantDirectory for Recording<D> {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        let cached = self.directory.cached(key);
        let (effect, said, tenant) = match &cached {
            Cached::Known(tenant) => (Effect::Holds, "known and fresh", Some(tenant)),
            Cached::RefreshDue(tenant) => (Effect::Unclear, "known, due to be confirmed", Some(tenant)),
            Cached::Unknown => (Effect::Holds, "known to be nobody's", None),
            Cached::Miss => (Effect::Absent, "nothing is known", None),
        };
        let step = Step::new(Rule::Memory, effect, about(key, said, tenant));
        let spelling = match &cached {
            Cached::Known(tenant) => Some(spelling(key, tenant)),
            Cached::RefreshDue(_) | Cached::Unknown | Cached::Miss => None,
        };
        self.keep([step].into_iter().chain(spelling));
        cached
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        let found = self.directory.find(key).await;
        let (effect, said, tenant) = match &found {
            Lookup::Known(tenant) => (Effect::Holds, "known".to_owned(), Some(tenant)),
            Lookup::Unknown => (Effect::Holds, "nobody's".to_owned(), None),
            Lookup::Unavailable { retry_after } => {
                (Effect::Unclear, format!("cannot be asked; again in {} s", retry_after.as_secs_f32()), None)
            }
        };
        let step = Step::new(Rule::Directory, effect, about(key, &said, tenant));
        self.keep([step].into_iter().chain(tenant.map(|tenant| spelling(key, tenant))));
        found
    }
}

fn about(key: &TenantKey<'_>, said: &str, tenant: Option<&TenantRef>) -> String {
    let asked = match key {
        TenantKey::Label { id, .. } => format!("id {id}"),
        TenantKey::Domain(domain) => format!("own domain {domain}"),
    };
    match tenant {
        Some(tenant) => format!("{asked}: {said}, tenant {}", tenant.name),
        None => format!("{asked}: {said}"),
    }
}

/// Whether the tenant that was found answers to what was asked for.
fn spelling(key: &TenantKey<'_>, tenant: &TenantRef) -> Step {
    let asked = match key {
        TenantKey::Label { label, .. } => label.as_str(),
        TenantKey::Domain(domain) => domain,
    };
    if key.names(tenant) {
        return Step::new(Rule::Spelling, Effect::Holds, format!("{asked} names it"));
    }
    let text = match key {
        TenantKey::Label { id, .. } => {
            format!("{asked} is another spelling: its name is {}, its bare id {id}", tenant.name)
        }
        TenantKey::Domain(_) => format!("{asked} is not among its own domains"),
    };
    Step::new(Rule::Spelling, Effect::Ignored, text)
}
