//! What becomes of a resolved request: it is handed on with what was found, or answered.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use crate::current::{CurrentTenant, Resolution};
use crate::reject::Rejection;
use crate::resolve::Resolved;

type Exempt = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;
type OnReject = Arc<dyn Fn(&Rejection, &Parts) -> Option<Response<Bytes>> + Send + Sync>;

/// Who is let through unresolved, and who renders a refusal. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Admission {
    pub(crate) exempt: Option<Exempt>,
    pub(crate) on_reject: Option<OnReject>,
}

impl Admission {
    /// Puts what was found into the request's extensions.
    ///
    /// # Errors
    /// The answer, if no handler may see the request.
    pub(crate) fn decide(&self, resolved: Resolved, parts: &mut Parts) -> Result<(), Box<Response<Bytes>>> {
        record(&resolved);
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
            Err(rejection) => {
                let own = self.on_reject.as_ref().and_then(|render| render(&rejection, parts));
                Err(Box::new(own.unwrap_or_else(|| rejection.response(parts))))
            }
        }
    }
}

/// Fills in the field `tenant.id` of the current span, if it has one.
fn record(resolved: &Resolved) {
    let known = match resolved {
        Ok(current) => Some(*current.active().id()),
        Err(rejection) => rejection.tenant().map(|tenant| tenant.id()),
    };
    if let Some(id) = known {
        tracing::Span::current().record("tenant.id", tracing::field::display(id));
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("exempt", &self.exempt.is_some())
            .field("on_reject", &self.on_reject.is_some())
            .finish()
    }
}
