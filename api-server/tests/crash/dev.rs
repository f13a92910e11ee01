//! `api-server dev` and `check-config`, as a person meets them.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::json;
use tempfile::TempDir;

use crate::laptop::{Laptop, program};
use crate::support::{Answer, EMAIL, PASSWORD, eventually, page_view};

const HOST: &str = "company-x.localhost";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn install(laptop: &Laptop, key: &str) -> Answer {
    let body = json!({ "name": "company-x", "tms_api_key": key, "email": EMAIL, "password": PASSWORD });
    laptop.at("localhost").post("/tenant/install", &body).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("exists").permissions().mode() & 0o777
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn dev_json_has_the_documented_shape_once_everything_accepts() {
    let folder = folder();
    let laptop = Laptop::start(&folder.path().join("data"), &[]);
    let listeners = ["public", "private", "ops", "tms"];
    for listener in listeners {
        TcpStream::connect(laptop.address(listener)).expect("it accepts");
        assert!(laptop.address(listener).ip().is_loopback());
    }
    let ready = laptop.ready().as_object().expect("an object");
    let mut keys: Vec<&str> = ready.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["base_domain", "operator_key", "ops", "pid", "private", "public", "tms"]);
    assert_eq!((&ready["base_domain"], &ready["pid"]), (&json!("localhost"), &json!(laptop.pid())));

    assert_eq!(mode(&laptop.dev_json()), 0o600);
    for folder in ["", "tms", "tenants"] {
        assert_eq!(mode(&laptop.data_dir().join(folder)), 0o700, "{folder}");
    }
    let printed = laptop.printed();
    for listener in listeners {
        assert!(printed.contains(laptop.ready()[listener].as_str().expect("a URL")), "{printed}");
    }
    assert!(printed.contains(&laptop.operator_key()), "{printed}");
    let port = laptop.address("private").port();
    assert!(printed.contains(&format!("curl -X POST http://localhost:{port}/tenant/install")), "{printed}");
    laptop.stop();
}

#[test]
fn a_second_start_on_a_folder_in_use_is_refused_and_names_the_process() {
    let folder = folder();
    let laptop = Laptop::start(&folder.path().join("data"), &[]);
    let before = fs::read(laptop.dev_json()).expect("readable");
    let refused = Laptop::refused(laptop.data_dir());
    let by = format!("process {}", laptop.pid());
    assert!(text(&refused).contains(&by), "{refused:?}");

    let serve = program()
        .env("DATA_DIR", laptop.data_dir())
        .env("PUBLIC_BIND", "127.0.0.1:0")
        .env("PRIVATE_BIND", "127.0.0.1:0")
        .env("OPS_BIND", "off")
        .output()
        .expect("the program starts");
    assert!(!serve.status.success() && text(&serve).contains(&by), "{serve:?}");
    assert_eq!(fs::read(laptop.dev_json()).expect("readable"), before, "the first one's file stays");
    laptop.stop();
}

#[tokio::test]
async fn a_later_start_keeps_key_tenants_and_logins() {
    let folder = folder();
    let data_dir = folder.path().join("data");
    let laptop = Laptop::start(&data_dir, &[]);
    let key = laptop.operator_key();
    install(&laptop, &key).await.ok();
    let admin = laptop.at(HOST).log_in(EMAIL, PASSWORD).await.in_context("production");
    admin.connect_web().await;
    admin.track(&page_view("s1")).await.ok();
    laptop.stop_by("INT");

    let laptop = Laptop::start(&data_dir, &[]);
    assert_eq!(laptop.operator_key(), key);
    let same = laptop.at(HOST).with_token(admin.token()).in_context("production");
    assert_eq!(same.count("event").await, 4);
    let again = install(&laptop, &key).await.ok();
    for context in [0, 1] {
        let nothing = json!({ "templates": [], "indices": [], "aliases": [] });
        assert_eq!(again[context]["created"], nothing, "{again}");
    }
    laptop.stop();
}

#[tokio::test]
async fn a_lost_key_is_replaced_and_opens_nothing_any_more() {
    let folder = folder();
    let data_dir = folder.path().join("data");
    let laptop = Laptop::start(&data_dir, &[]);
    let lost = laptop.operator_key();
    install(&laptop, &lost).await.ok();
    let dev_json = laptop.dev_json();
    laptop.stop();
    assert!(dev_json.exists(), "it is the only clear copy of the key");
    fs::remove_file(dev_json).expect("removed");

    let laptop = Laptop::start(&data_dir, &[]);
    assert_ne!(laptop.operator_key(), lost);
    assert_eq!(install(&laptop, &lost).await.status, 403);
    install(&laptop, &laptop.operator_key()).await.ok();
    laptop.at(HOST).log_in(EMAIL, PASSWORD).await;
    laptop.stop();
}

#[tokio::test]
async fn the_demo_shows_two_tenants_and_serves_on_also_a_second_time() {
    let folder = folder();
    let data_dir = folder.path().join("data");
    for run in ["the first run", "the second run"] {
        let laptop = Laptop::start(&data_dir, &["--demo"]);
        eventually("the end of the demo", async || laptop.printed().contains("The server goes on")).await;
        let printed = laptop.printed();
        for shown in [
            "acme sees",
            "globex sees",
            "property tenant: acme",
            "property tenant: globex",
            "acme's token at globex:    401",
            "a host that is nobody's:   404",
        ] {
            assert!(printed.contains(shown), "{run}: {shown}\n{printed}");
        }
        let of = |name: &str| {
            let after = printed.split_once(&format!("  {name} sees")).expect("shown").1;
            after.lines().skip(1).take_while(|line| line.starts_with("    ")).collect::<Vec<_>>().join("\n")
        };
        let (acme, globex) = (of("acme"), of("globex"));
        assert!(acme.contains("purchase-order") && !acme.contains("globex"), "{printed}");
        assert!(globex.contains("page-view") && !globex.contains("acme"), "{printed}");

        let admin = laptop.at("acme.localhost").log_in("admin@acme.example", "demo-password").await;
        assert!(admin.in_context("production").count("event").await >= 5, "{run}");
        laptop.stop();
    }
}

#[test]
fn check_config_prints_the_settings_and_no_secret() {
    let printed = program()
        .arg("check-config")
        .env("MULTI_TENANT", "YES")
        .env("MULTI_TENANT_MANAGER_URL", "http://tms:8383")
        .env("MULTI_TENANT_MANAGER_API_KEY", "tk_1_s3cret")
        .env("INSTALLATION_TOKEN", "s3cret-token")
        .env("BASE_DOMAINS", "your-domain.com,localhost")
        .env("MAX_BODY", "1MiB")
        .env("LIMIT_TENANT_RATE", "50")
        .output()
        .expect("the program starts");
    let told = text(&printed);
    assert!(printed.status.success(), "{told}");
    for row in [
        "PUBLIC_BIND=0.0.0.0:8585",
        "MULTI_TENANT=yes",
        "MULTI_TENANT_MANAGER_URL=http://tms:8383",
        "BASE_DOMAINS=your-domain.com,localhost",
        "PUBLIC_URL=https://{name}.your-domain.com",
        "MAX_BODY=1048576",
        "LIMIT_TENANT_RATE=50",
        "LIMIT_ADDRESS_RATE=",
        "STORAGE=embedded",
        "LOGGING_LEVEL=warning",
    ] {
        assert!(told.lines().any(|line| line == row), "{row} is not in\n{told}");
    }
    assert!(told.contains("MULTI_TENANT_MANAGER_API_KEY=") && !told.contains("s3cret"), "{told}");
}

#[test]
fn check_config_names_the_variable_that_is_wrong() {
    let wrong = [
        ("MULTI_TENANT", "maybe"),
        ("PRODUCTION", "maybe"),
        ("PUBLIC_BIND", "8585"),
        ("MAX_BODY", "a lot"),
        ("LIMIT_ADDRESS_RATE", "few"),
        ("LIMIT_TOTAL_CONCURRENT", "0"),
        ("LIMIT_TENANT_BURST", "5"),
        ("DIRECTORY_FRESH", "60"),
        ("STORAGE", "floppy"),
        ("TENANT_NAME", "a.b"),
        ("TRUSTED_PROXIES", "everybody"),
        ("MULTI_TENANT", "yes"),
    ];
    for (variable, value) in wrong {
        let refused =
            program().arg("check-config").env(variable, value).output().expect("the program starts");
        assert!(!refused.status.success(), "{variable}={value}");
        let told = text(&refused);
        assert!(told.contains(variable), "{variable}={value}: {told}");
        let started = program().env(variable, value).output().expect("the program starts");
        assert!(!started.status.success() && text(&started).contains(variable), "{variable}={value}");
    }
}

#[test]
fn help_explains_without_showing_a_secret() {
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["dev", "--help"],
        &["check-config", "--help"],
        &["storage", "--help"],
        &["storage", "upgrade", "--help"],
    ] {
        let help = program()
            .args(arguments)
            .env("MULTI_TENANT_MANAGER_API_KEY", "tk_1_s3cret")
            .env("INSTALLATION_TOKEN", "s3cret-token")
            .output()
            .expect("the program starts");
        let told = text(&help);
        assert!(help.status.success() && told.contains("Usage:"), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
}
