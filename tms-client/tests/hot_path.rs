//! What is promised of `cached`: it allocates nothing, and what one thread has seen no other un-sees.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use tenant_core::{
    Cached, HostRules, LabelText, Tenant, TenantDirectory, TenantKey, TenantName, TenantStatus,
};
use tms_client::testing::FaultyTms;
use tms_client::{Mode, TmsClient, TmsDirectory};
use tokio::runtime::Runtime;

/// A directory that follows a TMS with these tenants, on a runtime of its own.
fn followed(tenants: &[&str]) -> (Runtime, FaultyTms, TmsDirectory) {
    let runtime = Runtime::new().unwrap();
    let (tms, directory) = runtime.block_on(async {
        let tms = FaultyTms::start().await;
        for tenant in tenants {
            tms.add(tenant);
            tms.edit(tenant, |changed| changed.hosts = vec![format!("{tenant}.example")]);
        }
        let client = TmsClient::builder(&tms.url(), "any-key".into()).build().unwrap();
        let directory = TmsDirectory::builder(client).mode(Mode::Replica).build().unwrap();
        for tenant in tenants {
            let name: TenantName = tenant.parse().unwrap();
            while !matches!(directory.cached(&TenantKey::name(&name)), Cached::Known(_)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        (tms, directory)
    });
    (runtime, tms, directory)
}

#[test]
fn nothing_is_allocated_for_a_tenant_that_is_known() {
    let (runtime, tms, directory) = followed(&["company-x", "acme"]);
    tms.suspend("acme", "unpaid");
    let acme = "acme".parse().unwrap();
    while !matches!(directory.cached(&TenantKey::name(&acme)), Cached::Known(acme) if acme.status == TenantStatus::Suspended)
    {
        thread::sleep(Duration::from_millis(5));
    }
    let nobody: TenantName = "nobody".parse().unwrap();
    runtime.block_on(directory.find(&TenantKey::name(&nobody)));
    let rules = HostRules::base_domains(["your-domain.com".parse().unwrap()]);
    let ask = |host: &str| {
        let mut text = LabelText::default();
        let subdomain = rules.subdomain(host.as_bytes(), &mut text);
        black_box(directory.cached(subdomain.as_ref().expect("a plain host").key()))
    };
    let all = || {
        assert!(matches!(ask("company-x.your-domain.com"), Cached::Known(_)));
        assert!(matches!(ask("Company-X.Your-Domain.com:8585"), Cached::Known(_)));
        assert!(matches!(ask("acme.your-domain.com"), Cached::Known(_)));
        assert!(matches!(ask("nobody.your-domain.com"), Cached::Unknown));
        let host = "company-x.example".parse().unwrap();
        let keys = rules.keys(&host).unwrap();
        assert!(matches!(directory.cached(&keys.first), Cached::Known(_)));
    };
    all(); // a thread's place, and the collector's
    let counted = measure(|| (0..1000).for_each(|_| all()));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    let counted = measure(|| drop(black_box(vec![0_u8; 100])));
    assert_eq!(counted.count_total, 1, "what is allocated is counted");
}

/// The changes that a record has gone through, as its burst says.
fn version(tenant: &Tenant) -> u32 {
    tenant.limits.burst.unwrap_or_default()
}

/// Ends the readers, also where an assertion fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Threads read while the feed suspends and resumes a tenant. Before each reading, a thread notes the newest change that any
/// of them has seen; what it reads then must not be older, so nobody serves a tenant after somebody else has refused it.
#[test]
fn a_change_that_one_thread_has_seen_is_seen_by_all() {
    const CHANGES: u32 = 300;
    const READERS: usize = 3;
    let (_runtime, tms, directory) = followed(&["acme"]);
    let (newest, done) = (AtomicU32::new(0), AtomicBool::new(false));
    let name: TenantName = "acme".parse().unwrap();
    let read = || {
        let (mut readings, mut seen) = (0_u64, 0);
        while !done.load(Ordering::SeqCst) {
            let at_least = newest.load(Ordering::SeqCst);
            let Cached::Known(tenant) = directory.cached(&TenantKey::name(&name)) else { continue };
            let version = version(&tenant);
            assert!(version >= at_least, "{version} after {at_least} was seen");
            let is_suspended = tenant.status == TenantStatus::Suspended;
            assert_eq!(is_suspended, version % 2 == 1, "status and change belong together");
            newest.fetch_max(version, Ordering::SeqCst);
            (readings, seen) = (readings + 1, seen.max(version));
        }
        (readings, seen)
    };
    let histories = thread::scope(|scope| {
        let end = End(&done);
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        for change in 1..=CHANGES {
            tms.edit("acme", |acme| {
                acme.limits.burst = Some(change);
                acme.status = if change % 2 == 1 { TenantStatus::Suspended } else { TenantStatus::Active };
            });
            while newest.load(Ordering::SeqCst) < change {
                // A reader that failed an assertion reads no more.
                assert!(readers.iter().all(|reader| !reader.is_finished()), "a reader has ended");
                thread::yield_now();
            }
        }
        drop(end);
        readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(
        histories.iter().all(|(readings, seen)| *readings > u64::from(CHANGES) && *seen > 0),
        "{histories:?}"
    );
}
