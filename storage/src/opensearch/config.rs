//! [`OpenSearchConfig`]: where the engine is, and how it is talked to.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::opensearch::home::EnginePlacement;
use crate::opensearch::partition::Period;

/// The kinds of the original's indices, and its default partitions (contract section 3).
const OWN_KINDS: [(&str, Period); 6] = [
    ("event", Period::Quarter),
    ("entity", Period::Quarter),
    ("log", Period::Month),
    ("session", Period::Quarter),
    ("profile", Period::Quarter),
    ("field-update-log", Period::Month),
];

/// Settings of an [`OpenSearchStore`](crate::OpenSearchStore).
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenSearchConfig {
    /// The URLs of some nodes of one cluster, such as `http://localhost:9200`. Each request goes to the next one; a node that
    /// cannot be reached is left out for a while.
    pub hosts: Vec<String>,
    /// Who the engine is told we are.
    pub credentials: Credentials,
    /// A PEM file's content with the authorities that may have signed the engine's certificate, beside the system's.
    pub authorities: Option<Vec<u8>>,
    /// Whether the engine's certificate is checked. Default true; false lets anybody between the two read and change
    /// everything.
    pub verify_certificates: bool,
    /// What the names of the indices of all tenants begin with. Default `tenantry`.
    pub prefix: String,
    /// Where the documents of a tenant go that is installed from now on. Those that are installed stay where they are.
    /// Default: shared.
    pub placement: EnginePlacement,
    /// What the names of tenants' own indices begin with. Default `09x`, as those of version 0.9.0 of the original.
    pub own_version: String,
    /// The kinds that a tenant with indices of its own has there, and how long a partition of each is; all other kinds are in
    /// the indices of all tenants. Default: the six of the original (contract section 8).
    pub own_kinds: Vec<(String, Period)>,
    /// Into how many shards each index of all tenants is divided when it is made; a tenant's documents of a kind are in one
    /// of them. Default 3.
    pub shards: NonZeroU32,
    /// Into how many shards each index of a tenant's own is divided when it is made. Default 3.
    pub own_shards: NonZeroU32,
    /// The same for the index of the kinds without a time field, which have one together. Default 3.
    pub other_shards: NonZeroU32,
    /// How many further copies each shard has; `None`: one, where the cluster has more than one data node when the index is
    /// made. An acknowledged document is on the disks of all copies that are there at that moment.
    pub replicas: Option<u32>,
    /// How long after a write a search may miss it. Default 1 s.
    pub refresh_interval: Duration,
    /// How long one request to the engine may take. Default 12 s.
    pub timeout: Duration,
    /// How many requests may be under way to one node at once; others wait, for as long as one may take. Default 25.
    pub max_connections: NonZeroUsize,
    /// Whether what is sent is compressed (gzip), where it is larger than 1 KiB, and the answers may be. It is a little less on
    /// the wire for a lot more to compute, on both sides. Default false.
    pub compress: bool,
    /// How many requests that write may be under way at once. While one is, what comes goes together in the next one, which is
    /// begun beside it for 128 KiB, or once it takes longer than 50 ms; one that takes longer than a second does not count.
    /// Default 4.
    pub writers: NonZeroUsize,
    /// About how many bytes go in one request that writes. Default 8 MiB.
    pub bulk_bytes: NonZeroUsize,
    /// How many bytes may wait to be written; what comes beyond that is refused as
    /// [`Unavailable`](crate::StoreErrorKind::Unavailable). Default 64 MiB.
    pub queued_bytes: NonZeroUsize,
}

/// Who the engine is told we are.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing is said.
    #[default]
    None,
    /// HTTP basic authentication.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// An API key.
    ApiKey {
        /// Its id.
        id: String,
        /// The key.
        key: String,
    },
}

impl fmt::Debug for Credentials {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Basic { username, .. } => {
                f.debug_struct("Basic").field("username", username).finish_non_exhaustive()
            }
            Self::ApiKey { id, .. } => f.debug_struct("ApiKey").field("id", id).finish_non_exhaustive(),
        }
    }
}

impl fmt::Debug for OpenSearchConfig {
    /// Without what a URL may hide.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSearchConfig")
            .field("hosts", &self.hosts.len())
            .field("credentials", &self.credentials)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl OpenSearchConfig {
    /// The defaults, for nodes at these URLs.
    pub fn new(hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            hosts: hosts.into_iter().map(Into::into).collect(),
            credentials: Credentials::None,
            authorities: None,
            verify_certificates: true,
            prefix: "tenantry".to_owned(),
            placement: EnginePlacement::Shared,
            own_version: "09x".to_owned(),
            own_kinds: OWN_KINDS.map(|(kind, period)| (kind.to_owned(), period)).to_vec(),
            shards: const { NonZeroU32::new(3).expect("3 is not zero") },
            own_shards: const { NonZeroU32::new(3).expect("3 is not zero") },
            other_shards: const { NonZeroU32::new(3).expect("3 is not zero") },
            replicas: None,
            refresh_interval: Duration::from_secs(1),
            timeout: Duration::from_secs(12),
            max_connections: const { NonZeroUsize::new(25).expect("25 is not zero") },
            compress: false,
            writers: const { NonZeroUsize::new(4).expect("4 is not zero") },
            bulk_bytes: const { NonZeroUsize::new(8 << 20).expect("8 MiB is not zero") },
            queued_bytes: const { NonZeroUsize::new(64 << 20).expect("64 MiB is not zero") },
        }
    }
}
