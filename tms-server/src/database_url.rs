//! What a `DATABASE_URL` names, and what of it may be shown: it can hold a password.

use std::str::FromStr as _;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::config::ConfigError;

/// The databases that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// The parameters of a PostgreSQL URL that mean something. Another one would be ignored, and logged with its value.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Which database the URL names.
///
/// # Errors
/// If it names none that is supported. The message has nothing of the URL but its scheme.
pub(crate) fn kind(url: &SecretString) -> Result<Kind, ConfigError> {
    let url = url.expose_secret();
    match url.split_once(':') {
        Some(("sqlite", _)) => Ok(Kind::Sqlite),
        Some(("postgres" | "postgresql", rest)) => postgres(url, rest).map(|_| Kind::Postgres),
        // What stands before a colon without a scheme may be a part of a password.
        Some((scheme, rest)) if rest.starts_with("//") => {
            Err(ConfigError::Scheme { scheme: scheme.to_owned() })
        }
        _ => Err(ConfigError::Scheme { scheme: String::new() }),
    }
}

/// The URL without its password.
pub(crate) fn shown(url: &SecretString) -> String {
    let url = url.expose_secret();
    let (scheme, options) = match url.split_once(':') {
        Some(("sqlite", _)) => return url.to_owned(),
        Some((scheme @ ("postgres" | "postgresql"), rest)) => (scheme, postgres(url, rest)),
        _ => return "(not valid)".to_owned(),
    };
    let Ok(options) = options else { return "(not valid)".to_owned() };
    let host = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let (user, port) = (options.get_username(), options.get_port());
    format!("{scheme}://{user}@{host}:{port}/{}", options.get_database().unwrap_or(user))
}

/// Whether the URL has a password in it.
pub(crate) fn holds_password(url: &SecretString) -> bool {
    match url.expose_secret().split_once("://") {
        None | Some(("sqlite", _)) => false,
        Some((_, rest)) => {
            let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
            user.contains(':') || rest.contains("password=")
        }
    }
}

fn postgres(url: &str, rest: &str) -> Result<PgConnectOptions, ConfigError> {
    let refuse = |why| Err(ConfigError::DatabaseUrl { why });
    let Some(rest) = rest.strip_prefix("//") else { return refuse("it has no // after its scheme") };
    let path = rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]);
    // Then a password has a character that ends the host, and a part of it would be shown as something else.
    if path.contains('@') {
        return refuse("special characters in a user's name or password must be percent-encoded");
    }
    let query = path.split_once('?').map_or("", |(_, query)| query);
    for pair in query.split(['&', '#']).filter(|pair| !pair.is_empty()) {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        if !PARAMETERS.contains(&name) && !name.starts_with("options[") {
            return refuse("it has a parameter that is not known");
        }
    }
    PgConnectOptions::from_str(url)
        .or_else(|_| refuse("it is no postgres://user:password@host:port/database"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, expected) in [
            ("sqlite://./data/tms/tms.db", "sqlite://./data/tms/tms.db"),
            ("postgres://tms:pass-word@db:5433/main", "postgres://tms@db:5433/main"),
            ("postgresql://tms:pass%2F%40word@db/main?sslmode=require", "postgresql://tms@db:5432/main"),
            ("postgres://tms@db/main?password=pass-word", "postgres://tms@db:5432/main"),
            ("postgres://tms:pass@word@db/main", "postgres://tms@db:5432/main"),
            ("postgres://%2Frun%2Fpg/main?user=tms", "postgres://tms@/run/pg:5432/main"),
        ] {
            assert!(kind(&url.into()).is_ok(), "{url}");
            assert_eq!(shown(&url.into()), expected);
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for url in [
            "postgres://tms:pass-/word@db/main",
            "postgres://tms:12?pass-word@db/main",
            "postgres://tms:12#pass-word@db/main",
            "postgres://tms:pass-word@db:port/main",
            "postgres:tms:pass-word@db",
            "postgres://tms:pass-word@db/main?passwort=pass-word",
            "tms:pass-word@db/main",
            "mysql://tms:pass-word@db/main",
            "pass-word",
        ] {
            let refused = kind(&url.into()).expect_err(url);
            for text in [format!("{refused} {refused:?}"), shown(&url.into())] {
                assert!(!text.contains("pass-") && !text.contains("12"), "{text}");
            }
        }
    }
}
