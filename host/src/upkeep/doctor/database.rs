//! The database in itself: rows that speak of rows, digests of bytes, counters of what they count, names of their keys.
//! Refuses to look at folders.

use crate::domain::FoldKey;
use crate::ledger::{LedgerError, LedgerFile, SurveyedTenant};
use crate::sandbox::digest_of;
use crate::upkeep::doctor::{Cure, PUT_BACK, Report};
use std::collections::HashMap;

pub(super) fn look(
    ledger: &LedgerFile,
    tenants: &[SurveyedTenant],
    report: &mut Report,
) -> Result<(), LedgerError> {
    for line in ledger.dangling()? {
        report.fault("dangling", line, PUT_BACK);
    }
    revisions(ledger, tenants, report)?;
    for tenant in tenants {
        removed(tenant, report);
        names(ledger, tenant, report)?;
    }
    counters(ledger, report)
}

fn revisions(
    ledger: &LedgerFile,
    tenants: &[SurveyedTenant],
    report: &mut Report,
) -> Result<(), LedgerError> {
    ledger.each_component(|component| {
        let (digest, len) = (&component.digest, component.bytes.len());
        let is = digest_of(&component.bytes);
        if is != *digest {
            let found = format!("the component {digest} has changed: its bytes are {is}");
            report.fault("component_changed", found, PUT_BACK);
        }
        if !component.used {
            let found = format!("no revision names the component {digest}, {len} bytes");
            report.note("component_unused", found, "nothing: it takes room and does no harm");
        }
    })?;
    for stored in ledger.settings()? {
        let is = digest_of(stored.settings.as_bytes());
        if is != stored.digest {
            let (tenant, revision, was) = (&stored.tenant, stored.revision, &stored.digest);
            let found =
                format!("{tenant}: the settings of revision {revision} were {was}, and are {is}");
            report.fault("settings_changed", found, PUT_BACK);
        }
    }
    for tenant in tenants.iter().filter(|t| !t.site.removed && t.active_revision.is_none()) {
        let found = format!(
            "{}: its active revision is not there, or not the one that was activated last",
            tenant.site.name
        );
        report.fault("revision_missing", found, PUT_BACK);
    }
    Ok(())
}

fn removed(tenant: &SurveyedTenant, report: &mut Report) {
    if tenant.site.removed && tenant.open_accounts > 0 {
        let (name, open) = (&tenant.site.name, tenant.open_accounts);
        let found = format!("{name}: the tenant is removed, and {open} of its accounts are open");
        report.fault("removed_tenant", found, PUT_BACK);
    }
}

/// Every name under its own key, so that no two are one: neither here nor on a file system that cares about case less.
fn names(
    ledger: &LedgerFile,
    tenant: &SurveyedTenant,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let mut seen: HashMap<FoldKey, String> = HashMap::new();
    for held in ledger.held(tenant.site.id)? {
        let (tenant, key, name) = (&tenant.site.name, FoldKey::of(&held.name), held.name);
        if key.as_str() != held.key {
            let found = format!("{tenant}: the name {name} is stored under another key");
            report.fault("name_key", found, PUT_BACK);
        }
        if let Some(other) = seen.get(&key) {
            let found = format!(
                "{tenant}: {other} and {name} are one folder where case or spelling does not count"
            );
            report.fault(
                "names_collide",
                found,
                "close one of the two before the folders move to such a file system",
            );
        }
        seen.insert(key, name);
    }
    Ok(())
}

fn counters(ledger: &LedgerFile, report: &mut Report) -> Result<(), LedgerError> {
    for counter in ledger.miscounted()? {
        let of = match counter.domain.as_str() {
            "" => counter.tenant,
            domain => format!("{}, domain {domain}", counter.tenant),
        };
        let (says, is) = (counter.says, counter.is);
        let found = format!("{of}: the counter says {says} open accounts, and there are {is}");
        report.fault("counter", found, "enlist doctor --fix counts anew").cured_by(Cure::Recount);
    }
    Ok(())
}
