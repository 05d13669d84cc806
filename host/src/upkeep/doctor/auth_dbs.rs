//! The `auth.db` of every ankisyncd: whether it can be used, whether everybody who has an account has a row there, whose account is closed
//! gets in no more, and who was opened again has the old password.
//! Refuses to change it: what it does not know is told by the next start, as it would have been at first.

use crate::domain::TenantName;
use crate::downstream::{AuthDb, AuthDbError, Row};
use crate::ledger::{LedgerFile, MustKnow, SurveyedTenant};
use crate::upkeep::doctor::{Cure, Report};
use crate::upkeep::{Place, UpkeepError, at};
use std::collections::{HashMap, HashSet};
use std::error::Error;

/// Names told of one finding.
const SHOWN: usize = 5;

/// What can be wrong with rows: the check, what it says of those whom it found, and what is done about them.
const ROWS: [(&str, &str, &str); 3] = [
    (
        "auth_db_rows",
        "open accounts have no row",
        "enlist doctor --fix has the next start make them",
    ),
    (
        "auth_db_open",
        "closed accounts have a row that a password opens",
        "enlist doctor --fix has the next start shut them out, as account close does",
    ),
    (
        "auth_db_kept",
        "open accounts have not got back the hash that was kept",
        "enlist doctor --fix has the next start give it back, as account reopen does",
    ),
];

pub(super) fn look(
    place: &Place,
    ledger: &LedgerFile,
    tenants: &[SurveyedTenant],
    report: &mut Report,
) -> Result<(), UpkeepError> {
    for site in tenants.iter().map(|tenant| &tenant.site).filter(|site| !site.removed) {
        let Some(path) = place.ground.auth_db_of(&site.name, site.auth_db.as_deref()) else {
            continue;
        };
        let file = AuthDb::new(path.clone());
        if site.auth_db_there.as_deref() == Some(&*path) {
            file.was_there();
        }
        // The accounts first: who is opened meanwhile is not missed.
        let told = ledger.told(site.id).map_err(at(&place.database))?;
        let rows = match file.rows() {
            Ok(rows) => rows,
            Err(error) => {
                unusable(&site.name, &error, report);
                continue;
            }
        };
        let mut wrong = found_wrong(&told, &rows);
        if !wrong.is_empty() {
            // Of what a running server did between both looks one of two does not know.
            let now = place.look()?.told(site.id).map_err(at(&place.database))?;
            let now: HashSet<_> = found_wrong(&now, &rows).into_iter().collect();
            wrong.retain(|found| now.contains(found));
        }
        for (check, what, advice) in ROWS {
            let found = wrong.iter().filter(|(found, _)| *found == check);
            let names: Vec<_> = found.map(|(_, name)| name.clone()).collect();
            if names.is_empty() {
                continue;
            }
            let some = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
            let more = if names.len() > SHOWN { ", …" } else { "" };
            let (tenant, count) = (&site.name, names.len());
            let found = format!("{tenant}: {count} {what} in {}: {some}{more}", path.display());
            let tenant = site.id;
            report.fault(check, found, advice).cured_by(Cure::TellAgain { tenant, names });
        }
    }
    Ok(())
}

/// Accounts whose row is not as it should be, each with the check that finds it.
fn found_wrong(told: &[MustKnow], rows: &HashMap<String, Row>) -> Vec<(&'static str, String)> {
    let check = |told: &MustKnow| match rows.get(&told.name).unwrap_or(&Row::Missing) {
        Row::Missing if told.is_open => Some("auth_db_rows"),
        Row::Hash(_) if !told.is_open => Some("auth_db_open"),
        Row::Unopenable if told.is_open && told.is_kept => Some("auth_db_kept"),
        _ => None,
    };
    told.iter().filter_map(|told| Some((check(told)?, told.name.clone()))).collect()
}

fn unusable(tenant: &TenantName, error: &AuthDbError, report: &mut Report) {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let found = format!("{tenant}: {error}{cause}");
    report.fault("auth_db", found, "what its ankisyncd is to be told waits until this is mended");
}
