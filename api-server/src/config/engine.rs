//! The settings of OpenSearch, which are those of the original (contract 1), with safe defaults.

use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use storage::OpenSearchConfig;
use storage::opensearch::{Credentials, EnginePlacement};
use tenant_core::Placement;
use tracing::warn;

use super::StorageConfig;
use super::values::{self, ConfigError, Switch};

const DEFAULT_HOST: &str = "http://localhost:9200";
/// Where a node is that is written without a port.
const PORT: u16 = 9200;
/// The longest name that an index may have is 255 bytes; a kind's name comes after the prefix.
const MAX_PREFIX: usize = 100;

/// The OpenSearch that STORAGE=opensearch keeps data in. The variables are the original's.
#[derive(Args)]
pub(crate) struct EngineArgs {
    /// Where new tenants' data is: shared, in the same indices, or dedicated, in indices of each tenant's own; those that are installed stay where they are.
    #[arg(long, env = "PLACEMENT", default_value = "shared", value_parser = ["shared", "dedicated"])]
    placement: String,
    /// What the names of all indices begin with.
    #[arg(long, env = "OPENSEARCH_PREFIX", default_value = "tenantry")]
    opensearch_prefix: String,
    /// The URLs of some nodes of one cluster, separated by commas [default: http://localhost:9200].
    #[arg(long, env = "ELASTIC_HOST", hide_env_values = true)]
    elastic_host: Option<String>,
    /// The scheme of a host that is written without one: http or https.
    #[arg(long, env = "ELASTIC_SCHEME", default_value = "http", value_parser = ["http", "https"])]
    elastic_scheme: String,
    /// How many seconds one request to a node may take.
    #[arg(long, env = "ELASTIC_QUERY_TIMEOUT", default_value = "12")]
    elastic_query_timeout: NonZeroU32,
    /// How many requests to one node may be under way at once.
    #[arg(long, env = "ELASTIC_MAX_CONN", default_value = "25")]
    elastic_max_conn: NonZeroUsize,
    /// Who logs in there, where there is a password.
    #[arg(long, env = "ELASTIC_HTTP_AUTH_USERNAME", default_value = "elastic")]
    elastic_http_auth_username: String,
    /// The password; without one nobody logs in.
    #[arg(long, env = "ELASTIC_HTTP_AUTH_PASSWORD", hide_env_values = true)]
    elastic_http_auth_password: Option<String>,
    /// A file with that password.
    #[arg(long, env = "ELASTIC_HTTP_AUTH_PASSWORD_FILE")]
    elastic_http_auth_password_file: Option<PathBuf>,
    /// The id of an API key, in place of a password.
    #[arg(long, env = "ELASTIC_API_KEY_ID")]
    elastic_api_key_id: Option<String>,
    /// That API key.
    #[arg(long, env = "ELASTIC_API_KEY", hide_env_values = true)]
    elastic_api_key: Option<String>,
    /// A file with that API key.
    #[arg(long, env = "ELASTIC_API_KEY_FILE")]
    elastic_api_key_file: Option<PathBuf>,
    /// A file (PEM) with the authorities that sign the nodes' certificates, if they are not the system's.
    #[arg(long, env = "ELASTIC_CA_FILE")]
    elastic_ca_file: Option<PathBuf>,
    /// Whether the nodes' certificates are checked: yes or no.
    #[arg(long, env = "ELASTIC_VERIFY_CERTS", default_value = "yes")]
    elastic_verify_certs: Switch,
    /// Whether what is sent to the nodes, and what they answer, is compressed: yes or no.
    #[arg(long, env = "ELASTIC_HTTP_COMPRESS", default_value = "no")]
    elastic_http_compress: Switch,
    /// Into how many shards the indices of events, sessions and profiles are divided when they are made.
    #[arg(long, env = "ELASTIC_INDEX_SHARDS", default_value = "3")]
    elastic_index_shards: NonZeroU32,
    /// How many further copies each shard has [default: 1, or 0 where there is one data node].
    #[arg(long, env = "ELASTIC_INDEX_REPLICAS")]
    elastic_index_replicas: Option<u32>,
    /// Into how many shards the index of all other things is divided when it is made.
    #[arg(long, env = "ELASTIC_CONF_INDEX_SHARDS", default_value = "1")]
    elastic_conf_index_shards: NonZeroU32,
    // The original has these; nothing here does what they say, and whoever sets one is told so.
    #[arg(long, env = "ELASTIC_CLOUD_ID", hide = true)]
    elastic_cloud_id: Option<String>,
    #[arg(long, env = "ELASTIC_SNIFF_ON_START", hide = true)]
    elastic_sniff_on_start: Option<String>,
    #[arg(long, env = "ELASTIC_SNIFF_ON_CONNECTION_FAIL", hide = true)]
    elastic_sniff_on_connection_fail: Option<String>,
    #[arg(long, env = "ELASTIC_SNIFFER_TIMEOUT", hide = true)]
    elastic_sniffer_timeout: Option<String>,
}

impl EngineArgs {
    /// The storage that it is.
    pub(super) fn storage(&self) -> Result<StorageConfig, ConfigError> {
        Ok(StorageConfig::OpenSearch { engine: Box::new(self.config()?) })
    }

    /// The typed settings.
    pub(super) fn config(&self) -> Result<OpenSearchConfig, ConfigError> {
        if given(self.elastic_cloud_id.as_deref()).is_some() {
            let text = "is not supported: name the nodes in ELASTIC_HOST";
            return Err(ConfigError::new("ELASTIC_CLOUD_ID", text));
        }
        let hosts = hosts(self.elastic_host.as_deref().unwrap_or(DEFAULT_HOST), &self.elastic_scheme)?;
        let mut engine = OpenSearchConfig::new(hosts);
        engine.credentials = self.credentials()?;
        engine.authorities = self.elastic_ca_file.as_deref().map(authorities).transpose()?;
        engine.verify_certificates = self.elastic_verify_certs.0;
        engine.prefix = prefix(&self.opensearch_prefix)?;
        engine.shards = self.elastic_index_shards;
        engine.own_shards = self.elastic_index_shards;
        engine.other_shards = self.elastic_conf_index_shards;
        engine.replicas = self.elastic_index_replicas;
        engine.timeout = Duration::from_secs(self.elastic_query_timeout.get().into());
        engine.max_connections = self.elastic_max_conn;
        engine.compress = self.elastic_http_compress.0;
        engine.placement = match self.placement.as_str() {
            "dedicated" => EnginePlacement::Dedicated,
            _ => EnginePlacement::Shared,
        };
        Ok(engine)
    }

    fn credentials(&self) -> Result<Credentials, ConfigError> {
        let secret = |setting: &str, value: Option<&str>, file: Option<&Path>| {
            let secret = values::secret(setting, given(value), file)?;
            Ok(secret.filter(|secret| !secret.expose_secret().is_empty()))
        };
        let password = secret(
            "ELASTIC_HTTP_AUTH_PASSWORD",
            self.elastic_http_auth_password.as_deref(),
            self.elastic_http_auth_password_file.as_deref(),
        )?;
        let key =
            secret("ELASTIC_API_KEY", self.elastic_api_key.as_deref(), self.elastic_api_key_file.as_deref())?;
        let clear = |secret: SecretString| secret.expose_secret().to_owned();
        match (password, given(self.elastic_api_key_id.as_deref()), key) {
            (None, None, None) => Ok(Credentials::None),
            (Some(password), None, None) => Ok(Credentials::Basic {
                username: self.elastic_http_auth_username.clone(),
                password: clear(password),
            }),
            (None, Some(id), Some(key)) => Ok(Credentials::ApiKey { id: id.to_owned(), key: clear(key) }),
            (Some(_), ..) => {
                let text = "is set together with ELASTIC_HTTP_AUTH_PASSWORD: leave one of them out";
                Err(ConfigError::new("ELASTIC_API_KEY", text))
            }
            (None, None, Some(_)) => {
                Err(ConfigError::new("ELASTIC_API_KEY_ID", "is missing for ELASTIC_API_KEY"))
            }
            (None, Some(_), None) => {
                Err(ConfigError::new("ELASTIC_API_KEY", "is missing for ELASTIC_API_KEY_ID"))
            }
        }
    }

    /// Says what is set and does nothing.
    pub(super) fn warn_of_unused(&self, is_used: bool) {
        if !is_used {
            if self.elastic_host.is_some() {
                warn!(
                    "ELASTIC_HOST is set and not used: data is kept in OpenSearch with STORAGE=opensearch alone"
                );
            }
            return;
        }
        for (name, value) in [
            ("ELASTIC_SNIFF_ON_START", &self.elastic_sniff_on_start),
            ("ELASTIC_SNIFF_ON_CONNECTION_FAIL", &self.elastic_sniff_on_connection_fail),
            ("ELASTIC_SNIFFER_TIMEOUT", &self.elastic_sniffer_timeout),
        ] {
            if given(value.as_deref()).is_some() {
                warn!("{name} is set and does nothing: only the nodes in ELASTIC_HOST are asked");
            }
        }
    }
}

/// What a chart leaves empty is not set.
fn given(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.trim().is_empty())
}

/// The URLs of the nodes, each with its scheme and port.
fn hosts(list: &str, scheme: &str) -> Result<Vec<String>, ConfigError> {
    let hosts: Vec<&str> = list.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    if hosts.is_empty() {
        return Err(ConfigError::new("ELASTIC_HOST", "must not be empty"));
    }
    hosts.into_iter().map(|host| url(host, scheme)).collect()
}

/// A URL of a node. Without a port it is 9200, as everywhere with this engine; behind `https://` it is a URL's own, 443.
fn url(host: &str, scheme: &str) -> Result<String, ConfigError> {
    // The value is not told: it may hold a password.
    let wrong = || ConfigError::new("ELASTIC_HOST", "is no list of URLs such as http://localhost:9200");
    if host.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ConfigError::new("ELASTIC_HOST", "is a number: name hosts"));
    }
    let is_secure = host.to_ascii_lowercase().starts_with("https://");
    let text = if host.contains("://") { host.to_owned() } else { format!("{scheme}://{host}") };
    let url: Uri = text.parse().map_err(|_| wrong())?;
    let authority = url.authority().ok_or_else(wrong)?;
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    let bare = authority.as_str().rsplit('@').next().unwrap_or_default();
    let is_port_good = authority.port_u16().is_some() || bare.len() == authority.host().len();
    if !is_http || !is_port_good || authority.host().is_empty() || url.query().is_some() {
        return Err(wrong());
    }
    let scheme = url.scheme_str().unwrap_or(scheme);
    let path = url.path().trim_end_matches('/');
    let port = match authority.port_u16() {
        Some(_) => String::new(),
        None if is_secure => ":443".to_owned(),
        None => format!(":{PORT}"),
    };
    Ok(format!("{scheme}://{authority}{port}{path}/"))
}

/// The settings as they count, secrets hidden.
pub(crate) fn settings(engine: &OpenSearchConfig) -> Vec<(&'static str, String)> {
    let switch = |on: bool| if on { "yes" } else { "no" }.to_owned();
    let mut rows = vec![
        ("STORAGE", "opensearch".to_owned()),
        ("PLACEMENT", placement(engine).as_str().to_owned()),
        ("OPENSEARCH_PREFIX", engine.prefix.clone()),
        ("ELASTIC_HOST", shown_hosts(engine)),
        ("ELASTIC_QUERY_TIMEOUT", engine.timeout.as_secs().to_string()),
        ("ELASTIC_MAX_CONN", engine.max_connections.to_string()),
        ("ELASTIC_CA_FILE", if engine.authorities.is_some() { "(read)" } else { "" }.to_owned()),
        ("ELASTIC_VERIFY_CERTS", switch(engine.verify_certificates)),
        ("ELASTIC_HTTP_COMPRESS", switch(engine.compress)),
        ("ELASTIC_INDEX_SHARDS", engine.shards.to_string()),
        ("ELASTIC_INDEX_REPLICAS", engine.replicas.map(|copies| copies.to_string()).unwrap_or_default()),
        ("ELASTIC_CONF_INDEX_SHARDS", engine.other_shards.to_string()),
    ];
    match &engine.credentials {
        Credentials::None => {}
        Credentials::Basic { username, .. } => rows.extend([
            ("ELASTIC_HTTP_AUTH_USERNAME", username.clone()),
            ("ELASTIC_HTTP_AUTH_PASSWORD", "(set)".to_owned()),
        ]),
        Credentials::ApiKey { id, .. } => {
            rows.extend([("ELASTIC_API_KEY_ID", id.clone()), ("ELASTIC_API_KEY", "(set)".to_owned())]);
        }
    }
    rows
}

/// What is recorded of tenants that are installed now.
pub(crate) fn placement(engine: &OpenSearchConfig) -> Placement {
    match engine.placement {
        EnginePlacement::Shared => Placement::Shared,
        EnginePlacement::Dedicated => Placement::Dedicated,
    }
}

/// The nodes, without what their URLs may hide.
pub(crate) fn shown_hosts(engine: &OpenSearchConfig) -> String {
    engine.hosts.iter().map(|url| without_userinfo(url)).collect::<Vec<_>>().join(",")
}

/// A URL as it may be shown.
fn without_userinfo(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://(hidden)@{rest}"),
        None => url.to_owned(),
    }
}

fn authorities(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let wrong = |text: String| ConfigError::new("ELASTIC_CA_FILE", text);
    let pem = fs::read(path).map_err(|fault| wrong(format!("cannot read {}: {fault}", path.display())))?;
    if String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Ok(pem);
    }
    Err(wrong(format!("{} holds no certificate in PEM", path.display())))
}

/// What an index may be called, so that a start does not end with the engine's words.
fn prefix(text: &str) -> Result<String, ConfigError> {
    let may_be =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let is_good = text.len() <= MAX_PREFIX
        && text.bytes().all(may_be)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if is_good {
        return Ok(text.to_owned());
    }
    let text = format!("use up to {MAX_PREFIX} of a-z, 0-9, - and _, a letter or digit first");
    Err(ConfigError::new("OPENSEARCH_PREFIX", text))
}

/// What is allowed, and not safe.
pub(crate) fn warn_of_risks(engine: &OpenSearchConfig) {
    if !engine.verify_certificates && engine.hosts.iter().any(|url| url.starts_with("https://")) {
        warn!(
            "ELASTIC_VERIFY_CERTS is off: anybody between here and the engine can read and change everything; use \
             ELASTIC_CA_FILE for an authority of your own"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Result<Vec<String>, String> {
        hosts(list, "http").map_err(|error| error.to_string())
    }

    #[test]
    fn hosts_get_what_they_are_written_without() {
        for (written, url) in [
            ("http://localhost:9200", "http://localhost:9200/"),
            ("http://es", "http://es:9200/"),
            ("https://search.example", "https://search.example:443/"),
            ("HTTPS://search.example:9200/", "https://search.example:9200/"),
            ("es", "http://es:9200/"),
            ("es:9201", "http://es:9201/"),
            ("127.0.0.1", "http://127.0.0.1:9200/"),
            ("http://[::1]", "http://[::1]:9200/"),
            ("http://es:80", "http://es:80/"),
            ("https://proxy.example/search", "https://proxy.example:443/search/"),
            ("http://me:secret@es", "http://me:secret@es:9200/"),
        ] {
            assert_eq!(read(written), Ok(vec![url.to_owned()]), "{written}");
        }
        assert_eq!(read("a, b:1 ,"), Ok(vec!["http://a:9200/".to_owned(), "http://b:1/".to_owned()]));
        assert_eq!(hosts("es", "https"), Ok(vec!["https://es:9200/".to_owned()]));
    }

    #[test]
    fn a_host_that_cannot_be_is_refused_and_not_told() {
        for list in [
            "",
            " , ",
            "9200",
            "a,9200",
            "ftp://a",
            "http://",
            "http://a:x",
            "http://a:99999",
            "a b",
            "http://a?b=c",
            "http://a:",
        ] {
            let error = read(list).expect_err(list);
            assert!(error.starts_with("ELASTIC_HOST: "), "{error}");
        }
        assert!(!read("http://me:secret@es:x").expect_err("no port").contains("secret"));
        assert_eq!(without_userinfo("http://me:secret@es:9200/"), "http://(hidden)@es:9200/");
        assert_eq!(without_userinfo("http://es:9200/"), "http://es:9200/");
    }

    #[test]
    fn a_prefix_is_the_start_of_an_indexs_name() {
        for good in ["tenantry", "a", "9", "my_platform-2"] {
            assert!(prefix(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "A", "a.b", "a*", "a,b", "a/b", &"a".repeat(101)] {
            assert!(prefix(bad).is_err(), "{bad}");
        }
    }
}
