//! [`Subdomain`]: from the bytes of an authority straight to a tenant's label, the way that nearly every request takes.
//!
//! It reads the label eight bytes at a time and compares the rest with a base domain, so it sees each byte once and copies
//! nothing but the label. It takes plain cases alone; [`Host::parse`] and [`HostRules::keys`] decide the others, and must
//! come to the same result in these.

use crate::host::Host;
use crate::id::TenantId;
use crate::rules::{HostRules, TenantKey};
use crate::swar;

/// The longest label that is read here: that of the longest id.
const MAX_LABEL: usize = TenantId::MAX_LENGTH;
/// The most digits of a port that need no comparison with the greatest one.
const SURE_DIGITS: usize = 4;

/// One label before a base domain: the name or the bare id of a tenant, if there is one.
#[derive(Debug, Clone, Copy)]
pub struct Subdomain<'r> {
    id: TenantId,
    label: Label,
    base: &'r Host,
}

/// The label in lower case, with zeros behind it.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))]
struct Label {
    text: [u8; MAX_LABEL],
    length: usize,
}

impl HostRules {
    /// The label before a base domain in `host [":" port]`, where that is plain to see.
    ///
    /// `None` says nothing about the authority: [`Host::parse`] and [`HostRules::keys`] have to tell. Where it is not `None`,
    /// they tell the same.
    ///
    /// ```
    /// use tenant_core::{Host, HostRules};
    ///
    /// let rules = HostRules::base_domains(["your-domain.com".parse()?]);
    /// let authority = b"Company-X.Your-Domain.com:8585";
    /// let subdomain = rules.subdomain(authority).expect("a plain case");
    /// let host = Host::parse(authority)?;
    /// assert_eq!(Ok(subdomain.key()), rules.keys(&host).map(|keys| keys.first));
    /// assert_eq!(subdomain.host(), host);
    /// # Ok::<(), tenant_core::HostError>(())
    /// ```
    #[inline]
    pub fn subdomain(&self, authority: &[u8]) -> Option<Subdomain<'_>> {
        let name = without_port(authority)?;
        if name.len() > Host::MAX_LENGTH {
            return None;
        }
        for base in self.bases() {
            let Some(at) = name.len().checked_sub(base.as_str().len()) else { continue };
            let (before, suffix) = name.split_at(at);
            if !is_base(suffix, base) {
                continue;
            }
            match before {
                [label @ .., b'.'] => return Subdomain::read(label.len(), authority, base),
                [] => return None,
                _ => {}
            }
        }
        None
    }
}

/// Without a port, if there is one; `None` where that needs a closer look.
#[inline]
fn without_port(authority: &[u8]) -> Option<&[u8]> {
    let digits = authority.iter().rev().take(SURE_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return Some(authority);
    }
    authority[..authority.len() - digits].strip_suffix(b":")
}

/// Most clients send lower case.
#[inline]
fn is_base(suffix: &[u8], base: &Host) -> bool {
    let base = base.as_str().as_bytes();
    suffix == base || suffix.eq_ignore_ascii_case(base)
}

impl<'r> Subdomain<'r> {
    /// Reads the first bytes of an authority as a label.
    #[inline]
    fn read(length: usize, authority: &[u8], base: &'r Host) -> Option<Self> {
        if length == 0 || length > MAX_LABEL || authority[0] == b'-' || authority[length - 1] == b'-' {
            return None;
        }
        let mut label = Label { text: [0; MAX_LABEL], length };
        let (mut id, mut id_length, mut letters) = ([0; 5], 0, 0);
        for (at, bytes) in label.text.as_chunks_mut::<8>().0.iter_mut().enumerate().take(length.div_ceil(8)) {
            let left = length - 8 * at;
            let lanes = swar::first(left);
            let word = swar::lower(swar::word_at(authority, 8 * at)? & lanes);
            let hyphens = swar::within(word, b'-', b'-');
            let letters_here = swar::within(word, b'a', b'z');
            if (letters_here | swar::within(word, b'0', b'9') | hyphens) != swar::LANES & lanes {
                return None;
            }
            letters |= letters_here;
            *bytes = word.to_le_bytes();
            append(&mut id, id_length, swar::without(word, hyphens));
            id_length += left.min(8) - hyphens.count_ones() as usize;
        }
        if letters == 0 || label.text[2..4] == *b"--" {
            return None;
        }
        Some(Self { id: TenantId::of_words(id, id_length)?, label, base })
    }

    /// What to ask a directory for.
    #[inline]
    pub fn key(&self) -> TenantKey<'_> {
        TenantKey::Label { id: self.id, label: self.label() }
    }

    /// The whole host in normal form.
    pub fn host(&self) -> Host {
        Host::under(self.label(), self.base)
    }

    #[inline]
    fn label(&self) -> &str {
        let text = str::from_utf8(&self.label.text).expect("a label is ASCII");
        &text[..self.label.length.min(MAX_LABEL)]
    }
}

/// Puts a word behind the first `length` bytes.
#[inline]
fn append(words: &mut [u64; 5], length: usize, word: u64) {
    let (at, bits) = (length / 8, 8 * (length % 8));
    if let Some(first) = words.get_mut(at) {
        *first |= word << bits;
    }
    if bits > 0
        && let Some(second) = words.get_mut(at + 1)
    {
        *second |= word >> (64 - bits);
    }
}
