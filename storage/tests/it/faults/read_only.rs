//! Folders that cannot be written to. (Modes stop nobody who is root.)

use storage::{Filter, StoreErrorKind};

use super::frozen::Frozen;
use super::ledger::Ledger;
use super::mount::Mount;
use crate::support::{open, tenant};

#[tokio::test]
async fn a_read_only_data_folder_is_refused_with_its_name_and_left_as_it_is() {
    let mut ledgers = [Ledger::new(tenant("acme"), 100)];
    let frozen = Frozen::after(&mut ledgers, 3).await;
    let Some(mount) = Mount::read_only(frozen.path()) else { return };
    let refused = open(frozen.path()).err().expect("refused").to_string();
    assert!(refused.contains("Read-only") && refused.contains("tenants"), "{refused}");
    drop(mount);
    ledgers[0].check(&frozen.open()).await;
}

#[tokio::test]
async fn a_tenant_whose_folder_is_read_only_is_refused_alone_and_loses_nothing() {
    let mut ledgers = [Ledger::new(tenant("acme"), 100), Ledger::new(tenant("globex"), 100)];
    let frozen = Frozen::after(&mut ledgers, 3).await;
    let [mut acme, mut globex] = ledgers;
    let Some(mount) = Mount::read_only(&frozen.path().join("tenants/acme")) else { return };
    let store = frozen.open();
    for _ in 0..20 {
        globex.write(&store).await.expect("globex is served");
        let refused = acme.write(&store).await.expect_err("acme cannot be written to");
        assert_ne!(refused.kind(), StoreErrorKind::NotInstalled, "{refused}");
        // What the journal holds of it cannot be shown either, and an answer without it would be wrong.
        acme.data(&store)
            .count("event", &Filter::All)
            .await
            .expect_err("acme cannot be brought up to the journal");
    }
    drop(mount);
    acme.write(&store).await.expect("acme is served again");
    for ledger in [&acme, &globex] {
        ledger.check(&store).await;
    }
}
