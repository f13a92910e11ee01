//! Logs, on standard error: standard output belongs to what a person asked for.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::ConfigError;

/// Sets up logging for the process: one of the original's levels, or a filter in the syntax of `tracing`.
///
/// # Errors
/// If the level is neither.
pub(crate) fn init(level: &str) -> Result<(), ConfigError> {
    let wrong = |_| ConfigError::new("LOGGING_LEVEL", "use debug, info, warning or error");
    let filter = match level.to_ascii_lowercase().as_str() {
        "warning" => EnvFilter::try_new("warn"),
        plain => EnvFilter::try_new(plain),
    };
    let filter = filter.map_err(wrong)?;
    // A second call in one process (an embedding program that logs already) changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    Ok(())
}
