//! Which of a policy's candidates somebody gets: the first that the host's rules allow and nobody holds.
//! Refuses to invent one: what the policy did not propose is not looked at.

use crate::domain::{Candidate, Fate, HostCode, Name, Pick, Refusal, TenantId, Unusable};
use crate::kill_point;
use crate::ledger::{Book, Claim, Heard, Reservation};
use crate::provision::{ProvisionError, Provisioner};
use crate::sandbox::quote;

/// How far a name is held while a policy is asked.
#[derive(Clone, Copy)]
pub(super) enum Hold {
    /// Until the account is opened. What stands in exactly the place of the home is found out when it is made.
    Fast,
    /// The same, but looks first: something stood in the way of a name before.
    Looking,
    /// Not at all: a rehearsal reserves nothing.
    Loose,
}

impl Provisioner {
    /// The first candidate that the host's rules allow and nobody holds; `seen`, empty before, gets all of them
    /// and what became of each.
    pub(super) async fn pick(
        &self,
        book: &Book,
        tenant: TenantId,
        names: Vec<String>,
        hold: Hold,
        seen: &mut Vec<Candidate>,
    ) -> Result<Pick<Option<Reservation>>, ProvisionError> {
        let mut names = names.into_iter();
        while let Some(text) = names.next() {
            let place = seen.len();
            let name = match Name::try_from(text.clone()) {
                Ok(name) => name,
                Err(why) => {
                    seen.push(Candidate { text, fate: Fate::Unusable(why) });
                    continue;
                }
            };
            let reservation = match hold {
                Hold::Fast | Hold::Looking => {
                    kill_point::reach("before_reserve");
                    let reservation = book.reserve(&name, Claim::Asking).await?.map(Some);
                    kill_point::reach("after_reserve");
                    reservation
                }
                Hold::Loose => (!book.is_held(&name)?).then_some(None),
            };
            let Some(reservation) = reservation else {
                seen.push(Candidate { text, fate: Fate::Held });
                continue;
            };
            if book.looks_alike(&name)? {
                seen.push(Candidate { text, fate: Fate::Unusable(Unusable::LooksAlike) });
                continue;
            }
            let looks = !matches!(hold, Hold::Fast);
            if self.strays.keep(tenant, &name, looks).await? {
                seen.push(Candidate { text, fate: Fate::InTheWay });
                continue;
            }
            seen.push(Candidate { text, fate: Fate::Chosen });
            seen.extend(names.map(|text| Candidate { text, fate: Fate::NotNeeded }));
            return Ok(Pick::Chosen { name, place, reservation });
        }
        Ok(Pick::Nothing(nothing_left(seen)))
    }
}

/// What the record keeps of it.
pub(super) fn heard(seen: &[Candidate]) -> Heard {
    let chosen = seen.iter().find(|candidate| candidate.fate == Fate::Chosen);
    Heard {
        names: seen.iter().map(|candidate| candidate.text.clone()).collect(),
        name: chosen.map(|candidate| candidate.text.clone()),
    }
}

/// Held by somebody beats a folder in the way, which beats a name that nobody could have.
fn nothing_left(seen: &[Candidate]) -> Refusal {
    let any = |fate: Fate| seen.iter().any(|candidate| candidate.fate == fate);
    let code = match (any(Fate::Held), any(Fate::InTheWay)) {
        (true, _) => HostCode::UsernameTaken,
        (false, true) => HostCode::HomeExists,
        (false, false) => HostCode::NameUnusable,
    };
    let unusable = seen.iter().filter_map(|Candidate { text, fate }| match fate {
        Fate::Unusable(why) => Some(format!("{text:?}: {why}")),
        _ => None,
    });
    let why: Vec<_> = unusable.collect();
    let detail = (!why.is_empty()).then(|| quote(why.join("; ")));
    Refusal::Host { code, detail }
}
