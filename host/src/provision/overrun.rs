//! What is said of a policy that takes too much of the machine: a line of the log when its breaker turns, and counts.
//! Refuses to say it of every request: those who are held back are many, and each has a row of the record.

use crate::domain::{Failure, Verdict};
use crate::ledger::Tenant;
use crate::meters::{HeldBack, METERS, TenantLabel};
use crate::provision::ProvisionError;
use crate::sandbox::{Active, NotNow, Turned};
use tracing::{info, warn};

/// Counts somebody who is not asked about.
pub(super) fn held_back(tenant: &Tenant, not_now: NotNow) -> ProvisionError {
    let why = match not_now {
        NotNow::Rests => "breaker",
        NotNow::Waited => "share",
    };
    let label = HeldBack { tenant: tenant.name().as_str().to_owned(), why };
    METERS.held_back.get_or_create(&label).inc();
    not_now.into()
}

/// Whether a whole budget of fuel or time was spent for nothing.
pub(super) fn overran<R>(decided: &Result<Verdict<R>, Failure>) -> bool {
    decided.as_ref().is_err_and(|failure| failure.fault.is_overrun())
}

/// Says that a breaker opened or closed, if it did.
pub(super) fn tell(tenant: &Tenant, active: &Active, turned: Option<Turned>) {
    let (name, revision) = (tenant.name(), active.revision.number);
    match turned {
        None => {}
        Some(Turned::Open) => {
            METERS.breakers_opened.get_or_create(&TenantLabel::of(name.as_str())).inc();
            warn!(tenant = %name, revision, "the policy overran its budget too often in a row: it is asked once a second until it answers");
        }
        Some(Turned::Closed) => info!(tenant = %name, revision, "the policy answers again"),
    }
}
