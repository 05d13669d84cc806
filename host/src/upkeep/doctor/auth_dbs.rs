//! The `auth.db` of every ankisyncd: whether it can be used, and whether everybody who has an account has a row there.
//! Refuses to change it: what is lacking is told by the next start, as it would have been at first.

use crate::downstream::AuthDb;
use crate::ledger::{LedgerError, LedgerFile, SurveyedTenant};
use crate::upkeep::Place;
use crate::upkeep::doctor::{Cure, Report};
use std::collections::HashSet;
use std::error::Error;

/// Names of those who have no row, told of one finding.
const SHOWN: usize = 5;

pub(super) fn look(
    place: &Place,
    ledger: &LedgerFile,
    tenants: &[SurveyedTenant],
    report: &mut Report,
) -> Result<(), LedgerError> {
    for site in tenants.iter().map(|tenant| &tenant.site).filter(|site| !site.removed) {
        let Some(path) = place.ground.auth_db_of(&site.name, site.auth_db.as_deref()) else {
            continue;
        };
        // The accounts first: who is opened meanwhile is not missed.
        let told = ledger.told(site.id)?;
        match AuthDb::new(path.clone()).names() {
            Ok(there) => {
                let there: HashSet<_> = there.into_iter().collect();
                let names: Vec<_> = told.into_iter().filter(|name| !there.contains(name)).collect();
                if names.is_empty() {
                    continue;
                }
                let some = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
                let more = if names.len() > SHOWN { ", …" } else { "" };
                let (tenant, count) = (&site.name, names.len());
                let found = format!(
                    "{tenant}: {count} open accounts have no row in {}: {some}{more}",
                    path.display()
                );
                let advice = "enlist doctor --fix has the next start make them";
                let tenant = site.id;
                report
                    .fault("auth_db_rows", found, advice)
                    .cured_by(Cure::TellAgain { tenant, names });
            }
            Err(error) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                let found = format!("{}: {error}{cause}", site.name);
                let advice = "what its ankisyncd is to be told waits until this is mended";
                report.fault("auth_db", found, advice);
            }
        }
    }
    Ok(())
}
