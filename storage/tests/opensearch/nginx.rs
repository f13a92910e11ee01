//! nginx as what stands before an engine: TLS, and credentials.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use tempfile::TempDir;

use crate::support;

/// One that is stopped when it is dropped.
pub(crate) struct Nginx {
    process: Child,
    folder: TempDir,
    pub(crate) port: u16,
}

/// A server's certificate with its key, as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master ends its workers, which a kill would leave behind.
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.process.wait();
    }
}

fn find() -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join("nginx")).find(|program| program.is_file());
    if found.is_none() {
        assert!(env::var_os("CI").is_none(), "nginx is missing: OpenSearch would not be tested with TLS");
        let text = "\nNOT TESTED with TLS: install nginx (Debian: nginx-light)\n";
        // Past what captures the output of tests that pass.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    found
}

impl Nginx {
    /// In front of the engine; `rules` are further lines of its `server`, in which `FOLDER` stands for one with the `files`.
    /// `None` where there is no engine or no nginx.
    pub(crate) fn start(identity: &Identity, rules: &str, files: &[(&str, &str)]) -> Option<Self> {
        let engine = support::hosts()?.swap_remove(0);
        let program = find()?;
        // Another process may take a port that was free.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
            let folder = tempfile::tempdir().expect("a folder");
            for (name, text) in files
                .iter()
                .copied()
                .chain([("tls.crt", &*identity.certificate), ("tls.key", &*identity.key)])
            {
                fs::write(folder.path().join(name), text).expect("a file");
            }
            let settings = folder.path().join("nginx.conf");
            fs::write(&settings, configuration(folder.path(), port, &engine, rules)).expect("a file");
            let process = Command::new(&program)
                .arg("-c")
                .arg(settings)
                .arg("-e")
                .arg(folder.path().join("errors"))
                .spawn()
                .expect("nginx starts");
            let mut nginx = Self { process, folder, port };
            if nginx.listens() {
                return Some(nginx);
            }
        }
        panic!("nginx does not start")
    }

    pub(crate) fn write(&mut self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).expect("a file");
    }

    fn listens(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if self.process.try_wait().is_ok_and(|ended| ended.is_some()) {
                eprintln!("{}", fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default());
                return false;
            }
            assert!(Instant::now() < deadline, "nginx does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

fn configuration(folder: &Path, port: u16, engine: &str, rules: &str) -> String {
    let rules = rules.replace("FOLDER", &folder.display().to_string());
    let folder = folder.display();
    // Root's workers would be another user's, who cannot write here.
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .concat();
    format!(
        "daemon off;\nuser root;\npid {folder}/pid;\nerror_log {folder}/errors;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_max_body_size 100m;\n{temporary}server {{\nlisten 127.0.0.1:{port} ssl;\n\
         ssl_certificate {folder}/tls.crt;\nssl_certificate_key {folder}/tls.key;\n{rules}\n\
         location / {{ proxy_pass {engine}; }}\n}}\n}}\n"
    )
}
