//! `backfill`: everybody who is in a pool already, sent as the trigger would have sent them.
//! Refuses to stop at one person, to end before the pool does, and to take anything away from anybody.

mod asking;
mod pace;
mod reconcile;
mod report;
mod state;

use crate::arguments::{BackfillArguments, Common};
use crate::aws::{Aws, AwsError};
use crate::ending::{Ending, Failure};
use crate::pool::{Page, Person, Pool};
use crate::print;
use crate::server::Server;
use asking::{Asking, Outcome};
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use pace::Pace;
use state::State;
use std::io::IsTerminal;

/// How many answers are waited for at once.
const AT_ONCE: usize = 8;

/// What a pool says of somebody who may be sent. Confirmed; from another provider; told to set another password; made or imported by an
/// administrator: Cognito never calls the trigger for those, not even when they set their password.
const SENT: [&str; 4] =
    ["CONFIRMED", "EXTERNAL_PROVIDER", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED"];

/// Sends everybody.
pub(crate) async fn run(common: &Common, asked: BackfillArguments) -> Result<Ending, Failure> {
    let server = Server::find(&asked.server)?;
    let aws = Aws::find(common, asked.user_pool_id.region()).await?;
    let pool = Pool::new(&aws, &asked.user_pool_id);
    let described = pool.describe().await;
    let described = described
        .map_err(|error| Failure::from(error).while_doing(&format!("user pool {}", pool.id())))?;
    let run = serde_json::json!({"user_pool": pool.id().as_str(), "server": server.base().as_str(), "tenant": server.tenant(),
        "dry_run": asked.dry_run, "include_disabled": asked.include_disabled});
    let state = State::open(asked.state.as_deref(), run)?;
    let bar = bar(
        described.get("EstimatedNumberOfUsers").and_then(serde_json::Value::as_u64),
        state.report.listed,
    );
    let asking = Asking { server: &server, issuer: pool.id().issuer(), dry_run: asked.dry_run };
    let mut all = Backfill {
        pool: &pool,
        asking,
        pace: Pace::new(asked.rate.interval()),
        include_disabled: asked.include_disabled,
        state,
        bar,
    };
    let stopped = all.send_everybody().await.err();
    all.bar.finish_and_clear();
    let mut report = all.state.report;
    if stopped.is_none() && asked.reconcile {
        report.reconciled = Some(reconcile::look(&pool, &server).await?);
    }
    print::show(
        common.output,
        &report.document(pool.id(), asked.dry_run, stopped.is_none()),
        || report.text(asked.dry_run, stopped.is_none()),
    );
    match stopped {
        None => Ok(report.ending()),
        Some(failure) => Err(failure.while_doing(match asked.state {
            Some(_) => "stopped; the same command goes on there",
            None => "stopped (with --state the same command goes on there)",
        })),
    }
}

struct Backfill<'a> {
    pool: &'a Pool<'a>,
    asking: Asking<'a>,
    pace: Pace,
    include_disabled: bool,
    state: State,
    bar: ProgressBar,
}

impl Backfill<'_> {
    async fn send_everybody(&mut self) -> Result<(), Failure> {
        let mut began_again = false;
        loop {
            let page = match self.pool.page(self.state.token.as_deref()).await {
                Ok(page) => page,
                // Cognito forgets its places after a while. From the beginning everybody is answered once more, and nobody gets a
                // second account.
                Err(error)
                    if self.state.token.is_some() && !began_again && is_a_stale_place(&error) =>
                {
                    began_again = true;
                    self.bar.suspend(|| {
                        eprintln!(
                            "enlist-cognito: Cognito has forgotten the place: beginning again"
                        );
                    });
                    self.state.begin_again()?;
                    self.bar.set_position(0);
                    continue;
                }
                Err(error) => return Err(Failure::from(error).while_doing("ListUsers")),
            };
            let token = self.send(page).await?;
            self.bar.set_position(self.state.report.listed);
            match token {
                Some(token) => self.state.reached(token)?,
                None => return self.state.finish(),
            }
        }
    }

    /// Sends a page. What came of it counts once all of it was sent: a run that goes on later sends it again.
    async fn send(&mut self, page: Page) -> Result<Option<String>, Failure> {
        let mut report = self.state.report.clone();
        let mut sent = Vec::new();
        for person in page.people {
            report.listed += 1;
            match self.left_out(&person) {
                Some(why) => report.leave_out(why),
                None => sent.push(person),
            }
        }
        let (asking, pace) = (&self.asking, &self.pace);
        let paced = futures_util::stream::iter(sent).then(|person| async {
            pace.turn().await;
            person
        });
        let ask = |person: Person| async {
            let outcome = asking.ask(&person).await;
            (person, outcome)
        };
        let mut answers = Box::pin(paced.map(ask).buffer_unordered(AT_ONCE));
        while let Some((person, outcome)) = answers.next().await {
            let outcome: Outcome = outcome?;
            report.count(&person, outcome);
        }
        drop(answers);
        self.state.report = report;
        Ok(page.token)
    }

    fn left_out(&self, person: &Person) -> Option<String> {
        if !SENT.contains(&person.status.as_str()) {
            return Some(person.status.clone());
        }
        (!person.enabled && !self.include_disabled).then(|| "disabled".to_owned())
    }
}

/// How Cognito and its emulator call it.
fn is_a_stale_place(error: &AwsError) -> bool {
    error.is("InvalidParameterException") || error.is("InvalidToken")
}

/// On a terminal, how far it is; Cognito's own estimate is hours old.
fn bar(estimate: Option<u64>, at: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(estimate.unwrap_or_default()).with_position(at);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} people, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
