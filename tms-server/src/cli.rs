//! [`Cli`]: the command line, and what it and the environment say. The only file of the crate that reads the environment.

use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tenant_core::TenantStatus;

use crate::database_url;
use crate::keys::{LONGEST_OVERLAP, Scope};
use crate::settings::{DatabaseArgs, ServeArgs};

const BESIDE: &str = "Works on the database itself, beside a running server or without one. A database of another version \
                      is left alone: start this version's server on it once.";

/// The command line of `tms-server`. Every setting is a flag and an environment variable.
#[derive(Debug, Parser)]
#[command(
    name = "tms-server",
    version,
    about = "The tenant management service: registers, activates and suspends tenants",
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// The secrets that were given as flags, by their flags.
    #[arg(skip)]
    pub(crate) exposed: Vec<&'static str>,
}

/// What `tms-server` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until SIGTERM or ctrl-c (the default)
    Serve(Box<ServeArgs>),
    /// Print the effective settings with secrets hidden; fails if one is wrong. The database is not asked
    CheckConfig(Box<ServeArgs>),
    /// Print the OpenAPI document of the service
    Openapi,
    /// Make, list, rotate and revoke the keys that open the service
    #[command(after_help = BESIDE)]
    Keys {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Rotate what access tokens are signed with
    #[command(after_help = BESIDE)]
    Secrets {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(subcommand)]
        command: SecretsCommand,
    },
    /// List, show, suspend and resume tenants
    #[command(after_help = BESIDE)]
    Tenants {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(subcommand)]
        command: TenantsCommand,
    },
    /// Copy the SQLite database to a file, beside a running server or without one
    #[command(
        after_help = "The copy is of one moment, checked, synced, and readable to its owner alone: it holds install \
                            tokens and what access tokens are signed with. PostgreSQL has pg_dump for this."
    )]
    Backup {
        #[command(flatten)]
        database: DatabaseArgs,
        /// The file to make
        file: PathBuf,
        /// Replace the file if it exists
        #[arg(long)]
        force: bool,
    },
    /// Put a backup in the place of the SQLite database; no server may run on it
    #[command(
        after_help = "The file is checked first, and the database that it replaces is kept beside it. Keys, reasons and \
                            tenants are as they were then. Clients of the change feed start over by themselves."
    )]
    Restore {
        #[command(flatten)]
        database: DatabaseArgs,
        /// The file that `backup` made
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Print all keys: id, scope, generation, time of creation, label
    List,
    /// Make a key and print it, this once, on standard output
    Create {
        /// What it allows: `directory` to read what routing needs, `operator` for everything
        #[arg(long, value_parser = scope)]
        scope: Scope,
        /// What to call it
        #[arg(long)]
        label: String,
    },
    /// Make a new secret for a key and print the key, this once, on standard output
    Rotate {
        /// The id of the key, as `keys list` shows it
        id: String,
        /// How long the earlier key still works
        #[arg(long, default_value = "1h", value_parser = overlap)]
        overlap: Duration,
    },
    /// Remove a key; it and its access tokens open nothing from the next request on
    Revoke {
        /// The id of the key
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Sign access tokens with a new secret; keys stay as they are
    Rotate {
        /// How long tokens of the earlier secret still work; they live five minutes
        #[arg(long, default_value = "10m", value_parser = overlap)]
        overlap: Duration,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantsCommand {
    /// Print all tenants: id, status, name, time of creation, own domains
    List {
        /// Only those with this status: pending, active, suspended or deleting
        #[arg(long, value_parser = status)]
        status: Option<TenantStatus>,
    },
    /// Print the record of a tenant as JSON, without its install token
    Show {
        /// Its id, name or incarnation
        tenant: String,
    },
    /// Stop serving a tenant
    Suspend {
        /// Its id, name or incarnation
        tenant: String,
        /// What visitors are told
        #[arg(long)]
        public_reason: Option<String>,
        /// What only operators see
        #[arg(long)]
        private_reason: Option<String>,
    },
    /// Serve a suspended tenant again
    Resume {
        /// Its id, name or incarnation
        tenant: String,
    },
}

impl Cli {
    /// Reads the command line and the environment of this process; ends it, with a message, where they make no sense or
    /// help was asked for.
    pub fn read() -> Self {
        Self::of(&Self::command().get_matches()).unwrap_or_else(|error| error.exit())
    }

    fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut cli = Self::from_arg_matches(matches)?;
        let own = matches.subcommand().map_or(matches, |(_, own)| own);
        let given =
            |id| own.ids().any(|known| known == id) && own.value_source(id) == Some(ValueSource::CommandLine);
        let flags = [("api_key", "--api-key"), ("secret", "--secret"), ("database_url", "--database-url")];
        let holds_secret =
            |id| id != "database_url" || own.get_one(id).is_some_and(database_url::holds_password);
        let exposed = flags.into_iter().filter(|(id, _)| given(id) && holds_secret(id));
        cli.exposed = exposed.map(|(_, flag)| flag).collect();
        Ok(cli)
    }
}

fn overlap(text: &str) -> Result<Duration, String> {
    // A bare zero is a time as well.
    let time = if text == "0" { Ok(Duration::ZERO) } else { humantime::parse_duration(text) };
    let time = time.map_err(|_| "use a number with s, m, h or d, such as 10m".to_owned())?;
    if time > Duration::from_secs(LONGEST_OVERLAP) { Err("use 30d at most".to_owned()) } else { Ok(time) }
}

fn scope(word: &str) -> Result<Scope, String> {
    Scope::parse(word).ok_or_else(|| "use directory or operator".to_owned())
}

fn status(word: &str) -> Result<TenantStatus, String> {
    TenantStatus::parse(word).ok_or_else(|| "use pending, active, suspended or deleting".to_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn cli(flags: &[&str]) -> Result<Cli, clap::Error> {
        let matches = Cli::command().try_get_matches_from([&["tms-server"], flags].concat())?;
        Cli::of(&matches)
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn secrets_that_were_given_as_flags_are_known() {
        for (flags, exposed) in [
            (&["--api-key", "k3y"][..], &["--api-key"][..]),
            (&["serve", "--secret=s3cret", "--api-key", "k3y"], &["--api-key", "--secret"]),
            (&["check-config", "--secret-file", "-"], &[]),
            (&["keys", "list"], &[]),
            (&["keys", "list", "--database-url", "postgres://tms:p4ss@db/main"], &["--database-url"]),
            (&["--database-url", "postgres://db/main?password=p4ss"], &["--database-url"]),
            (&["backup", "x", "--database-url", "postgres://tms@db/main"], &[]),
            (&["--database-url", "sqlite://a:b@c"], &[]),
            (&[], &[]),
        ] {
            assert_eq!(cli(flags).expect("parses").exposed, exposed, "{flags:?}");
        }
    }

    #[test]
    fn a_command_takes_its_database_before_and_behind_its_word() {
        for flags in [
            ["keys", "list", "--database-url", "sqlite://x"],
            ["keys", "--database-url", "sqlite://x", "list"],
        ] {
            match cli(&flags).expect("parses").command {
                Some(Command::Keys { database, .. }) => {
                    assert_eq!(database.url().expect("a url").expose_secret(), "sqlite://x")
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_a_command_does_not_understand_is_refused() {
        for flags in [
            &["keys", "create", "--label", "x"][..],
            &["keys", "create", "--scope", "worker", "--label", "x"],
            &["keys", "create", "--scope", "operator"],
            &["keys", "rotate", "1", "--overlap", "60"],
            &["keys", "rotate", "1", "--overlap", "31d"],
            &["keys"],
            &["secrets", "rotate", "--overlap", "31d"],
            &["secrets"],
            &["tenants", "list", "--status", "gone"],
            &["tenants", "suspend"],
            &["backup"],
            &["restore", "a", "--force"],
        ] {
            assert!(cli(flags).is_err(), "{flags:?}");
        }
        assert_eq!(overlap("0"), Ok(Duration::ZERO));
        assert_eq!(overlap("30d"), Ok(Duration::from_secs(LONGEST_OVERLAP)));
    }
}
