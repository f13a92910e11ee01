//! What a program leaves behind, searched for what should not be in it.

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder and of all folders in it, with their content.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let content = fs::read(&path).expect("readable");
            found.push((path, content));
        }
    }
    found
}

pub(crate) fn contains(content: &[u8], text: &str) -> bool {
    assert!(!text.is_empty());
    content.windows(text.len()).any(|window| window == text.as_bytes())
}

/// What must not be found.
pub(crate) struct Secrets {
    named: Vec<(&'static str, String)>,
}

impl Secrets {
    pub(crate) fn new(named: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self { named: named.into_iter().collect() }
    }

    /// No secret, no token and no key of the management service is in this.
    pub(crate) fn assert_absent(&self, place: &str, content: &[u8]) {
        for (name, secret) in &self.named {
            assert!(!contains(content, secret), "{name} is in {place}");
        }
        assert!(!has_access_token(content), "an access token of the management service is in {place}");
        assert!(!has_key(content), "a key of the management service is in {place}");
    }

    pub(crate) fn assert_absent_from_log(&self, log: &[u8]) {
        self.assert_absent("the log", log);
        // Not even the beginning of one.
        assert!(!contains(log, "eyJ"), "a part of an access token is in the log");
    }
}

/// A JSON web token: a header and a payload, each an object in base64.
fn has_access_token(content: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    starts(content, b"eyJ").any(|rest| {
        let header = rest.iter().take_while(|byte| is_letter(byte)).count();
        rest[header..].starts_with(b".eyJ")
    })
}

/// `tk_<id>_<secret>`, whosever it is; the id alone is no secret.
fn has_key(content: &[u8]) -> bool {
    starts(content, b"tk_").any(|rest| {
        let rest = &rest[3..];
        let id = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        id > 0 && rest[id..].starts_with(b"_")
    })
}

/// Everything from each place on where `prefix` is.
fn starts<'a>(content: &'a [u8], prefix: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    (0..content.len()).map(|at| &content[at..]).filter(move |rest| rest.starts_with(prefix))
}

#[test]
fn tokens_and_keys_are_recognised_without_being_known() {
    assert!(has_access_token(b"Bearer eyJhbGciOi-_.eyJzdWIi.c2ln"));
    assert!(!has_access_token(b"a hash with eyJhb in it"));
    assert!(has_key(b"key=tk_0123456789abcdef_secret"));
    assert!(!has_key(b"key=tk_0123456789abcdef was used"));
}
