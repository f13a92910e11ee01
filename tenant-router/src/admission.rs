//! What becomes of a resolved request: it is handed on with what was found, or answered.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, Response};
use tenant_core::TenantId;

use crate::answer::OnReject;
use crate::current::{CurrentTenant, Resolution, Resolved};
use crate::outcomes::Outcomes;

type Exempt = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

/// Who is let through unresolved, and who renders a refusal. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Admission {
    pub(crate) exempt: Option<Exempt>,
    pub(crate) on_reject: Option<OnReject>,
    pub(crate) outcomes: Outcomes,
}

impl Admission {
    /// Puts the tenant into the extensions of a request that is not exempt.
    pub(crate) fn admit(&self, current: CurrentTenant, extensions: &mut Extensions) {
        record(current.active().id());
        self.outcomes.served();
        extensions.insert(current);
    }

    /// Puts what was found into the request's extensions.
    ///
    /// # Errors
    /// The answer, if no handler may see the request.
    pub(crate) fn decide(&self, resolved: Resolved, parts: &mut Parts) -> Result<(), Box<Response<Bytes>>> {
        record_known(&resolved);
        self.outcomes.count(&resolved);
        let exempt = self.exempt.as_ref().is_some_and(|exempt| exempt(parts));
        match resolved {
            Ok(current) => {
                if exempt {
                    parts.extensions.insert(Resolution(Ok(current.clone())));
                }
                parts.extensions.insert(current);
                Ok(())
            }
            Err(rejection) if exempt => {
                // Another layer further out may have left one.
                parts.extensions.remove::<CurrentTenant>();
                parts.extensions.insert(Resolution(Err(rejection)));
                Ok(())
            }
            Err(rejection) => Err(rejection.rendered(self.on_reject.as_ref(), parts)),
        }
    }
}

/// Fills in the field `tenant.id` of the current span with a tenant that is known, served or not.
fn record_known(resolved: &Resolved) {
    match resolved {
        Ok(current) => record(current.active().id()),
        Err(rejection) => {
            if let Some(tenant) = rejection.tenant() {
                record(&tenant.id());
            }
        }
    }
}

/// Fills in the field `tenant.id` of the current span, if it has one.
fn record(id: &TenantId) {
    tracing::Span::current().record("tenant.id", tracing::field::display(id));
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("exempt", &self.exempt.is_some())
            .field("on_reject", &self.on_reject.is_some())
            .finish()
    }
}
