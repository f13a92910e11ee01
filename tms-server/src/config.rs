//! [`Config`]: what the service is started with, and [`Cli`]: how the program gets it. The only file of the crate that
//! reads the environment.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use tenant_core::{Host, NamePolicy, TenantId};
use tracing::Level;

/// The port of the contract.
const PORT: u16 = 8383;

/// What the service is started with.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes any free one. Default `127.0.0.1:8383`.
    pub bind: SocketAddr,
    /// Where records and keys are kept: `sqlite://<path>`. Folder and file are made where missing.
    pub database_url: String,
    /// An operator key of any form, compared in memory and never stored. Empty counts as none.
    pub api_key: Option<SecretString>,
    /// What access tokens are signed with. Without it, or if it is empty, one is generated once and kept in the database.
    pub secret: Option<SecretString>,
    /// The domains whose labels are tenants: hosts at or under them are nobody's own.
    pub base_domains: Vec<Host>,
    /// Which names a new tenant may have.
    pub names: NamePolicy,
}

impl Config {
    /// A configuration with a database and the defaults.
    pub fn new(database_url: impl Into<String>) -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, PORT).into(),
            database_url: database_url.into(),
            api_key: None,
            secret: None,
            base_domains: Vec::new(),
            names: NamePolicy::default(),
        }
    }

    /// Whether this build has what the configuration asks for.
    ///
    /// # Errors
    /// If the database is none that is supported.
    pub fn check(&self) -> Result<(), ConfigError> {
        match self.database_url.split_once(':') {
            Some(("sqlite", _)) => Ok(()),
            Some((scheme, _)) => Err(ConfigError::Scheme { scheme: scheme.to_owned() }),
            None => Err(ConfigError::Scheme { scheme: String::new() }),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL of another database could hold a password.
        f.debug_struct("Config")
            .field("bind", &self.bind)
            .field("base_domains", &self.base_domains)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A database that this build does not know.
    #[error("DATABASE_URL must begin with sqlite:, and not with '{scheme}:'")]
    Scheme {
        /// What it begins with; empty if it is no URL.
        scheme: String,
    },
    /// A secret is given in two ways.
    #[error("set either {variable} or {variable}_FILE, not both")]
    TwoSources {
        /// The variable.
        variable: &'static str,
    },
    /// The file of a secret cannot be read.
    #[error("cannot read {} (from {variable}_FILE)", .path.display())]
    SecretFile {
        /// The variable without its suffix.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// The file of a secret is empty.
    #[error("{} (from {variable}_FILE) is empty", .path.display())]
    EmptySecretFile {
        /// The variable without its suffix.
        variable: &'static str,
        /// The file.
        path: PathBuf,
    },
}

/// The command line of `tms-server`. Every setting is a flag and an environment variable.
#[derive(Debug, Parser)]
#[command(
    name = "tms-server",
    version,
    about = "The tenant management service: registers, activates and suspends tenants"
)]
pub struct Cli {
    /// What to do; `serve` where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    variables: Variables,
}

/// What `tms-server` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or ctrl-c (the default)
    Serve,
    /// Print the effective settings with secrets hidden; fails if one is wrong
    CheckConfig,
}

// Fields are named after their variables, so that clap's messages name those.
#[derive(Debug, Args)]
struct Variables {
    /// Where to listen; port 0 takes any free one
    #[arg(long, env, global = true, default_value_t = (Ipv4Addr::LOCALHOST, PORT).into())]
    tms_bind: SocketAddr,
    /// An operator key of any form, never stored [default: one is generated at the first start and printed]
    #[arg(long, env, global = true, hide_env_values = true, value_parser = secret)]
    api_key: Option<SecretString>,
    /// A file to read API_KEY from
    #[arg(long, env, global = true, value_parser = path)]
    api_key_file: Option<PathBuf>,
    /// What access tokens are signed with [default: generated once, kept in the database]
    #[arg(long, env, global = true, hide_env_values = true, value_parser = secret)]
    secret: Option<SecretString>,
    /// A file to read SECRET from
    #[arg(long, env, global = true, value_parser = path)]
    secret_file: Option<PathBuf>,
    /// Where records and keys are kept
    #[arg(long, env, global = true, hide_env_values = true, default_value = "sqlite://./data/tms/tms.db")]
    database_url: String,
    /// Domains whose labels are tenants, as in "your-domain.com, localhost"; no tenant may own a host under them
    #[arg(long, env, global = true, default_value = "", hide_default_value = true)]
    base_domains: List<Host>,
    /// Names that no new tenant may have, beside the built-in ones
    #[arg(long, env, global = true, default_value = "", hide_default_value = true)]
    reserved_names: List<ReservedName>,
    /// The fewest letters and digits in the name of a new tenant
    #[arg(long, env, global = true, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=40))]
    min_tenant_id_length: u8,
    /// A file to write {"tms","base_domain","pid"} to once the service accepts
    #[arg(long, env, global = true, value_parser = path)]
    ready_file: Option<PathBuf>,
    /// TRACE, DEBUG, INFO, WARNING or ERROR, on standard error; anything else is WARNING
    #[arg(long, env, global = true, default_value = "WARNING", value_parser = level)]
    logging_level: Level,
}

/// What the command line and the environment say.
#[derive(Debug)]
pub struct Settings {
    /// What the service is started with.
    pub config: Config,
    /// Where to tell that it accepts.
    pub ready_file: Option<PathBuf>,
    /// How much to log.
    pub logging_level: Level,
}

impl Cli {
    /// The settings, with secrets read from their files.
    ///
    /// # Errors
    /// If a secret's file cannot be read, a secret has two sources, or the database is none that is supported.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let variables = &self.variables;
        let mut config = Config::new(variables.database_url.clone());
        config.bind = variables.tms_bind;
        config.api_key = secret_of("API_KEY", &variables.api_key, &variables.api_key_file)?;
        config.secret = secret_of("SECRET", &variables.secret, &variables.secret_file)?;
        config.base_domains = variables.base_domains.0.clone();
        config.names = NamePolicy::default()
            .with_min_length(variables.min_tenant_id_length.into())
            .with_reserved(variables.reserved_names.0.iter().map(|name| name.0));
        config.check()?;
        let ready_file = variables.ready_file.clone().filter(|path| !path.as_os_str().is_empty());
        Ok(Settings { config, ready_file, logging_level: variables.logging_level })
    }

    /// The settings as lines of `NAME=value`, with secrets hidden.
    pub fn summary(&self, settings: &Settings) -> String {
        let variables = &self.variables;
        let config = &settings.config;
        let hidden = |secret: &Option<SecretString>, otherwise: &'static str| {
            if secret.is_some() { "(hidden)" } else { otherwise }
        };
        let ready_file = settings.ready_file.as_ref();
        let lines = [
            ("TMS_BIND", config.bind.to_string()),
            ("API_KEY", hidden(&config.api_key, "(generated at the first start)").to_owned()),
            ("SECRET", hidden(&config.secret, "(generated once, kept in the database)").to_owned()),
            ("DATABASE_URL", config.database_url.clone()),
            ("BASE_DOMAINS", variables.base_domains.to_string()),
            ("RESERVED_NAMES", variables.reserved_names.to_string()),
            ("MIN_TENANT_ID_LENGTH", variables.min_tenant_id_length.to_string()),
            ("READY_FILE", ready_file.map(|path| path.display().to_string()).unwrap_or_default()),
            ("LOGGING_LEVEL", settings.logging_level.to_string()),
        ];
        lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
    }
}

/// An empty variable counts as unset.
fn secret_of(
    variable: &'static str,
    value: &Option<SecretString>,
    file: &Option<PathBuf>,
) -> Result<Option<SecretString>, ConfigError> {
    let value = value.clone().filter(|secret| !secret.expose_secret().is_empty());
    let Some(path) = file.clone().filter(|path| !path.as_os_str().is_empty()) else { return Ok(value) };
    if value.is_some() {
        return Err(ConfigError::TwoSources { variable });
    }
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim_end().is_empty() => Err(ConfigError::EmptySecretFile { variable, path }),
        Ok(text) => Ok(Some(text.trim_end().into())),
        Err(source) => Err(ConfigError::SecretFile { variable, path, source }),
    }
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(text.into())
}

fn level(word: &str) -> Result<Level, Infallible> {
    Ok(word.parse().unwrap_or(Level::WARN))
}

/// A list with commas between its items; blanks around them and empty items do not count.
#[derive(Debug, Clone)]
struct List<T>(Vec<T>);

impl<T: FromStr<Err: fmt::Display>> FromStr for List<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items
            .map(|item| item.parse().map_err(|error: T::Err| format!("{item}: {error}")))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<T: fmt::Display> fmt::Display for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<String> = self.0.iter().map(T::to_string).collect();
        f.write_str(&items.join(","))
    }
}

/// A name that is kept back, whatever its hyphens.
#[derive(Debug, Clone)]
struct ReservedName(TenantId);

impl FromStr for ReservedName {
    type Err = tenant_core::TenantIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        TenantId::derive(text).map(Self)
    }
}

impl fmt::Display for ReservedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn cli(flags: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["tms-server"], flags].concat())
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lists_may_have_blanks() {
        let cli = cli(&["--base-domains", "your-domain.com, localhost,", "--reserved-names", "my-brand"]);
        let cli = cli.expect("valid");
        let settings = cli.settings().expect("valid");
        assert_eq!(settings.config.base_domains.len(), 2);
        assert!(settings.config.names.check(&"mybrand".parse().expect("an id")).is_err());
    }

    #[test]
    fn what_does_not_parse_names_its_variable() {
        for (flag, value, variable) in [
            ("--tms-bind", "8383", "TMS_BIND"),
            ("--base-domains", "your-domain.com,-x", "BASE_DOMAINS"),
            ("--reserved-names", "123", "RESERVED_NAMES"),
            ("--min-tenant-id-length", "41", "MIN_TENANT_ID_LENGTH"),
            ("--min-tenant-id-length", "few", "MIN_TENANT_ID_LENGTH"),
        ] {
            let error = cli(&[flag, value]).expect_err(value).to_string();
            assert!(error.contains(variable), "{error}");
        }
        let error = cli(&["--database-url", "postgres://user:word@db/tms"]).expect("parses").settings();
        let error = error.expect_err("no such database").to_string();
        assert!(error.contains("DATABASE_URL") && !error.contains("word"), "{error}");
    }

    #[test]
    fn a_secret_comes_from_a_variable_or_from_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        let flag = file.display().to_string();
        assert!(matches!(
            cli(&["--api-key-file", &flag]).expect("parses").settings(),
            Err(ConfigError::SecretFile { variable: "API_KEY", .. })
        ));
        std::fs::write(&file, "\n").expect("written");
        assert!(matches!(
            cli(&["--secret-file", &flag]).expect("parses").settings(),
            Err(ConfigError::EmptySecretFile { variable: "SECRET", .. })
        ));
        std::fs::write(&file, "from-the-file\n").expect("written");
        let settings =
            cli(&["--api-key-file", &flag, "--api-key", ""]).expect("parses").settings().expect("valid");
        assert_eq!(settings.config.api_key.expect("a key").expose_secret(), "from-the-file");
        assert!(matches!(
            cli(&["--api-key-file", &flag, "--api-key", "other"]).expect("parses").settings(),
            Err(ConfigError::TwoSources { variable: "API_KEY" })
        ));
    }

    #[test]
    fn the_summary_and_debug_output_hide_secrets() {
        let cli = cli(&["check-config", "--api-key", "k3y", "--secret", "s3cret"]).expect("parses");
        assert_eq!(cli.command, Some(Command::CheckConfig));
        let settings = cli.settings().expect("valid");
        let summary = cli.summary(&settings);
        assert!(summary.contains("API_KEY=(hidden)\n") && summary.contains("TMS_BIND=127.0.0.1:8383\n"));
        for text in [summary, format!("{cli:?} {settings:?}")] {
            assert!(!text.contains("k3y") && !text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn an_unknown_level_is_warning() {
        for (word, expected) in [("debug", Level::DEBUG), ("WARN", Level::WARN), ("loud", Level::WARN)] {
            assert_eq!(level(word), Ok(expected));
        }
    }
}
