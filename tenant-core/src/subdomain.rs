//! [`Subdomain`]: from the bytes of an authority straight to a tenant's label, the way that nearly every request takes.
//!
//! It reads the label eight bytes at a time and compares the rest with a base domain, so it sees each byte once and copies
//! nothing but the label. It takes plain cases alone; [`Host::parse`] and [`HostRules::keys`] decide the others, and must
//! come to the same result in these.

use crate::host::Host;
use crate::id::TenantId;
use crate::label::Label;
use crate::rules::{HostRules, TenantKey};
use crate::swar;

/// The longest label that is read here: that of the longest id.
const MAX_LABEL: usize = TenantId::MAX_LENGTH;
/// In words.
const WORDS: usize = MAX_LABEL / 8;
/// The most digits of a port that need no comparison with the greatest one.
const SURE_DIGITS: usize = 4;

/// One label before a base domain: the name or the bare id of a tenant, if there is one.
#[derive(Debug, Clone, Copy)]
pub struct Subdomain<'a> {
    key: TenantKey<'a>,
    base: &'a Host,
}

/// A place on the stack for a label in lower case.
#[derive(Debug, Default)]
pub struct LabelText([[u8; 8]; WORDS]);

impl HostRules {
    /// The label before a base domain in `host [":" port]`, where that is plain to see.
    ///
    /// `None` says nothing about the authority: [`Host::parse`] and [`HostRules::keys`] have to tell. Where it is not `None`,
    /// they tell the same.
    ///
    /// ```
    /// use tenant_core::{Host, HostRules, LabelText};
    ///
    /// let rules = HostRules::base_domains(["your-domain.com".parse()?]);
    /// let authority = b"Company-X.Your-Domain.com:8585";
    /// let mut text = LabelText::default();
    /// let subdomain = rules.subdomain(authority, &mut text).expect("a plain case");
    /// let host = Host::parse(authority)?;
    /// assert_eq!(Ok(*subdomain.key()), rules.keys(&host).map(|keys| keys.first));
    /// assert_eq!(subdomain.host(), host);
    /// # Ok::<(), tenant_core::HostError>(())
    /// ```
    #[inline]
    pub fn subdomain<'a>(&'a self, authority: &'a [u8], text: &'a mut LabelText) -> Option<Subdomain<'a>> {
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
                // Nearly all labels are short, and two words stay in registers.
                [label @ .., b'.'] if label.len() <= 16 => {
                    return Subdomain::read::<2>(authority, label.len(), base, text);
                }
                [label @ .., b'.'] => return Subdomain::read::<WORDS>(authority, label.len(), base, text),
                [] => return None,
                _ => {}
            }
        }
        None
    }
}

/// Without a port, if there is one; `None` where that needs a closer look. Whether there is one is not branched on: nobody can
/// predict it where clients differ.
#[inline]
fn without_port(authority: &[u8]) -> Option<&[u8]> {
    let tail = swar::word(*authority.last_chunk()?);
    let colons = swar::within(tail, b':', b':');
    // The number of bytes behind the last colon, as far as the tail goes; 8 without one.
    let behind = colons.leading_zeros() as usize / 8;
    let port = !swar::first(8 - behind) & swar::LANES;
    let is_port = (1..=SURE_DIGITS).contains(&behind) && swar::within(tail, b'0', b'9') & port == port;
    if colons != 0 && !is_port {
        return None;
    }
    let dropped = if colons == 0 { 0 } else { behind + 1 };
    authority.get(..authority.len() - dropped)
}

/// Whether a text is the base domain, in any case; they are equally long.
#[inline]
fn is_base(suffix: &[u8], base: &Host) -> bool {
    let base = base.as_str().as_bytes();
    let (words, base_words) = (suffix.as_chunks::<8>().0, base.as_chunks::<8>().0);
    let differ = |text: &[u8; 8], base: &[u8; 8]| swar::lower(swar::word(*text)) ^ swar::word(*base);
    match (suffix.last_chunk(), base.last_chunk()) {
        // Overlaps the words before it.
        (Some(last), Some(base_last)) => {
            differ(last, base_last) == 0
                && words.iter().zip(base_words).all(|(text, base)| differ(text, base) == 0)
        }
        _ => suffix.eq_ignore_ascii_case(base),
    }
}

impl<'a> Subdomain<'a> {
    /// Reads the first bytes of an authority as a label that is no longer than so many words.
    #[inline]
    fn read<const N: usize>(
        authority: &'a [u8],
        length: usize,
        base: &'a Host,
        text: &'a mut LabelText,
    ) -> Option<Self> {
        if length == 0 || length > 8 * N || authority[0] == b'-' || authority[length - 1] == b'-' {
            return None;
        }
        let (mut label, mut hyphens, mut letters) = ([0; N], 0, 0);
        for (at, place) in label.iter_mut().enumerate() {
            let lanes = swar::first(length.saturating_sub(8 * at));
            let word = swar::lower(swar::word_at(authority, 8 * at)? & lanes);
            let (letters_here, hyphens_here) =
                (swar::within(word, b'a', b'z'), swar::within(word, b'-', b'-'));
            if (letters_here | hyphens_here | swar::within(word, b'0', b'9')) != swar::LANES & lanes {
                return None;
            }
            letters |= letters_here;
            hyphens |= swar::positions(hyphens_here) << (8 * at);
            *place = word;
        }
        // A tenant's name is neither all digits nor an A-label (`xn--`) or its like.
        if letters == 0 || label[0] & 0xffff_0000 == u64::from(u16::from_le_bytes(*b"--")) << 16 {
            return None;
        }
        let (id, id_length) = without_hyphens(label, hyphens, length);
        *text = LabelText(swar::padded(label));
        let label = Label::of(&text.0.as_flattened()[..length]);
        Some(Self { key: TenantKey::Label { id: TenantId::of_words(id, id_length)?, label }, base })
    }

    /// What to ask a directory for.
    #[inline]
    pub fn key(&self) -> &TenantKey<'a> {
        &self.key
    }

    /// The whole host in normal form.
    pub fn host(&self) -> Host {
        match self.key {
            TenantKey::Label { label, .. } => Host::under(&label, self.base),
            TenantKey::Domain(_) => unreachable!("it was read as a label"),
        }
    }
}

/// The words and their length, after the bytes at these places have been taken out.
#[inline]
fn without_hyphens<const N: usize>(
    mut words: [u64; N],
    mut hyphens: u64,
    mut length: usize,
) -> ([u64; N], usize) {
    // From the last one on, so that the places of the others stay. Once in any case: most labels have one hyphen or none, and
    // which of the two nobody can predict.
    loop {
        // Far behind the words where there is none.
        let last = 63_u32.wrapping_sub(hyphens.leading_zeros());
        swar::remove(&mut words, last as usize);
        length -= usize::from(hyphens != 0);
        hyphens ^= 1_u64.checked_shl(last).unwrap_or(0);
        if hyphens == 0 {
            return (words, length);
        }
    }
}
