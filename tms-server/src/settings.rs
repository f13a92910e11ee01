//! [`ServeArgs`]: the settings of the service as flags and variables, and [`Settings`]: what they come to.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use secrecy::SecretString;
use tenant_core::{Host, NamePolicy, TenantId};
use tracing::Level;

use crate::config::{Config, ConfigError, PORT};
use crate::database_url;
use crate::secret_file::secret_of;

/// Where everything is kept where nothing is said.
const DATABASE_URL: &str = "sqlite://./data/tms/tms.db";

// Fields are named after their variables, so that clap's messages name those.
/// The settings of the service.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes any free one
    #[arg(long, env, default_value_t = (Ipv4Addr::LOCALHOST, PORT).into())]
    tms_bind: SocketAddr,
    /// An operator key of any form, never stored; as a flag it is seen by others [default: one is generated at the first start and printed]
    #[arg(long, env, hide_env_values = true, value_parser = secret)]
    api_key: Option<SecretString>,
    /// A file to read API_KEY from; - is standard input
    #[arg(long, env, value_parser = path)]
    api_key_file: Option<PathBuf>,
    /// What access tokens are signed with; as a flag it is seen by others [default: generated once, kept in the database]
    #[arg(long, env, hide_env_values = true, value_parser = secret)]
    secret: Option<SecretString>,
    /// A file to read SECRET from; - is standard input
    #[arg(long, env, value_parser = path)]
    secret_file: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Domains whose labels are tenants, as in "your-domain.com, localhost"; no tenant may own a host under them
    #[arg(long, env, default_value = "", hide_default_value = true)]
    base_domains: List<Host>,
    /// Names that no new tenant may have, beside the built-in ones
    #[arg(long, env, default_value = "", hide_default_value = true)]
    reserved_names: List<ReservedName>,
    /// The fewest letters and digits in the name of a new tenant
    #[arg(long, env, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=40))]
    min_tenant_id_length: u8,
    /// A file to write {"tms","base_domain","pid"} to once the service accepts
    #[arg(long, env, value_parser = path)]
    ready_file: Option<PathBuf>,
    /// TRACE, DEBUG, INFO, WARNING or ERROR, on standard error; anything else is WARNING
    #[arg(long, env, default_value = "WARNING", value_parser = level)]
    logging_level: Level,
}

/// Which database a server or a command works on.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// Where everything is kept: sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE; a password in a flag is seen by others [default: sqlite://./data/tms/tms.db]
    #[arg(long, env, global = true, hide_env_values = true, value_parser = secret)]
    pub(crate) database_url: Option<SecretString>,
    /// A file to read DATABASE_URL from; - is standard input
    #[arg(long, env, global = true, value_parser = path)]
    database_url_file: Option<PathBuf>,
}

impl DatabaseArgs {
    /// The URL, read from its file where it has one.
    pub(crate) fn url(&self) -> Result<SecretString, ConfigError> {
        let url = secret_of("DATABASE_URL", &self.database_url, &self.database_url_file)?;
        Ok(url.unwrap_or_else(|| DATABASE_URL.into()))
    }
}

/// What the command line and the environment say.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What the service is started with.
    pub(crate) config: Config,
    /// Where to tell that it accepts.
    pub(crate) ready_file: Option<PathBuf>,
    /// How much to log.
    pub(crate) logging_level: Level,
}

impl ServeArgs {
    /// The settings, with secrets read from their files.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        let files = [&self.api_key_file, &self.secret_file, &self.database.database_url_file];
        if files.iter().filter(|file| file.as_deref().is_some_and(|path| path.as_os_str() == "-")).count() > 1
        {
            return Err(ConfigError::TwoFromStandardInput);
        }
        let mut config = Config { database_url: self.database.url()?, ..Config::new("") };
        config.bind = self.tms_bind;
        config.api_key = secret_of("API_KEY", &self.api_key, &self.api_key_file)?;
        config.secret = secret_of("SECRET", &self.secret, &self.secret_file)?;
        config.base_domains = self.base_domains.0.clone();
        config.names = NamePolicy::default()
            .with_min_length(self.min_tenant_id_length.into())
            .with_reserved(self.reserved_names.0.iter().map(|name| name.0));
        config.check()?;
        let ready_file = self.ready_file.clone().filter(|path| !path.as_os_str().is_empty());
        Ok(Settings { config, ready_file, logging_level: self.logging_level })
    }

    /// The settings as lines of `NAME=value`, with secrets hidden.
    pub(crate) fn summary(&self, settings: &Settings) -> String {
        let config = &settings.config;
        let hidden = |secret: &Option<SecretString>, otherwise: &'static str| {
            if secret.is_some() { "(hidden)" } else { otherwise }
        };
        let ready_file = settings.ready_file.as_ref();
        let lines = [
            ("TMS_BIND", config.bind.to_string()),
            ("API_KEY", hidden(&config.api_key, "(generated at the first start)").to_owned()),
            ("SECRET", hidden(&config.secret, "(generated once, kept in the database)").to_owned()),
            ("DATABASE_URL", database_url::shown(&config.database_url)),
            ("BASE_DOMAINS", self.base_domains.to_string()),
            ("RESERVED_NAMES", self.reserved_names.to_string()),
            ("MIN_TENANT_ID_LENGTH", self.min_tenant_id_length.to_string()),
            ("READY_FILE", ready_file.map(|path| path.display().to_string()).unwrap_or_default()),
            ("LOGGING_LEVEL", settings.logging_level.to_string()),
        ];
        lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
    }
}

/// Any text is a path.
fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(text.into())
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
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
    use clap::Parser as _;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::cli::Cli;

    fn args(flags: &[&str]) -> Result<ServeArgs, clap::Error> {
        Cli::try_parse_from([&["tms-server"], flags].concat()).map(|cli| cli.serve)
    }

    #[test]
    fn lists_may_have_blanks() {
        let args = args(&["--base-domains", "your-domain.com, localhost,", "--reserved-names", "my-brand"]);
        let settings = args.expect("valid").settings().expect("valid");
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
            let error = args(&[flag, value]).expect_err(value).to_string();
            assert!(error.contains(variable), "{error}");
        }
        for url in ["mysql://user:p4ss@db/tms", "postgres://user:p4/ss@db/tms"] {
            let error =
                args(&["--database-url", url]).expect("parses").settings().expect_err(url).to_string();
            assert!(error.contains("DATABASE_URL") && !error.contains("p4"), "{error}");
        }
    }

    #[test]
    fn a_secret_comes_from_a_variable_or_from_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        let flag = file.display().to_string();
        assert!(matches!(
            args(&["--api-key-file", &flag]).expect("parses").settings(),
            Err(ConfigError::SecretFile { variable: "API_KEY", .. })
        ));
        std::fs::write(&file, "\n").expect("written");
        assert!(matches!(
            args(&["--secret-file", &flag]).expect("parses").settings(),
            Err(ConfigError::EmptySecretFile { variable: "SECRET", .. })
        ));
        std::fs::write(&file, "from-the-file\n").expect("written");
        let settings =
            args(&["--api-key-file", &flag, "--api-key", ""]).expect("parses").settings().expect("valid");
        assert_eq!(settings.config.api_key.expect("a key").expose_secret(), "from-the-file");
        assert!(matches!(
            args(&["--api-key-file", &flag, "--api-key", "other"]).expect("parses").settings(),
            Err(ConfigError::TwoSources { variable: "API_KEY" })
        ));
        for other in ["--secret-file", "--database-url-file"] {
            let both = args(&["--api-key-file", "-", other, "-"]).expect("parses").settings();
            assert!(matches!(both, Err(ConfigError::TwoFromStandardInput)), "{other}");
        }
    }

    #[test]
    fn a_database_is_named_by_a_variable_or_in_a_file_or_is_the_default() {
        let url = |flags: &[&str]| {
            let config = args(flags).expect("parses").settings().expect("valid").config;
            config.database_url.expose_secret().to_owned()
        };
        assert_eq!(url(&[]), DATABASE_URL);
        assert_eq!(url(&["--database-url", ""]), DATABASE_URL);
        assert_eq!(url(&["--database-url", "sqlite://x"]), "sqlite://x");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("url").display().to_string();
        std::fs::write(&file, "postgres://tms:p4ss@db/main\n").expect("written");
        assert_eq!(url(&["--database-url-file", &file]), "postgres://tms:p4ss@db/main");
        let both = args(&["--database-url-file", &file, "--database-url", "sqlite://x"]).expect("parses");
        assert!(matches!(both.settings(), Err(ConfigError::TwoSources { variable: "DATABASE_URL" })));
    }

    #[test]
    fn the_summary_and_debug_output_hide_secrets() {
        let url = ["--database-url", "postgres://tms:p4ss@db/main"];
        let args = args(&[&["--api-key", "k3y", "--secret", "s3cret"], &url[..]].concat()).expect("parses");
        let settings = args.settings().expect("valid");
        let summary = args.summary(&settings);
        assert!(summary.contains("API_KEY=(hidden)\n") && summary.contains("TMS_BIND=127.0.0.1:8383\n"));
        assert!(summary.contains("DATABASE_URL=postgres://tms@db:5432/main\n"), "{summary}");
        for text in [summary, format!("{args:?} {settings:?}")] {
            assert!(!["k3y", "s3cret", "p4ss"].iter().any(|secret| text.contains(secret)), "{text}");
        }
    }

    #[test]
    fn an_unknown_level_is_warning() {
        for (word, expected) in [("debug", Level::DEBUG), ("WARN", Level::WARN), ("loud", Level::WARN)] {
            assert_eq!(level(word), Ok(expected));
        }
    }
}
