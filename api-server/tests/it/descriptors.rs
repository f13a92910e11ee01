//! A process with few file descriptors: it serves more tenants than it may have files open, whoever holds connections.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{EMAIL, PASSWORD, Platform, Program, eventually, page_view};

/// The program behind `ulimit`, with what the shell says of the limit: `-n 256`, or `-Sn 100` for the soft one alone.
fn limited(platform: &Platform, limit: &str) -> Program {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$0\""), env!("CARGO_BIN_EXE_api-server")]);
    Program::configure(&mut command, &platform.tms, &platform.data_dir());
    Program::spawn(command, &platform.folder().join("ready.json"))
}

/// The open connections to tenants' files.
fn open_files(program: &Program) -> usize {
    let links = fs::read_dir(format!("/proc/{}/fd", program.pid())).expect("a process");
    let targets = links.flatten().filter_map(|link| fs::read_link(link.path()).ok());
    targets.filter(|path| path.extension().is_some_and(|extension| extension == "db")).count()
}

/// Tenants that collect events, by their hosts.
async fn tenants(platform: &Platform, count: usize) -> Vec<String> {
    let mut hosts = Vec::new();
    for number in 0..count {
        let name = format!("tenant-{number}");
        platform.tenant(&name).await.connect_web().await;
        hosts.push(format!("{name}.localhost"));
    }
    hosts
}

async fn every_tenant_is_served(program: &Program, hosts: &[String], rounds: u64) {
    for round in 0..rounds {
        for host in hosts {
            let answer = program.at(host).track(&page_view(&format!("s{round}"))).await;
            assert_eq!(answer.status, 200, "{host}: {answer:?}");
        }
    }
    for host in hosts {
        let admin = program.at(host).log_in(EMAIL, PASSWORD).await.in_context("production");
        assert_eq!(admin.count("session").await, rounds, "{host}");
    }
}

#[tokio::test]
async fn more_tenants_are_served_than_files_may_be_open() {
    let mut platform = Platform::start().await;
    let hosts = tenants(&platform, 18).await;
    platform.stop_server().await;
    // Two files of each tenant; under 256 descriptors 15 may be open, under 64 one.
    for (limit, most) in [("-n 256", 15), ("-n 64", 1)] {
        let program = limited(&platform, limit);
        every_tenant_is_served(&program, &hosts, 2).await;
        // A connection to write and two to read of each; closing goes on behind the calls.
        eventually("the files to be closed", async || open_files(&program) <= 3 * most).await;
        assert!(program.terminate().success());
    }
}

#[tokio::test]
async fn connections_leave_descriptors_to_the_files_and_to_the_other_listener() {
    let mut platform = Platform::start().await;
    let hosts = tenants(&platform, 2).await;
    platform.stop_server().await;
    let program = limited(&platform, "-n 128");
    let public = program.at("localhost").public_addr();
    // Too many for this process and all else that it has open, were they not bounded; the rest waits in the kernel, whose
    // queue may be no longer than 128.
    let held: Vec<_> = (0..125).map(|_| TcpStream::connect(public).expect("connected")).collect();
    let private = async {
        for host in &hosts {
            let admin = program.at(host).log_in(EMAIL, PASSWORD).await.in_context("production");
            assert_eq!(admin.count("event").await, 0);
        }
    };
    // Sooner than after 15 s, when a connection that asks for nothing is closed.
    tokio::time::timeout(Duration::from_secs(12), private).await.expect("the private listener is free");
    drop(held);
    every_tenant_is_served(&program, &hosts, 1).await;
}

#[tokio::test]
async fn the_soft_limit_is_raised_to_the_hard_one() {
    let platform = Platform::without_server().await;
    let program = limited(&platform, "-Sn 100 && ulimit -Hn 300");
    let limits = fs::read_to_string(format!("/proc/{}/limits", program.pid())).expect("a process");
    let row = limits.lines().find(|line| line.starts_with("Max open files")).expect("a row");
    assert_eq!(row.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["300", "300"]);
}

#[tokio::test]
async fn dev_works_with_few_descriptors_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 64 && exec \"$0\" dev \"$@\"", env!("CARGO_BIN_EXE_api-server")])
        .env_clear();
    for listener in ["--public-bind", "--private-bind", "--ops-bind", "--tms-bind"] {
        command.args([listener, "127.0.0.1:0"]);
    }
    command.arg("--data-dir").arg(folder.path());
    let ready = folder.path().join("dev.json");
    let program = Program::spawn(command, &ready);
    let ready: Value = serde_json::from_slice(&fs::read(ready).expect("readable")).expect("JSON");
    let names: Vec<_> = (0..5).map(|number| format!("tenant-{number}")).collect();
    for name in &names {
        let key = &ready["operator_key"];
        let install = json!({ "name": name, "tms_api_key": key, "email": EMAIL, "password": PASSWORD });
        program.at("localhost").post("/tenant/install", &install).await.ok();
        let admin = program.at(&format!("{name}.localhost")).log_in(EMAIL, PASSWORD).await;
        admin.in_context("production").connect_web().await;
    }
    let hosts: Vec<_> = names.iter().map(|name| format!("{name}.localhost")).collect();
    every_tenant_is_served(&program, &hosts, 2).await;
    assert!(program.terminate().success());
}
