//! A secret from a variable, or from the file that another variable names.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::ConfigError;

/// The longest secret that is read from standard input, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The secret of a variable, or what the file holds that `{variable}_FILE` names. An empty variable counts as unset.
pub(crate) fn secret_of(
    variable: &'static str,
    value: &Option<SecretString>,
    file: &Option<PathBuf>,
) -> Result<Option<SecretString>, ConfigError> {
    let value = value.clone().filter(|secret| !secret.expose_secret().is_empty());
    let Some(path) = file.clone().filter(|path| !path.as_os_str().is_empty()) else { return Ok(value) };
    if value.is_some() {
        return Err(ConfigError::TwoSources { variable });
    }
    match read(&path) {
        Ok(text) if text.trim_end().is_empty() => Err(ConfigError::EmptySecretFile { variable, path }),
        Ok(text) => Ok(Some(text.trim_end().into())),
        Err(source) => Err(ConfigError::SecretFile { variable, path, source }),
    }
}

fn read(path: &Path) -> io::Result<String> {
    if path.as_os_str() != "-" {
        return fs::read_to_string(path);
    }
    let mut text = String::new();
    io::stdin().lock().take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}
