//! [`Route`]: which endpoint of the TMS a call is for.

use hyper::Method;

/// An endpoint of the TMS (contract 2, design 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// `POST /token`. The key of such a call is the API key in `X-Api-Key`.
    Token,
    /// `GET /api-key/{key}`
    ApiKey,
    /// `GET /tenant`
    List,
    /// `GET /tenant/{tenant}`
    Tenant,
    /// `GET /host/{host}`
    Host,
    /// `POST /tenant`
    Create,
    /// `POST /tenant/{tenant}/activate`
    Activate,
    /// `POST /tenant/{tenant}/suspend`
    Suspend,
    /// `POST /tenant/{tenant}/resume`
    Resume,
    /// `POST /tenant/{tenant}/verify-token`
    VerifyToken,
    /// `GET /changes`
    Changes,
    /// Anything else. The key of such a call is its path.
    Other,
}

impl Route {
    /// The endpoint, and the part of the path that names a tenant, a host or a key.
    pub(super) fn of<'a>(method: &Method, path: &'a str) -> (Self, &'a str) {
        let mut parts = [""; 3];
        for (n, part) in path.trim_start_matches('/').split('/').enumerate() {
            match parts.get_mut(n) {
                Some(place) => *place = part,
                None => return (Self::Other, path),
            }
        }
        match (method.as_str(), parts) {
            ("POST", ["token", "", ""]) => (Self::Token, ""),
            ("GET", ["changes", "", ""]) => (Self::Changes, ""),
            ("GET", ["tenant", "", ""]) => (Self::List, ""),
            ("POST", ["tenant", "", ""]) => (Self::Create, ""),
            ("GET", ["api-key", key, ""]) => (Self::ApiKey, key),
            ("GET", ["tenant", tenant, ""]) => (Self::Tenant, tenant),
            ("GET", ["host", host, ""]) => (Self::Host, host),
            ("POST", ["tenant", tenant, "activate"]) => (Self::Activate, tenant),
            ("POST", ["tenant", tenant, "suspend"]) => (Self::Suspend, tenant),
            ("POST", ["tenant", tenant, "resume"]) => (Self::Resume, tenant),
            ("POST", ["tenant", tenant, "verify-token"]) => (Self::VerifyToken, tenant),
            _ => (Self::Other, path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_endpoint_and_what_it_is_about() {
        for (method, path, route) in [
            (Method::GET, "/tenant", (Route::List, "")),
            (Method::POST, "/tenant", (Route::Create, "")),
            (Method::GET, "/tenant/acme", (Route::Tenant, "acme")),
            (Method::GET, "/host/shop.example", (Route::Host, "shop.example")),
            (Method::POST, "/tenant/acme/resume", (Route::Resume, "acme")),
            (Method::GET, "/tenant/acme/resume", (Route::Other, "/tenant/acme/resume")),
            (Method::GET, "/tenant/a/b/c", (Route::Other, "/tenant/a/b/c")),
            (Method::DELETE, "/tenant/acme", (Route::Other, "/tenant/acme")),
        ] {
            assert_eq!(Route::of(&method, path), route, "{method} {path}");
        }
    }
}
