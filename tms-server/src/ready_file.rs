//! [`ReadyFile`]: tells whoever waits that the service accepts, and where.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde_json::json;
use tenant_core::Host;

/// A file that exists while the service accepts. Removed by [`ReadyFile::remove`] alone: after a crash its pid lives no
/// more.
#[derive(Debug)]
pub(crate) struct ReadyFile {
    path: PathBuf,
    text: String,
}

impl ReadyFile {
    /// Writes `{"tms", "base_domain", "pid"}`, mode 0600, by rename: a reader sees all of it or nothing.
    pub(crate) fn write(path: PathBuf, addr: SocketAddr, base_domain: Option<&Host>) -> io::Result<Self> {
        let pid = std::process::id();
        let body = json!({ "tms": url(addr), "base_domain": base_domain.map(Host::as_str), "pid": pid });
        let text = body.to_string();
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(format!(".{pid}"));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            // What matters is the first failure.
            let _ = fs::remove_file(&unfinished);
        }
        written.map(|()| Self { path, text })
    }

    /// Removes the file, unless another process has written its own there.
    pub(crate) fn remove(self) -> io::Result<()> {
        match fs::read_to_string(&self.path) {
            Ok(text) if text == self.text => fs::remove_file(&self.path),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Where a client on this machine reaches a service that listens at `addr`.
pub(crate) fn url(mut addr: SocketAddr) -> String {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{addr}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_file_is_private_and_goes_with_its_writer_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ready.json");
        let addr = "0.0.0.0:8383".parse().expect("an address");
        let base = "your-domain.com".parse().expect("a host");
        let ready = ReadyFile::write(path.clone(), addr, Some(&base)).expect("written");
        let body: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("there")).expect("json");
        let pid = std::process::id();
        assert_eq!(
            body,
            json!({ "tms": "http://127.0.0.1:8383", "base_domain": "your-domain.com", "pid": pid })
        );
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
        ready.remove().expect("removed");
        assert!(!path.exists());

        let ready = ReadyFile::write(path.clone(), addr, None).expect("written");
        fs::write(&path, "another's").expect("written");
        ready.remove().expect("left alone");
        assert!(path.exists());
    }
}
