//! Finding a secret in bytes, also where it was encoded on the way.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// How a secret stood in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// As it is.
    Plain,
    /// With percent escapes (RFC 3986 section 2.1).
    Percent,
    /// With the escapes of a JSON string (RFC 8259 section 7).
    Json,
    /// In Base64, either alphabet, alone or within something longer.
    Base64,
    /// As hexadecimal digits.
    Hex,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "as it is",
            Self::Percent => "percent-escaped",
            Self::Json => "JSON-escaped",
            Self::Base64 => "in Base64",
            Self::Hex => "in hexadecimal",
        })
    }
}

/// The first form in which the text holds the secret.
pub(crate) fn find(text: &[u8], secret: &str) -> Option<Form> {
    let secret = secret.as_bytes();
    if holds(text, secret) {
        Some(Form::Plain)
    } else if holds(&percent_decoded(text), secret) {
        Some(Form::Percent)
    } else if holds(&json_unescaped(text), secret) {
        Some(Form::Json)
    } else if base64_of(secret).iter().any(|part| holds(&standard_alphabet(text), part)) {
        Some(Form::Base64)
    } else if holds(&text.to_ascii_lowercase(), &hex(secret)) {
        Some(Form::Hex)
    } else {
        None
    }
}

pub(crate) fn holds(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, after @ ..]) if digit(*high).is_some() && digit(*low).is_some() => {
                let value = digit(*high).unwrap_or_default() * 16 + digit(*low).unwrap_or_default();
                decoded.push(u8::try_from(value).unwrap_or_default());
                rest = after;
            }
            (b'+', _) => decoded.push(b' '),
            _ => decoded.push(*byte),
        }
    }
    decoded
}

/// Undoes the escapes of JSON strings wherever they stand; surrogate pairs too.
fn json_unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut units = Vec::new();
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        if let Some((unit, after)) = utf16_escape(rest) {
            units.push(unit);
            rest = after;
            continue;
        }
        flush(&mut units, &mut plain);
        match (byte, after) {
            (b'\\', [escaped @ (b'"' | b'\\' | b'/'), after @ ..]) => {
                plain.push(*escaped);
                rest = after;
            }
            (b'\\', [b'n', after @ ..]) => {
                plain.push(b'\n');
                rest = after;
            }
            (b'\\', [b't', after @ ..]) => {
                plain.push(b'\t');
                rest = after;
            }
            _ => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    flush(&mut units, &mut plain);
    plain
}

fn utf16_escape(text: &[u8]) -> Option<(u16, &[u8])> {
    let [b'\\', b'u', a, b, c, d, after @ ..] = text else { return None };
    let digits = [a, b, c, d].map(|byte| digit(*byte));
    let unit = digits.into_iter().try_fold(0, |unit, digit| Some(unit * 16 + digit?))?;
    Some((u16::try_from(unit).ok()?, after))
}

fn flush(units: &mut Vec<u16>, plain: &mut Vec<u8>) {
    plain.extend_from_slice(String::from_utf16_lossy(units).as_bytes());
    units.clear();
}

fn digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

/// The digits that stand for the secret whatever comes before and after it: those that hold bits of a neighbour are
/// left out. One text for each of the three places where a secret can begin in a group of three bytes.
fn base64_of(secret: &[u8]) -> Vec<Vec<u8>> {
    (0..3)
        .map(|before| {
            let padded = [&b"\0\0"[..before], secret].concat();
            let digits = STANDARD_NO_PAD.encode(&padded).into_bytes();
            let first = (before * 8).div_ceil(6);
            let last = padded.len() * 8 / 6;
            digits.get(first..last).unwrap_or_default().to_vec()
        })
        // Less than that is found by chance.
        .filter(|digits| digits.len() >= 6)
        .collect()
}

fn standard_alphabet(text: &[u8]) -> Vec<u8> {
    text.iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect()
}

fn hex(secret: &[u8]) -> Vec<u8> {
    secret.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let secret = "größe \"7\"/x";
        for (text, form) in [
            ("<größe \"7\"/x>", Form::Plain),
            ("q=gr%C3%B6%c3%9fe+%227%22%2Fx&", Form::Percent),
            (r#"{"a":"gr\u00f6\u00DFe \"7\"\/x"}"#, Form::Json),
            ("67 72 c3 but 6772C3B6c39f6520223722 2f78 67 6772C3B6c39f65202237222f78", Form::Hex),
        ] {
            assert_eq!(find(text.as_bytes(), secret), Some(form), "{text}");
        }
        assert_eq!(find(b"gr%C3%B6%C3e %227\" \\u12 %", secret), None);
    }

    #[test]
    fn a_secret_is_found_in_base64_wherever_it_stands() {
        let secret = "the>?>?secret of acme";
        for before in ["", "x", "yy", "zzz", "name:"] {
            for after in ["", "}", "::", ":::"] {
                let text = STANDARD_NO_PAD.encode(format!("{before}{secret}{after}"));
                assert_eq!(find(text.as_bytes(), secret), Some(Form::Base64), "{before} {after}");
                let url_safe = text.replace('+', "-").replace('/', "_");
                assert_eq!(find(url_safe.as_bytes(), secret), Some(Form::Base64), "{before} {after}");
            }
        }
        assert_eq!(find(STANDARD_NO_PAD.encode("the secret of globex").as_bytes(), secret), None);
    }

    #[test]
    fn a_secret_outside_the_basic_plane_is_found_as_a_pair() {
        assert_eq!(find(br#""a\ud83d\ude80b""#, "a\u{1f680}b"), Some(Form::Json));
    }
}
