//! A disk without room: refused as such, nothing half done, and back by itself.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Platform, Program, page_view};

/// A file system of its own size; gone with this value.
struct Disk(PathBuf);

impl Disk {
    /// `None` where this machine lets nobody mount one, which is said loudly; where `CI` is set it has to be possible.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).expect("a folder");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"]).arg(at);
        let why = match command.output() {
            Ok(output) if output.status.success() => return Some(Self(at.to_owned())),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(fault) => fault.to_string(),
        };
        assert!(std::env::var_os("CI").is_none(), "a full disk cannot be tested here: {why}");
        // Not a macro of the test harness: it would be shown only if the test failed.
        let skipped = "SKIPPED: what a full disk answers. It takes root to mount a small disk";
        writeln!(io::stderr(), "\n*** {skipped}: {why} ***\n").expect("said");
        None
    }

    /// Fills it to the last byte; until the answer is removed.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut filler = File::create(&path).expect("a file");
        for size in [1 << 16, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_507_and_the_same_request_works_once_there_is_room() {
    let mut platform = Platform::without_server().await;
    let data_dir = platform.data_dir();
    let Some(disk) = Disk::mount(&data_dir, "32m") else { return };
    platform.start_server(|_| {}).await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    platform.stop_server().await;
    // One visit is in the tenant's file alone, and a second one would begin the journal; after several, the journal has
    // some room of its own, and it is the file that cannot grow.
    for visits in [1, 5] {
        let program = Program::serve(&platform.tms, &data_dir);
        let api = program.at("company-x.localhost").with_token(admin.token()).in_context("production");
        let before = api.count("session").await;
        let visit = async |number: u64| api.track(&page_view(&format!("{visits}-{number}"))).await;
        for number in 1..=visits {
            assert_eq!(visit(number).await.status, 200);
        }
        let filler = disk.fill();
        let mut acknowledged = visits;
        let refused = loop {
            let answer = visit(acknowledged + 1).await;
            if answer.status != 200 {
                break answer;
            }
            acknowledged += 1;
        };
        let code = refused.body["code"].as_str();
        assert_eq!((refused.status, code), (507, Some("disk_full")), "{refused:?}");
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
        for _ in 0..3 {
            assert_eq!(visit(acknowledged + 1).await.status, 507, "it stays refused while there is no room");
        }
        fs::remove_file(filler).expect("removed");
        assert_eq!(api.count("session").await, before + acknowledged, "what was refused is not stored");
        let again = visit(acknowledged + 1).await;
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(api.count("session").await, before + acknowledged + 1);
        assert!(program.terminate().success());
    }
}
