//! The file that says where a server listens, for scripts that started it.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

/// Where a server listens; `None` for a listener that is switched off.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Endpoints {
    /// The collector.
    pub public: Option<SocketAddr>,
    /// The private API.
    pub private: Option<SocketAddr>,
    /// Health and metrics.
    pub ops: Option<SocketAddr>,
    /// The URL of the management service.
    pub tms: Option<String>,
    /// The first base domain.
    pub base_domain: Option<String>,
}

impl Endpoints {
    /// The URL of a listener.
    pub fn url(address: Option<SocketAddr>) -> Option<String> {
        address.map(|address| format!("http://{address}"))
    }
}

/// A file with [`Endpoints`], which is removed when the server stops in order.
#[derive(Debug)]
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Writes the file: mode 0600, replaced by rename, on disk when this returns.
    pub(crate) fn write(
        path: &Path,
        at: &Endpoints,
        operator_key: Option<&SecretString>,
    ) -> io::Result<Self> {
        let mut content = json!({
            "public": Endpoints::url(at.public),
            "private": Endpoints::url(at.private),
            "ops": Endpoints::url(at.ops),
            "tms": at.tms,
            "base_domain": at.base_domain,
            "pid": std::process::id(),
        });
        if let Some(key) = operator_key {
            content["operator_key"] = json!(key.expose_secret());
        }
        replace(path, content.to_string().as_bytes())?;
        Ok(Self(path.to_owned()))
    }

    /// Leaves the file where it is when the server stops.
    #[cfg(feature = "dev")]
    pub(crate) fn keep(mut self) {
        self.0 = PathBuf::new();
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.0);
        }
    }
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}
