//! Whether the pool calls the function.
//! Refuses to call a pool wrong for triggers that are somebody else's and not needed.

use super::Findings;
use crate::arguments::CheckArguments;
use crate::slots;
use serde_json::{Map, Value};

pub(super) fn look(findings: &mut Findings, pool: &Map<String, Value>, asked: &CheckArguments) {
    let (id, function) = (&asked.user_pool_id, &asked.function);
    let name = pool.get("Name").and_then(Value::as_str).unwrap_or("-");
    let people = pool.get("EstimatedNumberOfUsers").and_then(Value::as_u64).unwrap_or_default();
    findings.good("pool", format!("{id} ({name}), about {people} people"));

    if pool.get("IssuerConfiguration").is_some_and(|issuer| issuer["Type"] == "UPDATED") {
        findings.warn(
            "tokens",
            format!("they name another issuer than Enlist does (IssuerConfiguration UPDATED); Enlist's name of this pool stays {}", id.issuer()),
            "leave the tenant's issuer as it is; whatever checks tokens expects https://issuer-cognito-idp.…",
        );
    }

    let slots = slots::of(pool);
    let attach = format!("enlist-cognito attach --user-pool-id {id} --function {function}");
    match slots::holder(&slots, "PostConfirmation") {
        Some(holder) if holder == function.as_str() => {
            findings.good("trigger", "PostConfirmation is this function")
        }
        None => findings.bad(
            "trigger",
            "nothing is called when somebody is confirmed: PostConfirmation is empty",
            attach,
        ),
        Some(holder) => {
            let says = format!("PostConfirmation is {holder}");
            findings.bad(
                "trigger",
                says,
                format!("{attach} --replace   (what that one does is no longer done then)"),
            );
        }
    }
    for (slot, without) in [
        ("PreSignUp", "who will be refused can sign up, and hears of it at the confirmation"),
        (
            "PostAuthentication",
            "who was made by an administrator, or missed, is not opened at a sign-in: backfill does it",
        ),
    ] {
        match slots::holder(&slots, slot) {
            Some(holder) if holder == function.as_str() => {
                findings.good("trigger", format!("{slot} is this function"))
            }
            Some(holder) => findings.good("trigger", format!("{slot} is {holder}")),
            None => findings.good("trigger", format!("{slot} is empty: {without}")),
        }
    }
}
