//! What others would do: from the bytes of a `Host` header to an `Arc` of the tenant.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use tenant_core::Tenant;

use crate::hosts::{self, DOTTED_BASE};

/// The longest host that an opponent reads.
const LONGEST: usize = 64;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The least that has to be done: the label in lower case, eight bytes at a time, if the base domain follows. It checks no
/// character of the label, and takes any port.
#[inline]
pub fn label<'a>(host: &[u8], text: &'a mut [u8; LONGEST]) -> Option<&'a [u8]> {
    let length = host.len().min(LONGEST);
    text[..length].copy_from_slice(&host[..length]);
    let mut dot = None;
    for (at, bytes) in text.as_chunks_mut::<8>().0.iter_mut().enumerate().take(length.div_ceil(8)) {
        let word = u64::from_le_bytes(*bytes);
        let seven = word & !HIGH;
        let upper = (seven + ONES * 0x3f) & !(seven + ONES * 0x25) & !word & HIGH;
        let lower = word | upper >> 2;
        *bytes = lower.to_le_bytes();
        let no_dot = lower ^ (ONES * u64::from(b'.'));
        let dots = no_dot.wrapping_sub(ONES) & !no_dot & HIGH;
        if dots != 0 && dot.is_none() {
            dot = Some(8 * at + dots.trailing_zeros() as usize / 8);
        }
    }
    let (label, rest) = text[..length].split_at(dot?);
    let is_base = rest.get(..DOTTED_BASE.len()) == Some(DOTTED_BASE.as_bytes())
        && matches!(rest.get(DOTTED_BASE.len()), None | Some(b':'));
    is_base.then_some(label)
}

/// The label as a text of its own, as most write it.
pub fn label_text(host: &[u8]) -> Option<String> {
    let host = str::from_utf8(host).ok()?.to_ascii_lowercase();
    let host = host.split(':').next()?;
    Some(host.strip_suffix(DOTTED_BASE)?.to_owned())
}

/// The same tenants in all of them.
pub struct Opponents {
    /// By bytes, with a fast hash.
    pub plain: HashMap<Box<[u8]>, Arc<Tenant>, RandomState>,
    /// By text, with the standard library's hash.
    pub by_text: HashMap<String, Arc<Tenant>>,
    /// The map behind a pointer that can be swapped.
    pub swapped: ArcSwap<HashMap<Box<[u8]>, Arc<Tenant>, RandomState>>,
    /// Read without a lock.
    pub papaya: papaya::HashMap<Box<[u8]>, Arc<Tenant>, RandomState>,
    /// In shards, each with a lock.
    pub dashmap: dashmap::DashMap<Box<[u8]>, Arc<Tenant>, RandomState>,
    /// A cache, with a fast hash.
    pub moka: moka::sync::Cache<Box<[u8]>, Arc<Tenant>, RandomState>,
    /// A cache, by text, with its own hash.
    pub moka_by_text: moka::sync::Cache<String, Arc<Tenant>>,
    /// A router of paths, used for hosts.
    pub matchit: matchit::Router<Arc<Tenant>>,
}

impl Opponents {
    /// With so many tenants.
    ///
    /// # Panics
    /// If two tenants have the same name.
    pub fn new(tenants: usize) -> Self {
        let all: Vec<(String, Arc<Tenant>)> =
            (0..tenants).map(|tenant| (hosts::name(tenant), Arc::new(hosts::tenant(tenant)))).collect();
        let bytes = |name: &String| Box::<[u8]>::from(name.as_bytes());
        let plain: HashMap<_, _, RandomState> =
            all.iter().map(|(name, tenant)| (bytes(name), Arc::clone(tenant))).collect();
        let room = 2 * tenants as u64;
        let opponents = Self {
            by_text: all.iter().cloned().collect(),
            swapped: ArcSwap::from_pointee(plain.clone()),
            plain,
            papaya: papaya::HashMap::default(),
            dashmap: dashmap::DashMap::default(),
            moka: moka::sync::Cache::builder().max_capacity(room).build_with_hasher(RandomState::default()),
            moka_by_text: moka::sync::Cache::new(room),
            matchit: matchit::Router::new(),
        };
        opponents.fill(&all)
    }

    fn fill(mut self, all: &[(String, Arc<Tenant>)]) -> Self {
        for (name, tenant) in all {
            let key = Box::<[u8]>::from(name.as_bytes());
            self.papaya.pin().insert(key.clone(), Arc::clone(tenant));
            self.dashmap.insert(key.clone(), Arc::clone(tenant));
            self.moka.insert(key, Arc::clone(tenant));
            self.moka_by_text.insert(name.clone(), Arc::clone(tenant));
            self.matchit.insert(name.as_str(), Arc::clone(tenant)).expect("each name is there once");
        }
        self.moka.run_pending_tasks();
        self.moka_by_text.run_pending_tasks();
        self
    }
}
