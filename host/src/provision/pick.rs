//! Which of a policy's candidates somebody gets: the first that the host's rules allow and nobody holds.
//! Refuses to invent one: what the policy did not propose is not looked at.

use crate::domain::{HostCode, Name, Pick, Refusal, TenantId, Unusable};
use crate::homes::Site;
use crate::kill_point;
use crate::ledger::{Book, Claim, Heard, Reservation};
use crate::provision::{ProvisionError, Provisioner};
use crate::sandbox::quote;

/// How far a name is held while a policy is asked.
#[derive(Clone, Copy)]
pub(super) enum Hold {
    /// Until the account is opened. What stands where the home would be is found out when it is made.
    Fast,
    /// The same, but looks first: something stood in the way of a name before.
    Looking,
    /// Not at all: a rehearsal reserves nothing.
    Loose,
}

impl Provisioner {
    /// The same as [`Provisioner::pick`], and what was said of it, for the record.
    pub(super) async fn pick_heard(
        &self,
        book: &Book,
        names: Vec<String>,
        hold: Hold,
        heard: &mut Heard,
    ) -> Result<Pick<Option<Reservation>>, ProvisionError> {
        heard.names.clone_from(&names);
        let picked = self.pick(book, book.owner().id(), names, hold).await?;
        if let Pick::Chosen { name, .. } = &picked {
            heard.name = Some(name.to_string());
        }
        Ok(picked)
    }

    /// The first candidate that the host's rules allow and nobody holds.
    pub(super) async fn pick(
        &self,
        book: &Book,
        tenant: TenantId,
        names: Vec<String>,
        hold: Hold,
    ) -> Result<Pick<Option<Reservation>>, ProvisionError> {
        let (mut held, mut blocked, mut unusable) = (false, false, Vec::new());
        for (place, text) in names.into_iter().enumerate() {
            let name = match Name::try_from(text.clone()) {
                Ok(name) => name,
                Err(why) => {
                    unusable.push((text, why));
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
                held = true;
                continue;
            };
            if book.looks_alike(&name)? {
                unusable.push((text, Unusable::LooksAlike));
                continue;
            }
            let looks = !matches!(hold, Hold::Fast);
            if looks && self.homes.site(tenant, &name).await? == Site::Occupied {
                blocked = true;
                continue;
            }
            return Ok(Pick::Chosen { name, place, reservation });
        }
        Ok(Pick::Nothing(nothing_left(held, blocked, &unusable)))
    }
}

/// Held by somebody beats a folder in the way, which beats a name that nobody could have.
fn nothing_left(held: bool, blocked: bool, unusable: &[(String, Unusable)]) -> Refusal {
    let code = match (held, blocked) {
        (true, _) => HostCode::UsernameTaken,
        (false, true) => HostCode::HomeExists,
        (false, false) => HostCode::NameUnusable,
    };
    let why: Vec<_> = unusable.iter().map(|(text, why)| format!("{text:?}: {why}")).collect();
    let detail = (!why.is_empty()).then(|| quote(why.join("; ")));
    Refusal::Host { code, detail }
}
