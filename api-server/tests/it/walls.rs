//! Walls of the program that a compiler cannot hold: who may name what.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { sources(&entry, into) } else { into.push(entry) }
    }
}

/// The files below `src` in which a line of code has this text.
fn naming(text: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources are there");
    let names = |file: &&PathBuf| {
        let code = fs::read_to_string(file).expect("a source");
        code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(text))
    };
    let found = files.iter().filter(names);
    let mut found: Vec<_> =
        found.map(|file| file.strip_prefix(&root).expect("below").display().to_string()).collect();
    found.sort();
    found
}

#[test]
fn only_the_installer_works_on_tenants_that_are_not_active() {
    // The operator's upgrade asks for it by the file, and opens nobody's data.
    assert_eq!(naming("lifecycle"), ["install.rs", "maintenance/upgrade.rs"]);
    assert_eq!(naming("lifecycle::upgrade"), ["maintenance/upgrade.rs"]);
    assert_eq!(naming("lifecycle::install"), ["install.rs"]);
    assert!(naming("LifecycleHandle").is_empty());
}

#[test]
fn a_server_has_nothing_of_the_operators_commands() {
    assert_eq!(naming("maintenance"), ["lib.rs", "run.rs"]);
    assert_eq!(naming("EmbeddedStore::open"), ["maintenance/mod.rs", "serve.rs"]);
}

#[test]
fn a_handler_opens_a_store_for_an_active_tenant_alone() {
    assert_eq!(naming("NamespacedStore::new"), ["install.rs", "state.rs"]);
    assert_eq!(naming("dyn Store"), ["install.rs", "maintenance/upgrade.rs", "serve.rs", "state.rs"]);
}

#[test]
fn the_environment_is_read_by_the_settings_alone() {
    assert_eq!(naming("env ="), ["config/args.rs", "config/engine.rs"]);
    assert!(naming("env::var").is_empty());
}
