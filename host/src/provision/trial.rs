//! What a revision on probation did with somebody, told to those who judge it: after a failure the revision before is asked the same.
//! Refuses to let anybody wait for that, and to let a rehearsal of somebody who is not signing up count.

use crate::domain::{Failure, Occasion, Usage, Verdict};
use crate::ledger::{Asked, Book, Reservation};
use crate::probation::Trial;
use crate::provision::Provisioner;
use crate::provision::pick::Hold;
use crate::sandbox::Kept;
use tracing::{Instrument, debug};

impl Provisioner {
    /// Looks at what was decided, if the revision is on probation.
    pub(super) fn watch(
        &self,
        book: &Book,
        asked: &Asked,
        usage: Usage,
        decided: &Result<Verdict<Option<Reservation>>, Failure>,
    ) {
        let (tenant, request) = (book.owner().id(), &asked.request);
        if asked.dry_run && request.occasion != Occasion::SignUp {
            return;
        }
        let Some(trial) = self.probations.of(tenant, asked.revision) else { return };
        if decided.is_ok() {
            trial.answered(&request.applicant);
            return;
        }
        let (spine, book, asked) = (self.clone(), book.clone(), asked.clone());
        let compare = async move { spine.compare(&book, &trial, &asked, usage).await };
        tokio::spawn(compare.in_current_span());
    }

    /// Asks the revision before about somebody whom its successor failed.
    async fn compare(&self, book: &Book, trial: &Trial<Kept>, asked: &Asked, usage: Usage) {
        let (tenant, applicant) = (book.owner().id(), &asked.request.applicant);
        let Some(_one_at_a_time) = trial.compare(applicant) else { return };
        let Some(active) = self.catalog.active(tenant) else { return };
        let policy = match trial.before().policy().await {
            Ok(policy) => policy,
            Err(error) => return debug!(?error, "the revision before cannot be asked"),
        };
        let seen = &mut Vec::new();
        let pick = |names| {
            let seen = seen;
            self.pick(book, tenant, names, Hold::Loose, seen)
        };
        match policy.decide_within(active.share(), &asked.request, usage, pick).await {
            Ok(_) => self.probations.failed(tenant, trial, applicant),
            // It fails them too, or the host could not say: nothing is known of the new one.
            Err(error) => debug!(?error, "the revision before has no answer either"),
        }
    }
}
