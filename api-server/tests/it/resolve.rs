//! `api-server resolve HOST`: the explanation, and its exit code.

use std::process::{Command, Output, Stdio};

use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::{EMAIL, Platform, Program, Tms};

/// Runs the command with the settings of a server, and no others.
async fn resolve(tms: &Tms, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
    command
        .env_clear()
        .env("MULTI_TENANT", "yes")
        .env("MULTI_TENANT_MANAGER_URL", tms.url())
        .env("MULTI_TENANT_MANAGER_API_KEY", tms.directory_key.expose_secret())
        .env("BASE_DOMAINS", "localhost")
        .envs(settings.iter().copied())
        .arg("resolve")
        .args(arguments)
        .stdin(Stdio::null());
    // The management service lives in this process, and must go on meanwhile.
    tokio::task::spawn_blocking(move || command.output().expect("the program starts")).await.expect("it ran")
}

/// What it printed, where it ended with this code.
fn printed(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_resolved_by_the_settings_of_a_server_and_the_real_service() {
    let platform = Platform::without_server().await;
    let tms = &platform.tms;
    tms.operate("POST", "/tenant", json!({ "name": "company-x", "email": EMAIL })).await;
    tms.operate("POST", "/tenant/companyx/activate", json!({})).await;
    tms.operate("POST", "/tenant", json!({ "name": "new", "email": EMAIL })).await;

    let output = resolve(tms, &[], &["Company-X.localhost:8585"]).await;
    assert_eq!(
        printed(&output, 0),
        "\
peer              ignored  no proxies are trusted
target            -        names no host
Host              counts   Company-X.localhost:8585
host              ok       company-x.localhost
base domain       ok       under localhost
label             ok       company-x, id companyx
memory            -        id companyx: nothing is known
directory         ok       id companyx: known, tenant company-x
spelling          ok       company-x names it
standing          ok       active
verdict           ok       tenant company-x, id companyx
"
    );
    for (host, verdict) in [
        ("c-ompanyx.localhost", "404 tenant_unknown: Tenant [companyx] not allowed."),
        ("nobody.localhost", "404 tenant_unknown: Tenant [nobody] not allowed."),
        ("new.localhost", "503 tenant_pending: Tenant [new] is not ready yet."),
        ("company_x.localhost", "400 host_invalid: Bad host: the host has a character that is not allowed."),
        ("b\u{fc}cher.example", "400 host_invalid: Bad host: the host has a character that is not allowed."),
        ("localhost", "400 host_invalid: This host is the base domain, not a tenant's."),
        ("shop.example", "400 host_invalid: This host is no tenant's."),
    ] {
        let text = printed(&resolve(tms, &[], &[host]).await, 1);
        assert!(text.ends_with(&format!("verdict           refused  {verdict}\n")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_a_peer_count_as_they_would_at_a_server() {
    let platform = Platform::without_server().await;
    let tms = &platform.tms;
    tms.operate("POST", "/tenant", json!({ "name": "company-x", "email": EMAIL })).await;
    tms.operate("POST", "/tenant/companyx/activate", json!({})).await;
    let trusted = [("TRUSTED_PROXIES", "10.0.0.1,")];
    let forwarded = ["--header", "X-Forwarded-Host: company-x.localhost"];
    let by = |peer: &'static str| [&["10.1.2.3:8585", "--peer", peer][..], &forwarded].concat();

    let text = printed(&resolve(tms, &trusted, &by("10.0.0.1")).await, 0);
    assert!(text.contains("peer              counts   10.0.0.1 is a trusted proxy\n"), "{text}");
    let text = printed(&resolve(tms, &trusted, &by("192.0.2.1")).await, 1);
    assert!(text.contains("ignored  company-x.localhost: not from a trusted proxy\n"), "{text}");
    let text = printed(&resolve(tms, &[], &by("10.0.0.1")).await, 1);
    assert!(text.contains("no proxies are trusted"), "{text}");
    let flag = [&by("10.0.0.1")[..], &["--trusted-proxies", "10.0.0.0/8"]].concat();
    printed(&resolve(tms, &[], &flag).await, 0);
    let header = ["?", "--header", "X-Tenant: company-x", "--tenant-header", "x-tenant"];
    printed(&resolve(tms, &[], &header).await, 0);
    let two = ["company-x.localhost", "--header", "Host: company-x.localhost"];
    let text = printed(&resolve(tms, &[], &two).await, 1);
    assert!(text.contains(": company-x.localhost, company-x.localhost\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_has_a_code_of_its_own() {
    let mut platform = Platform::without_server().await;
    let wrong_key = [("MULTI_TENANT_MANAGER_API_KEY", "wrong")];
    let text = printed(&resolve(&platform.tms, &wrong_key, &["company-x.localhost"]).await, 2);
    assert!(text.contains("directory         unclear  id companyx: cannot be asked"), "{text}");
    assert!(text.contains("verdict           unclear  503 tenant_unavailable"), "{text}");
    for (settings, arguments, said) in [
        (&[("BASE_DOMAINS", "local_host")][..], &["a.localhost"][..], "BASE_DOMAINS"),
        (&[("MULTI_TENANT_MANAGER_URL", "")], &["a.localhost"], "MULTI_TENANT_MANAGER_URL"),
        (&[], &["a\n.localhost"], "control character"),
        (&[], &["http://a.localhost/"], "give the host alone"),
        (&[("TRUSTED_PROXIES", "proxy")], &["a.localhost"], "TRUSTED_PROXIES"),
        (&[], &["a.localhost", "--header", "X-Tenant"], "use a header such as"),
        (&[], &["a.localhost", "--peer", "somebody"], "--peer"),
        (&[], &[], "HOST"),
    ] {
        let output = resolve(&platform.tms, settings, arguments).await;
        assert_eq!(printed(&output, 2), "", "{arguments:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(said), "{arguments:?}: {errors}");
    }
    platform.tms.stop().await;
    printed(&resolve(&platform.tms, &[], &["company-x.localhost"]).await, 2);
    printed(&resolve(&platform.tms, &[], &["company_x.localhost"]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_not_in_the_way_and_nothing_is_written() {
    let platform = Platform::without_server().await;
    let tms = &platform.tms;
    tms.operate("POST", "/tenant", json!({ "name": "company-x", "email": EMAIL })).await;
    tms.operate("POST", "/tenant/companyx/activate", json!({})).await;
    let in_use = platform.data_dir();
    let _program = Program::serve(tms, &in_use);
    let unused = platform.folder().join("unused");
    for data_dir in [&in_use, &unused] {
        let settings = [("DATA_DIR", data_dir.to_str().expect("text"))];
        printed(&resolve(tms, &settings, &["company-x.localhost"]).await, 0);
    }
    assert!(!unused.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_tenant_it_says_so() {
    let platform = Platform::without_server().await;
    let settings = [("MULTI_TENANT", "no"), ("TENANT_NAME", "solo")];
    let output = resolve(&platform.tms, &settings, &["whatever"]).await;
    let text = printed(&output, 0);
    assert!(text.starts_with("one tenant        counts   every host is its; none is read\n"), "{text}");
    assert!(text.ends_with("verdict           ok       tenant solo, id solo\n"), "{text}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("MULTI_TENANT is off"), "{output:?}");
}

/// The commands that the page shows, each with what it says is printed.
fn shown(page: &'static str) -> Vec<(Vec<String>, &'static str)> {
    let blocks = page.split("```console\n$ api-server resolve ").skip(1);
    let read = |block: &'static str| {
        let (command, rest) = block.split_once('\n').expect("a command");
        // Every other part stands in quotes.
        let parts = command.split('\'').enumerate();
        let words = parts.flat_map(|(number, part)| match number % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        (words.collect(), rest.split_once("```").expect("the end of the block").0)
    };
    blocks.map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_about_hosts_shows_what_is_printed() {
    let platform = Platform::without_server().await;
    let tms = &platform.tms;
    tms.operate("POST", "/tenant", json!({ "name": "company-x", "email": EMAIL })).await;
    tms.operate("POST", "/tenant/companyx/activate", json!({})).await;
    let settings = [("BASE_DOMAINS", "your-domain.com"), ("TRUSTED_PROXIES", "10.0.0.0/8")];
    let commands = shown(include_str!("../../../docs/hosts.md"));
    assert_eq!(commands.len(), 5);
    for (arguments, promised) in commands {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = resolve(tms, &settings, &arguments).await;
        assert_eq!(String::from_utf8_lossy(&output.stdout), promised, "{arguments:?}");
    }
}
