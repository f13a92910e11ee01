//! How single settings are written: switches, times, sizes, addresses, secrets.

use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use secrecy::SecretString;

/// A setting that cannot be used. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct ConfigError {
    setting: String,
    reason: String,
}

impl ConfigError {
    pub(crate) fn new(setting: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { setting: setting.into(), reason: reason.to_string() }
    }
}

/// A switch as the original writes it, in any case; anything else fails at start (contract 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) bool);

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" => Ok(Self(true)),
            "no" | "off" | "false" => Ok(Self(false)),
            _ => Err(format!("Invalid value for boolean setting: {text} (use yes or no)")),
        }
    }
}

/// An address to listen on, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bind(pub(crate) Option<SocketAddr>);

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        text.parse()
            .map(|address| Self(Some(address)))
            .map_err(|_| "use an address such as 127.0.0.1:8686, or off".to_owned())
    }
}

/// A time: a number with `s`, `m`, `h` or `d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "use a number with s, m, h or d, such as 60s".to_owned())
}

/// A size in bytes: a number, with `KiB` or `MiB` and so on.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let bytes = text.parse::<bytesize::ByteSize>().ok().map(|size| size.as_u64());
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| "use a size such as 8MiB".to_owned())
}

/// A header as it is sent: `Name: value`.
pub(crate) fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let split = text.split_once(':').and_then(|(name, value)| {
        let name = name.parse::<HeaderName>().ok()?;
        let value = HeaderValue::from_bytes(value.trim_matches([' ', '\t']).as_bytes()).ok()?;
        Some((name, value))
    });
    split.ok_or_else(|| "use a header such as 'X-Forwarded-Host: company-x.your-domain.com'".to_owned())
}

/// Networks, or addresses, which are networks of one; an empty list is none.
pub(crate) fn networks(setting: &str, given: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let given = given.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let read = |text: &str| {
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network
            .ok_or_else(|| ConfigError::new(setting, format!("`{text}`: use a network such as 10.0.0.0/8")))
    };
    given.map(read).collect()
}

/// A URL that a client can call.
pub(crate) fn check_url(setting: &str, url: &str) -> Result<(), ConfigError> {
    let parsed = url.parse::<Uri>().ok();
    let callable = parsed
        .is_some_and(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some());
    if callable { Ok(()) } else { Err(ConfigError::new(setting, "is not a valid URL: use http://host:port")) }
}

/// A secret that is given as it is, or in a file of which the last line break does not count.
pub(crate) fn secret(
    setting: &str,
    given: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<SecretString>, ConfigError> {
    match (given, file) {
        (Some(_), Some(_)) => Err(ConfigError::new(
            setting,
            format!("is set together with {setting}_FILE: leave one of them out"),
        )),
        (Some(given), None) => Ok(Some(SecretString::from(given))),
        (None, None) => Ok(None),
        (None, Some(path)) => {
            let failed =
                |fault| ConfigError::new(format!("{setting}_FILE"), format!("cannot read the file: {fault}"));
            let text = fs::read_to_string(path).map_err(failed)?;
            Ok(Some(SecretString::from(text.trim_end_matches(['\r', '\n']))))
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_switch_takes_the_words_of_the_original_and_no_other() {
        for (text, value) in
            [("yes", true), ("ON", true), ("True", true), ("no", false), ("off", false), ("FALSE", false)]
        {
            assert_eq!(text.parse(), Ok(Switch(value)));
        }
        for text in ["", "1", "y", "maybe"] {
            assert!(text.parse::<Switch>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_sizes_and_addresses() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert!(duration("60").is_err() && duration("soon").is_err());
        assert_eq!(size("8MiB"), Ok(8 << 20));
        assert_eq!("off".parse(), Ok(Bind(None)));
        assert!("8686".parse::<Bind>().is_err());
        let (name, value) = header("X-Tenant:  company-x ").expect("a header");
        assert_eq!((name.as_str(), value.as_bytes()), ("x-tenant", &b"company-x"[..]));
        assert!(header("X-Tenant").is_err() && header("X Tenant: x").is_err() && header("X: a\nb").is_err());
        assert!(check_url("X", "http://tms:8383").is_ok());
        assert!(check_url("X", "tms:8383").is_err());
    }

    #[test]
    fn networks_may_be_single_addresses_and_none_at_all() {
        let read = |texts: &[&str]| {
            let given: Vec<String> = texts.iter().map(ToString::to_string).collect();
            networks("X", &given).map(|nets| nets.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(read(&["", " "]), Ok(vec![]));
        let some = ["10.0.0.0/8", " fd00::/8", "192.0.2.1", "::1"];
        assert_eq!(read(&some).expect("networks"), ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32", "::1/128"]);
        assert_eq!(
            read(&["proxy"]).expect_err("a name").to_string(),
            "X: `proxy`: use a network such as 10.0.0.0/8"
        );
    }

    #[test]
    fn a_secret_may_be_in_a_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "s3cret\n").expect("written");
        let read = secret("KEY", None, Some(file.path())).expect("read").expect("there");
        assert_eq!(read.expose_secret(), "s3cret");
        let error = secret("KEY", Some("s3cret"), Some(file.path())).expect_err("both");
        assert!(!error.to_string().contains("s3cret"));
    }
}
