//! What a client may send as a host, and what becomes of it. Every bug about hosts adds a row.

use tenant_core::{Host, HostError};

/// `input -> normal form`.
const ACCEPTED: &[(&str, &str, &str)] = &[
    ("company-x.your-domain.com", "company-x.your-domain.com", "RFC 9110 7.2: uri-host"),
    ("company-x.your-domain.com:8585", "company-x.your-domain.com", "RFC 9110 7.2: uri-host [\":\" port]"),
    (
        "company-x.your-domain.com:",
        "company-x.your-domain.com",
        "RFC 3986 3.2.3: port = *DIGIT, may be empty",
    ),
    ("a.example:0", "a.example", "RFC 3986 3.2.3: any digits"),
    ("a.example:65535", "a.example", "the greatest TCP port"),
    ("a.example:00080", "a.example", "RFC 3986 3.2.3: leading zeros are digits"),
    ("COMPANY-X.Your-Domain.COM", "company-x.your-domain.com", "RFC 3986 3.2.2: case-insensitive"),
    ("your-domain.com.", "your-domain.com", "RFC 3986 3.2.2: the last dot of a rooted name"),
    ("your-domain.com.:80", "your-domain.com", "RFC 3986 3.2.2 and 3.2.3 together"),
    ("localhost", "localhost", "RFC 1123 2.1: one label is a name"),
    ("3com.example", "3com.example", "RFC 1123 2.1: a label may begin with a digit"),
    ("1.2.3.4.example", "1.2.3.4.example", "RFC 1123 2.1: the last label decides that it is no address"),
    ("123.example", "123.example", "RFC 1123 2.1: a label may be all digits"),
    ("a--b.example", "a--b.example", "RFC 1123 2.1: hyphens within"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example", "RFC 5890 2.3.2.1: an A-label is a label"),
    ("XN--BCHER-KVA.example", "xn--bcher-kva.example", "RFC 5890 2.3.2.5: A-labels compare without case"),
];

const REFUSED: &[(&str, HostError, &str)] = &[
    ("", HostError::Empty, "RFC 9112 3.2: an empty Host is for targets without authority"),
    (":8585", HostError::Empty, "RFC 9110 4.2.1: an http URI with an empty host is invalid"),
    (".", HostError::Empty, "RFC 3986 3.2.2: the root alone is no host"),
    ("..", HostError::Label, "RFC 1035 2.3.1: a label is not empty"),
    ("a..example", HostError::Label, "RFC 1035 2.3.1: a label is not empty"),
    (".a.example", HostError::Label, "RFC 1035 2.3.1: a label is not empty"),
    ("a.example..", HostError::Label, "RFC 3986 3.2.2: one last dot, not two"),
    ("-a.example", HostError::Label, "RFC 1123 2.1: a label begins with a letter or digit"),
    ("a-.example", HostError::Label, "RFC 1123 2.1: a label ends with a letter or digit"),
    ("a.-", HostError::Label, "RFC 1123 2.1"),
    ("a_b.example", HostError::Character, "RFC 1123 2.1: letters, digits and hyphens"),
    ("*.example", HostError::Character, "RFC 1123 2.1"),
    ("a b.example", HostError::Character, "RFC 1123 2.1"),
    (" a.example", HostError::Character, "RFC 9110 5.5: white space is not part of a field's value"),
    ("a.example\t", HostError::Character, "RFC 9110 5.5"),
    ("a.example\0", HostError::Character, "RFC 9110 5.5"),
    ("a.example/", HostError::Character, "RFC 9110 7.2: no path"),
    ("a.example?x", HostError::Character, "RFC 9110 7.2: no query"),
    ("http://a.example", HostError::Port, "RFC 9110 7.2: no scheme"),
    ("a.example,b.example", HostError::Character, "RFC 9112 3.2: one host, not a list"),
    ("user@a.example", HostError::Character, "RFC 9110 4.2.4: no user information"),
    ("user:pw@a.example", HostError::Port, "RFC 9110 4.2.4: no user information"),
    ("a%2eexample", HostError::Character, "RFC 3986 3.2.2: a percent sign is never decoded"),
    ("%61.example", HostError::Character, "RFC 3986 3.2.2: a percent sign is never decoded"),
    ("bücher.example", HostError::Character, "RFC 5890 2.3.2.1: a U-label must be sent as an A-label"),
    ("a.example\u{3002}", HostError::Character, "RFC 3490 3.1: the ideographic full stop is no dot here"),
    ("\u{ff41}.example", HostError::Character, "RFC 5890: nothing is folded"),
    ("\u{212a}.example", HostError::Character, "RFC 5890: the kelvin sign does not become a k"),
    ("a.example:http", HostError::Port, "RFC 3986 3.2.3: digits"),
    ("a.example:-1", HostError::Port, "RFC 3986 3.2.3: digits"),
    ("a.example:+80", HostError::Port, "RFC 3986 3.2.3: digits"),
    ("a.example: 80", HostError::Port, "RFC 3986 3.2.3: digits"),
    ("a.example:65536", HostError::Port, "RFC 9293 3.1: a port has 16 bits"),
    ("a.example:18446744073709551696", HostError::Port, "RFC 9293 3.1: and none is taken modulo"),
    ("a.example:80:80", HostError::Port, "RFC 3986 3.2: one port"),
    ("[::1]", HostError::IpLiteral, "RFC 3986 3.2.2: IP-literal"),
    ("[2001:db8::1]:8585", HostError::IpLiteral, "RFC 3986 3.2.2: IP-literal"),
    ("[v1.a]", HostError::IpLiteral, "RFC 3986 3.2.2: IPvFuture"),
    ("[", HostError::IpLiteral, "RFC 3986 3.2.2: no host begins with a bracket"),
    ("::1", HostError::Port, "RFC 3986 3.2.2: an IPv6 address stands in brackets"),
    ("192.0.2.1", HostError::IpLiteral, "RFC 3986 3.2.2: IPv4address"),
    ("192.0.2.1:80", HostError::IpLiteral, "RFC 3986 3.2.2: IPv4address"),
    ("192.0.2.1.", HostError::IpLiteral, "WHATWG URL: browsers read it as an address"),
    ("127.1", HostError::IpLiteral, "RFC 1123 2.1: a name's last label is alphabetic"),
    ("2130706433", HostError::IpLiteral, "WHATWG URL: browsers read it as 127.0.0.1"),
    ("0x7f000001", HostError::IpLiteral, "WHATWG URL: browsers read it as 127.0.0.1"),
    ("127.0.0.0X1", HostError::IpLiteral, "WHATWG URL: hexadecimal, in upper case too"),
    ("256.256.256.256", HostError::IpLiteral, "RFC 1123 2.1: nor is it a name"),
    ("a.example.1", HostError::IpLiteral, "RFC 1123 2.1: a name's last label is alphabetic"),
];

#[test]
fn accepted() {
    for (input, normal, why) in ACCEPTED {
        assert_eq!(Host::parse(input.as_bytes()).as_ref().map(Host::as_str), Ok(*normal), "{input:?}: {why}");
    }
}

#[test]
fn refused() {
    for (input, error, why) in REFUSED {
        assert_eq!(Host::parse(input.as_bytes()), Err(*error), "{input:?}: {why}");
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_refused() {
    for input in [&b"\xff.example"[..], b"a.\xe4.example", b"a.example\x80"] {
        assert_eq!(Host::parse(input), Err(HostError::Character), "RFC 9110 5.5: obs-text");
    }
}

#[test]
fn lengths() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(longest.len(), 253);
    assert!(longest.parse::<Host>().is_ok(), "RFC 1035 2.3.4: 255 octets in the message, 253 as text");
    assert!(format!("{longest}.").parse::<Host>().is_ok(), "the last dot does not count");
    assert_eq!(format!("{longest}a").parse::<Host>(), Err(HostError::TooLong));
    assert_eq!(format!("a{label}.example").parse::<Host>(), Err(HostError::TooLong), "RFC 1035 2.3.4: 63");
    assert_eq!("a.".repeat(1 << 20).parse::<Host>(), Err(HostError::TooLong));
}

#[test]
fn the_port_is_told_where_one_is_written() {
    for (input, port) in [("a.example", None), ("a.example:", None), ("a.example.:8585", Some(8585))] {
        let (host, told) = Host::parse_with_port(input.as_bytes()).expect(input);
        assert_eq!((host.as_str(), told), ("a.example", port));
    }
}
