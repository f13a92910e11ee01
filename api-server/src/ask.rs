//! `/ask?domain=` on the operator's listener: may a certificate be had for this domain? Caddy asks so before it gets one on
//! demand (`on_demand_tls`, `ask`).

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tenant_core::{ErrorBody, FieldError, Host, Tenant};
use tenant_router::{Rejection, RejectionKind, TenantLayer};

use crate::config::Tenancy;
use crate::directory::Directory;
use crate::error::{ApiError, error_response};
use crate::routes::refuse;

/// Who is asked.
#[derive(Clone)]
pub(crate) struct Ask {
    tenants: TenantLayer<Directory>,
    trust: Trust,
}

/// Which of the hosts that name a tenant may have a certificate: there must not be any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Base domains are set: those that the rules find.
    Rules,
    /// None are set, so whoever points a domain here can put any name before it: own domains alone.
    OwnDomains,
    /// Every host is the one tenant: nobody's.
    Nothing,
}

/// The query.
#[derive(Deserialize)]
pub(crate) struct Question {
    domain: Option<String>,
}

impl Ask {
    pub(crate) fn new(tenancy: &Tenancy, tenants: TenantLayer<Directory>) -> Self {
        let trust = match tenancy {
            Tenancy::Single { .. } => Trust::Nothing,
            Tenancy::Multi(tms) if tms.base_domains.is_empty() => Trust::OwnDomains,
            Tenancy::Multi(_) => Trust::Rules,
        };
        Self { tenants, trust }
    }

    /// 200 for a base domain, and for a host of a tenant that exists and is not being removed, served or not; 404 for any
    /// other; 503 where it cannot be told.
    pub(crate) async fn answer(self, Query(question): Query<Question>) -> Response {
        let Some(domain) = question.domain.filter(|domain| !domain.is_empty()) else {
            let (kind, loc) = ("missing".to_owned(), vec!["query".into(), "domain".into()]);
            let missing = FieldError { kind, loc, msg: "Field required".to_owned() };
            return ApiError::invalid(vec![missing]).into_response();
        };
        if self.trust == Trust::Nothing {
            return nobodys("tenant_unknown", "MULTI_TENANT is off: no domain is a tenant's.");
        }
        let host = match domain.parse::<Host>() {
            Ok(host) => host,
            Err(fault) => return nobodys("host_invalid", format!("Bad host: {fault}.")),
        };
        match self.tenants.find(&host).await {
            Ok(current) => self.of_tenant(&host, current.tenant()),
            Err(rejection) => self.of_refused(&host, &rejection),
        }
    }

    fn of_refused(&self, host: &Host, rejection: &Rejection) -> Response {
        match (rejection.kind(), rejection.tenant()) {
            (RejectionKind::BareBaseDomain, _) => StatusCode::OK.into_response(),
            (RejectionKind::Unavailable { .. }, _) => refuse(rejection),
            (
                RejectionKind::Pending | RejectionKind::Suspended { .. } | RejectionKind::Expired,
                Some(tenant),
            ) => self.of_tenant(host, tenant),
            _ => nobodys_as(rejection.error_body()),
        }
    }

    fn of_tenant(&self, host: &Host, tenant: &Tenant) -> Response {
        if self.trust == Trust::Rules || tenant.hosts.iter().any(|own| own == host.as_str()) {
            StatusCode::OK.into_response()
        } else {
            nobodys("host_invalid", "Without BASE_DOMAINS, a tenant's own domains alone are its.")
        }
    }
}

fn nobodys(code: &'static str, detail: impl Into<String>) -> Response {
    nobodys_as(ErrorBody::text(404, code, detail))
}

/// Caddy wants to know yes or no: what is refused for any reason is not found.
fn nobodys_as(mut body: ErrorBody) -> Response {
    body.status = StatusCode::NOT_FOUND.as_u16();
    error_response(body)
}
