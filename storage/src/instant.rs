//! Which strings are instants: RFC 3339, and nothing that only looks like a time.

use jiff::Timestamp;

/// Reads an RFC 3339 `date-time` (section 5.6) with at most nine digits of a second; anything else is `None`.
///
/// The parser alone would accept more: a space for the `T`, no seconds, a zone in brackets.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() < "2026-01-01T00:00:00Z".len() || !bytes.is_ascii() {
        return None;
    }
    let shape = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !shape.into_iter().all(|(at, expected)| bytes[at].to_ascii_uppercase() == expected) {
        return None;
    }
    is_tail(&bytes[19..]).then(|| text.parse().ok()).flatten()
}

/// What follows the seconds: an optional fraction, then `Z` or `+hh:mm`.
fn is_tail(tail: &[u8]) -> bool {
    let zone = match tail.split_first() {
        Some((b'.', rest)) => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &rest[digits..]
        }
        _ => tail,
    };
    match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', hours @ .., b':', _, _] => hours.len() == 2,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rfc_3339_calls_a_date_time_is_an_instant() {
        for (text, utc) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02t03:04:05z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.5+02:00", "2026-01-02T01:04:05.5Z"),
            ("2026-01-02T03:04:05.123456789-00:30", "2026-01-02T03:34:05.123456789Z"),
            ("2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse(text), utc.parse().ok(), "{text}");
            assert!(parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_time_is_none() {
        for text in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05,5Z",
            "2026-01-02T03:04:05+0200",
            "2026-01-02T03:04:05+02",
            "2026-01-02T03:04:05Z[UTC]",
            "2026-01-02T03:04:05+01:00[Europe/Warsaw]",
            "2026-13-02T03:04:05Z",
            "2026-02-30T03:04:05Z",
            "2026-01-02T03:04:05é",
            "+002026-01-02T03:04:05Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
