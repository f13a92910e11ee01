//! [`Attack`]: the ways that are tried through the wall, by name.

use std::fmt;

macro_rules! attacks {
    ($($(#[doc = $doc:literal])+ $name:ident $text:literal,)+) => {
        /// What is tried. Its `Display` is the name in a [`Report`](super::Report), in lower case with hyphens.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Attack {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Attack {
            /// All of them, in the order in which they are tried.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }

        impl fmt::Display for Attack {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$name => $text),+ })
            }
        }
    };
}

attacks! {
    /// None yet: each tenant's own request, which must be answered with its own secret. What comes later proves nothing
    /// where this does not hold.
    OwnRequests "own-requests",
    /// The one's host without any credentials.
    MissingCredentials "missing-credentials",
    /// The one's host with the credentials of the other, in the words of either.
    ForeignCredentials "foreign-credentials",
    /// The one's host and credentials, with the path and body by which the other reads its own.
    ForeignPath "foreign-path",
    /// Headers by which a client names another host or tenant: `Forwarded`, `X-Forwarded-Host`, `X-Original-Host`,
    /// `X-Host`, `X-Rewrite-URL`, `X-Tenant` and their like.
    ForwardedHeaders "forwarded-headers",
    /// Several Host headers, folded ones, and one with a space before its colon (RFC 9112 sections 3.2, 5.1 and 5.2).
    TwoHosts "two-hosts",
    /// A host in the target (absolute form, `:authority`) that is not the one in the Host header (RFC 9112 section 3.2.2,
    /// RFC 9113 section 8.3.1).
    Disagreement "disagreement",
    /// The same host in other letters, with a last dot, with a port: the same tenant (RFC 9110 section 4.2.3).
    OtherSpellings "other-spellings",
    /// Hosts that look like a tenant's and are not: `a-cme`, `acme2`, `acm`, `acme.attacker.example`.
    LookAlikes "look-alikes",
    /// What is no host, or two at once: user information, lists, NUL, white space, percent signs, no host at all.
    MalformedHosts "malformed-hosts",
    /// Both tenants ask for the same, in turns and at the same time: an answer that was kept for the one must not reach
    /// the other.
    KeptAnswers "kept-answers",
    /// The one asks whether the other's copy is still good (`If-None-Match`): it never had that copy.
    Validators "validators",
    /// Nothing is sent: whether the answers of [`Attack::OwnRequests`] may be kept by caches that many share.
    SharedCaches "shared-caches",
    /// Requests for both on one connection, one after the other.
    OneConnection "one-connection",
    /// Requests for both on one connection of HTTP/1.1, sent before the first is answered.
    Pipelining "pipelining",
    /// Requests for both on one connection of HTTP/2, at the same time.
    Streams "streams",
    /// Hosts of nobody, told by [`Isolation::unknown_host`](super::Isolation::unknown_host).
    UnknownHosts "unknown-hosts",
    /// Hosts of tenants that are not served, told by [`Isolation::suspended_host`](super::Isolation::suspended_host).
    SuspendedHosts "suspended-hosts",
    /// Writing at the one's host with the credentials of the other. The last one, for it may leave something behind.
    ForeignWrite "foreign-write",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = Attack::ALL.iter().map(Attack::to_string).collect();
        assert_eq!(names.len(), Attack::ALL.len());
        assert_eq!(format!("{:>10}", Attack::Streams), "   streams");
    }
}
