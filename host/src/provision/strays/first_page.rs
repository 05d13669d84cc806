//! The first page of the names that are kept from everybody: of a look that was begun for whoever asks.
//! Refuses to begin another one for each attempt where one look takes longer than anybody waits.

use crate::domain::TenantId;
use crate::provision::strays::survey::Survey;
use crate::provision::strays::{Strays, Unsurveyed};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the first page that somebody did not wait for is kept for when they ask again.
const KEPT: Duration = Duration::from_secs(60);

impl Strays {
    /// A survey that was begun after this was asked, or after an earlier attempt that nothing came of: where a look takes longer than
    /// anybody waits, each attempt would begin another one otherwise.
    pub(super) async fn anew(
        self: &Arc<Self>,
        tenant: TenantId,
    ) -> Result<Arc<Survey>, Unsurveyed> {
        let (ground, known) = (self.ground(tenant)?, self.known(tenant));
        let (asked, kept) = {
            let mut state = known.lock();
            let kept = state.survey.clone().filter(|survey| survey.ground == ground);
            let kept =
                kept.filter(|kept| state.owed.is_some_and(|owed| owed <= kept.made - kept.took));
            if kept.as_ref().is_some_and(|kept| kept.made.elapsed() > KEPT) {
                // They did not come again.
                state.owed = None;
            }
            (state.owed.unwrap_or_else(Instant::now), kept.filter(|_| state.owed.is_some()))
        };
        let found = match kept {
            Some(kept) => Ok(kept),
            None => Self::within(self.begun_since(tenant, asked)).await,
        };
        match &found {
            Ok(_) => known.lock().owed = None,
            Err(Unsurveyed::Late) => known.lock().owed = Some(asked),
            Err(_) => {}
        }
        found
    }

    async fn begun_since(
        self: &Arc<Self>,
        tenant: TenantId,
        asked: Instant,
    ) -> Result<Arc<Survey>, Unsurveyed> {
        loop {
            let look = self.look(tenant);
            let is_theirs = look.begun >= asked;
            let found = Self::done(look).await;
            if is_theirs {
                return found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KEPT;
    use crate::domain::TenantId;
    use crate::homes::{Homes, Root, Style};
    use crate::ledger::{Ledger, Privacy};
    use crate::provision::strays::survey::Survey;
    use crate::provision::strays::{Look, Strays, Unsurveyed};
    use std::sync::Arc;
    use std::time::{Duration, Instant};
    use tokio::sync::watch;

    const TENANT: TenantId = TenantId(1);

    #[tokio::test]
    async fn a_look_that_nobody_waited_for_answers_the_next_attempt_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        let ledger = Ledger::open(&place("enlist.db"), &place("backups"), Privacy::Shown);
        let homes = Arc::new(Homes::default());
        std::fs::create_dir(place("homes")).expect("a folder");
        let root = Root::open(&place("homes"), Style { mode: 0o750, group: None }).expect("a root");
        homes.settle(TENANT, root).expect("homes");
        let ledger = ledger.expect("a ledger");
        let strays = Arc::new(Strays::new(ledger, homes, Arc::default()));
        let known = strays.known(TENANT);
        let mut held = Vec::new();
        // The first is of before they asked; the second is begun because they did.
        for _ in 0..2 {
            let (tell, told) = watch::channel(None);
            known.lock().look = Some(Look { begun: Instant::now(), told });
            held.push(tell);
            let late = strays.anew(TENANT).await;
            assert!(matches!(late, Err(Unsurveyed::Late)), "{late:?}");
        }
        let made = Survey::make(&strays, TENANT).await.map(Arc::new).expect("a survey");
        {
            let mut state = known.lock();
            (state.look, state.survey) = (None, Some(Arc::clone(&made)));
        }
        let answer = strays.anew(TENANT).await.expect("an answer");
        assert!(Arc::ptr_eq(&answer, &made), "the one that was begun for them");
        let next = strays.anew(TENANT).await.expect("an answer");
        assert!(!Arc::ptr_eq(&next, &made), "who asks now asks for what is there now");
        // Nobody came for it while it was kept.
        let mut old = Survey::make(&strays, TENANT).await.expect("a survey");
        old.made = old.made.checked_sub(KEPT + Duration::from_secs(1)).expect("a minute ago");
        let old = Arc::new(old);
        {
            let mut state = known.lock();
            state.owed = old.made.checked_sub(old.took);
            state.survey = Some(Arc::clone(&old));
        }
        let fresh = strays.anew(TENANT).await.expect("an answer");
        assert!(!Arc::ptr_eq(&fresh, &old), "it is too old");
    }
}
