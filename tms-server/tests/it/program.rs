//! The program, as a process.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::json;

use crate::process::{Running, Said, key_in, program, run};

#[tokio::test]
async fn it_serves_shows_its_first_key_once_and_stops_cleanly() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready_file = folder.path().join("ready.json");
    let start = || {
        let mut command = program(folder.path());
        command.env("READY_FILE", &ready_file).env("BASE_DOMAINS", "your-domain.com, localhost");
        Running::start(command.args(["--tms-bind", "127.0.0.1:0", "--logging-level", "TRACE"]))
    };
    let mut running = start();
    let ready = running.ready(&ready_file);
    assert_eq!((&ready["base_domain"], &ready["pid"]), (&json!("your-domain.com"), &json!(running.0.id())));
    assert_eq!(ready_file.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    let url = ready["tms"].as_str().expect("a url").to_owned();
    assert_eq!(reqwest::get(format!("{url}/readyz")).await.expect("an answer").status(), 200);
    assert!(folder.path().join("data/tms/tms.db").exists(), "the default database");
    let (out, err) = running.terminate();
    let key = key_in(&out).expect("a key on standard output").to_owned();
    assert!(out.contains(&url), "{out}");
    assert!(!err.contains(&key), "never in the log");
    assert!(!ready_file.exists(), "removed at a clean stop");

    let mut running = start();
    let url = running.ready(&ready_file)["tms"].as_str().expect("a url").to_owned();
    let answer = reqwest::get(format!("{url}/api-key/{key}")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let (out, err) = running.terminate();
    assert_eq!(key_in(&out), None);
    assert!(!err.contains(&key), "never in the log");
}

#[test]
fn check_config_prints_the_settings_and_hides_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), "s3cret-from-a-file\n").expect("written");
    let mut command = program(folder.path());
    command.env("API_KEY", "k3y-of-the-environment").env("SECRET_FILE", "secret");
    let said: Said = command
        .env("BASE_DOMAINS", "a.example, b.example")
        .arg("check-config")
        .output()
        .expect("runs")
        .into();
    assert!(
        said.err.contains("the database was not asked") && !said.err.contains("SECURITY"),
        "{}",
        said.err
    );
    let out = said.ok();
    for line in ["API_KEY=(hidden)", "SECRET=(hidden)", "BASE_DOMAINS=a.example,b.example"] {
        assert!(out.lines().any(|shown| shown == line), "{line} in {out}");
    }
    assert!(!out.contains("k3y") && !out.contains("s3cret"));
    assert!(!folder.path().join("data").exists(), "nothing is made");
}

#[test]
fn what_is_set_wrong_fails_at_once_and_names_the_variable() {
    let folder = tempfile::tempdir().expect("a folder");
    for (variable, value) in [
        ("TMS_BIND", "8383"),
        ("BASE_DOMAINS", "your domain"),
        ("RESERVED_NAMES", "1"),
        ("MIN_TENANT_ID_LENGTH", "three"),
        ("DATABASE_URL", "mysql://db/tms"),
        ("DATABASE_URL", "postgres://tms:p4/ss@db/tms"),
        ("API_KEY_FILE", "missing"),
    ] {
        for command in ["serve", "check-config"] {
            let output = program(folder.path()).env(variable, value).arg(command).output().expect("runs");
            let err = Said::from(output).refusal();
            assert!(err.contains(variable), "{variable} {command}: {err}");
            assert!(!err.contains("p4"), "{err}");
        }
    }
}

#[test]
fn help_names_every_variable_and_no_value_of_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = program(folder.path()).env("API_KEY", "k3y").arg("--help").output().expect("runs");
    let out = Said::from(output).ok();
    for variable in [
        "TMS_BIND",
        "API_KEY",
        "API_KEY_FILE",
        "SECRET",
        "SECRET_FILE",
        "DATABASE_URL",
        "DATABASE_URL_FILE",
        "BASE_DOMAINS",
        "RESERVED_NAMES",
        "MIN_TENANT_ID_LENGTH",
        "READY_FILE",
        "LOGGING_LEVEL",
        "check-config",
        "openapi",
        "keys",
        "secrets",
        "tenants",
        "backup",
        "restore",
    ] {
        assert!(out.contains(variable), "{variable} in {out}");
    }
    assert!(!out.contains("k3y"));
}

#[test]
fn secrets_come_from_standard_input_and_are_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready_file = folder.path().join("ready.json");
    let key = "an-operator-key-from-standard-input";
    let mut command = program(folder.path());
    command.stdin(Stdio::piped()).env("READY_FILE", &ready_file).env("API_KEY_FILE", "-");
    let mut running = Running::start(command.args(["--tms-bind", "127.0.0.1:0", "--logging-level", "TRACE"]));
    running.feed(&format!("{key}\n"));
    let url = running.ready(&ready_file)["tms"].as_str().expect("a url").to_owned();
    let exchanged = crate::process::exchange(&url, key);
    assert_eq!(exchanged.0, 200);
    let (out, err) = running.terminate();
    assert!(!out.contains(key) && !err.contains(key) && key_in(&out).is_none(), "{out} {err}");

    let empty = run(folder.path(), &["check-config", "--secret-file", "-"]).refusal();
    assert!(empty.contains("SECRET_FILE") && empty.contains("empty"), "{empty}");
    let both = run(folder.path(), &["check-config", "--secret-file", "-", "--api-key-file", "-"]).refusal();
    assert!(both.contains("SECRET_FILE") && both.contains("API_KEY_FILE"), "{both}");
}

#[test]
fn a_secret_as_a_flag_works_with_a_loud_warning_that_does_not_repeat_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = ["check-config", "--api-key", "k3y-on-a-command-line", "--secret=s3cret-on-a-command-line"];
    let said = run(folder.path(), &flags);
    for warned in ["SECURITY: --api-key was", "SECURITY: --secret was"] {
        assert!(said.err.contains(warned), "{said:?}");
    }
    assert!(!said.err.contains("-on-a-command-line") && !said.out.contains("-on-a-command-line"), "{said:?}");
    said.ok();

    let ready_file = folder.path().join("ready.json");
    let mut command = program(folder.path());
    command.env("READY_FILE", &ready_file).args([
        "--tms-bind",
        "127.0.0.1:0",
        "--api-key",
        "k3y-on-a-command-line",
    ]);
    let mut running = Running::start(&mut command);
    running.ready(&ready_file);
    let (_, err) = running.terminate();
    assert!(err.contains("SECURITY: --api-key was") && !err.contains("k3y-on"), "{err}");
}

#[test]
fn check_config_shows_a_database_without_its_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = "postgres://tms:pass-word@db.example/tms?sslmode=require";
    let file = folder.path().join("url");
    std::fs::write(&file, url).expect("written");
    for (variable, value) in [("DATABASE_URL", url), ("DATABASE_URL_FILE", "url")] {
        let said: Said =
            program(folder.path()).env(variable, value).arg("check-config").output().expect("runs").into();
        assert!(!said.out.contains("pass-word") && !said.err.contains("pass-word"), "{said:?}");
        assert!(said.ok().contains("DATABASE_URL=postgres://tms@db.example:5432/tms\n"));
    }
    for command in [&["check-config"][..], &["keys", "list"]] {
        let said = run(
            folder.path(),
            &[command, &["--database-url", "postgres://tms:pass-word@127.0.0.1:1/tms"]].concat(),
        );
        assert!(said.err.contains("SECURITY: --database-url was"), "{said:?}");
        assert!(!said.out.contains("pass-word") && !said.err.contains("pass-word"), "{said:?}");
    }
}
