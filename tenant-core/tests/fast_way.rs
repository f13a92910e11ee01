//! The fast way from an authority to a label against the plain one, on random and mutated inputs: a million, and with
//! `TENANTRY_LONG` set a hundred million.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use tenant_core::{Host, HostKeys, HostRules, LabelText, TenantKey};

const BASES: &[&[&str]] = &[
    &["your-domain.com", "localhost"],
    &["eu.your-domain.com", "your-domain.com"],
    &["io"],
    &["b.io", "a-b.io"],
    &["a.very-long-base-domain.with-many.labels.and-a-long-name.example.com"],
];
/// What may be broken at any place.
const BYTES: &[u8] = b"aZz09-.-.:@_%[] \0\x7f\xc3\xff/A";

/// A small generator with a fixed seed (xorshift64*), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % bound
    }

    fn one_in(&mut self, chance: usize) -> bool {
        self.below(chance) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// A label, most often one that a tenant may have.
fn label(random: &mut Random, into: &mut Vec<u8>) {
    let length = match random.below(10) {
        0 => random.below(70),
        1 => [0, 1, 8, 15, 16, 17, 32, 40, 41, 63][random.below(10)],
        _ => 1 + random.below(18),
    };
    let alphabet: &[u8] = match random.below(8) {
        0 => b"0123456789",
        1 => b"0123456789abcdef",
        2 => b"ab-",
        3 => b"abcXYZ",
        _ => b"abcdefghijklmnopqrstuvwxyz0123456789-",
    };
    into.extend((0..length).map(|_| alphabet[random.below(alphabet.len())]));
}

/// Something like an authority below some base.
fn authority(random: &mut Random, bases: &[&str], into: &mut Vec<u8>) {
    into.clear();
    for _ in 0..1 + usize::from(random.one_in(12)) {
        label(random, into);
        into.push(b'.');
    }
    let base = random.pick(bases);
    let start = into.len();
    into.extend_from_slice(base.as_bytes());
    if random.one_in(4) {
        let at = start + random.below(base.len());
        into[at].make_ascii_uppercase();
    }
    if random.one_in(4) {
        into.push(b':');
        into.extend((0..random.below(7)).map(|_| b"0123456789"[random.below(10)]));
    }
    if random.one_in(4) {
        mutate(random, into);
    }
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let byte =
        if random.one_in(3) { random.next().to_le_bytes()[0] } else { BYTES[random.below(BYTES.len())] };
    let at = random.below(bytes.len() + 1);
    match random.below(4) {
        0 => bytes.insert(at, byte),
        1 => bytes.truncate(at),
        2 if at < bytes.len() => drop(bytes.remove(at)),
        _ if at < bytes.len() => bytes[at] = byte,
        _ => bytes.push(byte),
    }
}

/// Whether the plain way finds a label that the fast one is made for: not too long, with a port of four digits at most.
fn is_plain(bytes: &[u8], key: &TenantKey<'_>) -> bool {
    let TenantKey::Label { id, label } = key else { return false };
    let end = bytes.iter().position(|&byte| byte == b':').unwrap_or(bytes.len());
    let port = bytes.len().saturating_sub(end + 1);
    label.len() <= 40
        && id.as_str().len() != 32
        && bytes.len() >= 8
        && bytes[end - 1] != b'.'
        && (end == bytes.len() || (1..=4).contains(&port))
}

/// Whether the fast way was taken.
fn check(rules: &HostRules, bytes: &[u8]) -> bool {
    let mut text = LabelText::default();
    let host = Host::parse(bytes);
    let plain = host.as_ref().ok().and_then(|host| rules.keys(host).ok());
    match rules.subdomain(bytes, &mut text) {
        Some(fast) => {
            let expected = Some(HostKeys { first: *fast.key(), second: None });
            assert_eq!(plain, expected, "{:?}", String::from_utf8_lossy(bytes));
            assert_eq!(Ok(fast.host()), host, "{:?}", String::from_utf8_lossy(bytes));
            true
        }
        None => {
            let missed = plain.filter(|keys| is_plain(bytes, &keys.first));
            assert_eq!(missed, None, "not taken: {:?}", String::from_utf8_lossy(bytes));
            false
        }
    }
}

#[test]
fn the_fast_way_comes_to_the_same_result_as_the_plain_one() {
    let cases: usize = if std::env::var_os("TENANTRY_LONG").is_some() { 100_000_000 } else { 1_000_000 };
    let mut random = Random(0x5eed_0000_0000_0001);
    let (mut bytes, mut taken) = (Vec::new(), 0);
    for bases in BASES {
        let rules = HostRules::base_domains(bases.iter().map(|base| base.parse().unwrap()));
        for _ in 0..cases / BASES.len() {
            authority(&mut random, bases, &mut bytes);
            taken += usize::from(check(&rules, &bytes));
        }
    }
    assert!(taken > cases / 4, "only {taken} of {cases} took the fast way");
    println!("{cases} inputs, of which {taken} took the fast way");
}

#[test]
fn every_byte_at_every_place_of_an_authority() {
    let rules = HostRules::base_domains(["your-domain.com".parse().unwrap()]);
    for sent in ["company-x.your-domain.com", "a-longer-company-name.your-domain.com:8585"] {
        for at in 0..sent.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = sent.as_bytes().to_vec();
                bytes[at] = byte;
                check(&rules, &bytes);
            }
        }
    }
}
