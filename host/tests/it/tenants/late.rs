//! A request that was let in before its tenant was removed, got its issuer or moved its homes, or before its name was reserved, and comes to the
//! commit after that.

use enlist::domain::{Allowance, Applicant, Grant, Name, Occasion, Request};
use enlist::ledger::{
    Asked, Entry, FirstStart, Heard, Key, KeyKind, Ledger, LedgerError, Opened, Privacy, Said,
    Scope, StoredRevision, Tenant, TenantChange,
};
use rusqlite::Connection;
use tempfile::TempDir;

/// A ledger with tenant `default`, the right that a request has to it, and the one that an operator has.
async fn ledger() -> (TempDir, Ledger, Tenant, Tenant) {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, backups) = (folder.path().join("enlist.db"), folder.path().join("backups"));
    let ledger = Ledger::open(&database, &backups, Privacy::Shown).expect("a ledger");
    let operator_key = Key::random(KeyKind::Operator).expect("a key");
    let tenant_key = Key::random(KeyKind::Tenant).expect("a key");
    let revision = StoredRevision {
        number: 1,
        policy: "test".to_owned(),
        digest: "sha256:x".to_owned(),
        component: Vec::new(),
        settings: "{}".to_owned(),
        settings_digest: "sha256:y".to_owned(),
    };
    let first =
        FirstStart { operator_key: operator_key.clone(), tenant_key: tenant_key.clone(), revision };
    ledger.first_start(first).await.expect("a first start");
    let asking = ledger.authenticate(tenant_key.reveal(), None, &[Scope::Provision]);
    let managing = ledger.authenticate(operator_key.reveal(), Some("default"), &[]);
    (folder, ledger, asking.expect("a tenant"), managing.expect("a tenant"))
}

async fn open(ledger: &Ledger, tenant: &Tenant) -> Result<Opened, LedgerError> {
    let applicant = Applicant {
        issuer: tenant.issuer().to_owned(),
        subject: Some("s1".to_owned()),
        username: "ann".to_owned(),
        email: None,
        groups: Vec::new(),
        attributes: Vec::new(),
    };
    let name = Name::try_from("ann".to_owned()).expect("a name");
    let asked = Asked {
        request_id: "r".to_owned(),
        request: Request {
            applicant: applicant.clone(),
            occasion: Occasion::Opening,
            source: "test".to_owned(),
            now: 0,
        },
        dry_run: false,
        revision: 1,
        digest: "sha256:x".to_owned(),
        settings_digest: "sha256:y".to_owned(),
        usage: None,
        heard: Heard::default(),
    };
    let grant = Grant { name, place: 0, reservation: (), allowance: Allowance::default() };
    let said = Said::granted(&grant, Vec::new(), 0);
    let entry = Entry { asked, said };
    ledger.of(tenant).open(&applicant, &grant.name, &grant.allowance, entry).await
}

#[tokio::test]
async fn it_is_asked_to_come_again_after_the_tenant_got_its_issuer() {
    let (_folder, ledger, asking, managing) = ledger().await;
    let change =
        TenantChange { issuer: Some("https://x.example".to_owned()), ..TenantChange::default() };
    ledger.of(&managing).change(change, "r").await.expect("an answer").expect("an issuer");
    assert!(matches!(open(&ledger, &asking).await, Err(LedgerError::Busy)));
    let tenant = ledger.of(&managing).entry().await.expect("an answer").expect("a tenant");
    assert_eq!(tenant.accounts, 0);
}

#[tokio::test]
async fn it_opens_nothing_when_the_homes_have_moved_meanwhile() {
    let (_folder, ledger, asking, managing) = ledger().await;
    let change =
        TenantChange { home: Some(Some("/srv/elsewhere".to_owned())), ..TenantChange::default() };
    ledger.of(&managing).change(change, "r").await.expect("an answer").expect("a home");
    assert!(matches!(open(&ledger, &asking).await, Err(LedgerError::Busy)));
    let tenant = ledger.of(&managing).entry().await.expect("an answer").expect("a tenant");
    assert_eq!(tenant.accounts, 0);
}

#[tokio::test]
async fn it_opens_nothing_in_a_tenant_that_is_gone_nor_in_one_under_the_same_number() {
    let (_folder, ledger, asking, managing) = ledger().await;
    ledger.of(&managing).remove("r").await.expect("an answer").expect("removed");
    assert!(matches!(open(&ledger, &asking).await, Err(LedgerError::Busy)));
    assert!(ledger.sites().await.expect("sites").is_empty());
}

#[tokio::test]
async fn it_does_not_get_a_name_that_was_reserved_meanwhile() {
    let (folder, ledger, asking, _) = ledger().await;
    let database = Connection::open(folder.path().join("enlist.db")).expect("the database");
    database.execute("INSERT INTO reserved VALUES (1, 'ann', 'Ann', 0)", []).expect("a name");
    match open(&ledger, &asking).await {
        Ok(Opened::Refused(refusal)) => assert_eq!(refusal.code(), "username_taken"),
        other => panic!("{other:?}"),
    }
    let accounts = database.query_row("SELECT count(*) FROM accounts", [], |row| row.get(0));
    assert_eq!(accounts, Ok(0));
}
