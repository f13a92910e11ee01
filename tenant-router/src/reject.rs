//! [`Rejection`]: why a request reaches no handler, and what that means in HTTP.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use tenant_core::{ErrorBody, Host, TenantId, TenantRef};

use crate::bad_host::BadHost;

/// When a client may ask again for a tenant whose install has not finished.
const PENDING_RETRY: Duration = Duration::from_secs(5);

/// Why a request was refused, or would have been.
///
/// Its `Display` is the text that the client reads.
#[derive(Debug, Clone)]
pub struct Rejection(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: RejectionKind,
    host: Option<Host>,
    id: Option<TenantId>,
    tenant: Option<TenantRef>,
}

/// The kinds of [`Rejection`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectionKind {
    /// The request does not say which host it asks for.
    BadHost(BadHost),
    /// The host is not one that the connection's certificate is good for (RFC 9110 section 15.5.20): the client may ask
    /// again over another connection.
    Misdirected,
    /// The host is a base domain itself.
    BareBaseDomain,
    /// The host is under no base domain, and nobody's own.
    Foreign,
    /// There is no such tenant.
    Unknown {
        /// The letters and digits of the label; the id, where that is one.
        id: String,
    },
    /// The tenant's install has not finished.
    Pending,
    /// The tenant is suspended.
    Suspended {
        /// What its visitors may be told.
        public_reason: Option<String>,
    },
    /// The tenant's time is over.
    Expired,
    /// The tenant is being removed; for a client there is no such tenant.
    Deleting,
    /// The directory could not be asked.
    Unavailable {
        /// When asking again may help.
        retry_after: Duration,
    },
    /// More requests a second than a limit allows.
    RateLimited {
        /// Whose limit it is.
        scope: LimitScope,
        /// When it will allow one more.
        retry_after: Duration,
    },
    /// More requests at once than a limit allows.
    ConcurrencyLimited {
        /// Whose limit it is.
        scope: LimitScope,
        /// When asking again may help.
        retry_after: Duration,
    },
    /// A larger body than a limit allows.
    BodyTooLarge {
        /// How many bytes it may have.
        limit: u64,
    },
}

/// Whose limit it is that refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitScope {
    /// The client address's.
    Address,
    /// The tenant's.
    Tenant,
    /// That of all requests together.
    Total,
}

impl Rejection {
    pub(crate) fn new(kind: RejectionKind) -> Self {
        Self(Box::new(Inner { kind, host: None, id: None, tenant: None }))
    }

    pub(crate) fn with_host(mut self, host: Option<Host>) -> Self {
        self.0.host = host;
        self
    }

    pub(crate) fn with_id(mut self, id: Option<TenantId>) -> Self {
        self.0.id = id;
        self
    }

    pub(crate) fn with_tenant(mut self, tenant: TenantRef) -> Self {
        self.0.id = Some(tenant.id());
        self.0.tenant = Some(tenant);
        self
    }

    /// What sort of refusal it is.
    pub fn kind(&self) -> &RejectionKind {
        &self.0.kind
    }

    /// The host that the request asked for, where one could be read.
    pub fn host(&self) -> Option<&Host> {
        self.0.host.as_ref()
    }

    /// The id that the request asked for: the tenant's, or that of the host's label where no tenant is known.
    pub fn id(&self) -> Option<&TenantId> {
        self.0.id.as_ref()
    }

    /// The tenant, where it is known but not served: a pending one can be finished by an exempt handler.
    pub fn tenant(&self) -> Option<&TenantRef> {
        self.0.tenant.as_ref()
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self.kind() {
            RejectionKind::BadHost(_) | RejectionKind::BareBaseDomain | RejectionKind::Foreign => {
                StatusCode::BAD_REQUEST
            }
            RejectionKind::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            RejectionKind::Unknown { .. } | RejectionKind::Deleting => StatusCode::NOT_FOUND,
            RejectionKind::Suspended { .. } | RejectionKind::Expired => StatusCode::FORBIDDEN,
            RejectionKind::Pending | RejectionKind::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            RejectionKind::RateLimited { .. } | RejectionKind::ConcurrencyLimited { .. } => {
                StatusCode::TOO_MANY_REQUESTS
            }
            RejectionKind::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// When asking again may help; `None` where it will not.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            RejectionKind::Pending => Some(PENDING_RETRY),
            RejectionKind::Unavailable { retry_after }
            | RejectionKind::RateLimited { retry_after, .. }
            | RejectionKind::ConcurrencyLimited { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// The body of the answer.
    pub fn error_body(&self) -> ErrorBody {
        ErrorBody::text(self.status().as_u16(), self.code(), self.to_string())
    }

    pub(crate) fn code(&self) -> &'static str {
        match self.kind() {
            RejectionKind::BadHost(_) | RejectionKind::BareBaseDomain | RejectionKind::Foreign => {
                "host_invalid"
            }
            RejectionKind::Misdirected => "host_misdirected",
            RejectionKind::Unknown { .. } | RejectionKind::Deleting => "tenant_unknown",
            RejectionKind::Pending => "tenant_pending",
            RejectionKind::Suspended { .. } => "tenant_suspended",
            RejectionKind::Expired => "tenant_expired",
            RejectionKind::Unavailable { .. } => "tenant_unavailable",
            RejectionKind::RateLimited { .. } => "rate_limited",
            RejectionKind::ConcurrencyLimited { .. } => "concurrency_limited",
            RejectionKind::BodyTooLarge { .. } => "body_too_large",
        }
    }

    fn id_text(&self) -> &str {
        self.id().map_or("", TenantId::as_str)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public_reason = || self.tenant().and_then(|tenant| tenant.public_reason.as_deref());
        match self.kind() {
            RejectionKind::BadHost(why) => write!(f, "Bad host: {why}."),
            RejectionKind::Misdirected => f.write_str("This connection's certificate is not for this host."),
            RejectionKind::BareBaseDomain => f.write_str("This host is the base domain, not a tenant's."),
            RejectionKind::Foreign => f.write_str("This host is no tenant's."),
            RejectionKind::Unknown { id } => write!(f, "Tenant [{id}] not allowed."),
            RejectionKind::Deleting => write!(f, "Tenant [{}] not allowed.", self.id_text()),
            RejectionKind::Pending => write!(f, "Tenant [{}] is not ready yet.", self.id_text()),
            RejectionKind::Suspended { public_reason } => {
                f.write_str(public_reason.as_deref().unwrap_or("This tenant is suspended."))
            }
            RejectionKind::Expired => f.write_str(public_reason().unwrap_or("This tenant has expired.")),
            RejectionKind::Unavailable { .. } => {
                f.write_str("It cannot be told at the moment whose host this is. Try again.")
            }
            RejectionKind::RateLimited { scope, .. } => write!(f, "Too many requests{scope}."),
            RejectionKind::ConcurrencyLimited { scope, .. } => write!(f, "Too many requests at once{scope}."),
            RejectionKind::BodyTooLarge { limit } => write!(f, "The body is larger than {limit} bytes."),
        }
    }
}

impl std::error::Error for Rejection {}

/// How the text of a refusal goes on.
impl fmt::Display for LimitScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => " from this address",
            Self::Tenant => " for this tenant",
            Self::Total => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use tenant_core::{Incarnation, Tenant};

    use super::*;

    #[test]
    fn an_expired_tenant_is_told_its_public_reason() {
        let mut tenant = Tenant::new("company-x".parse().unwrap(), Incarnation::fixed("x"));
        let expired = |tenant: &Tenant| {
            Rejection::new(RejectionKind::Expired).with_tenant(tenant.clone().into()).to_string()
        };
        assert_eq!(expired(&tenant), "This tenant has expired.");
        tenant.public_reason = Some("The trial is over.".into());
        assert_eq!(expired(&tenant), "The trial is over.");
    }

    #[test]
    fn a_rejection_is_small_enough_to_be_an_error() {
        assert_eq!(size_of::<Rejection>(), size_of::<usize>());
    }
}
