//! `backfill`: everybody who is in a pool already, sent as the trigger would have sent them.
//! Refuses to stop at one person, to end before the pool does, and to take anything away from anybody.

mod asking;
mod pace;
mod reconcile;
mod report;
mod row;
mod state;

use crate::arguments::{BackfillArguments, Common};
use crate::aws::{Aws, AwsError};
use crate::ending::{Ending, Failure};
use crate::pool::{Page, Person, Pool};
use crate::print;
use crate::server::Server;
use asking::Asking;
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use pace::Pace;
use report::Report;
use row::Row;
use serde_json::{Value, json};
use state::State;
use std::io::IsTerminal;

/// How many answers are waited for at once.
const AT_ONCE: usize = 8;

/// What a pool says of somebody who may be sent. Confirmed; from another provider; told to set another password; made or imported by an
/// administrator: Cognito never calls the trigger for those, not even when they set their password.
const SENT: [&str; 4] =
    ["CONFIRMED", "EXTERNAL_PROVIDER", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED"];

/// Sends everybody. A no is somebody's who was refused; whatever keeps this from coming to its end is none, whoever said it.
pub(crate) async fn run(common: &Common, asked: BackfillArguments) -> Result<Ending, Failure> {
    send_all(common, asked).await.map_err(|failure| match failure.ending {
        Ending::No => Failure::new(Ending::Failed, failure.says),
        _ => failure,
    })
}

async fn send_all(common: &Common, asked: BackfillArguments) -> Result<Ending, Failure> {
    let server = Server::find(&asked.server)?;
    let aws = Aws::find(common, asked.user_pool_id.region()).await?;
    let pool = Pool::new(&aws, &asked.user_pool_id);
    let described = pool.describe().await;
    let described = described
        .map_err(|error| Failure::from(error).while_doing(&format!("user pool {}", pool.id())))?;
    let asking = Asking {
        server: &server,
        issuer: pool.id().issuer(),
        dry_run: asked.dry_run,
        pace: Pace::new(asked.rate.interval()),
    };
    // Before the first person: whose people these become, and whether all that is wanted can be done.
    asking.prove_the_tenant().await?;
    if asked.reconcile {
        reconcile::may_be_done(&server).await?;
    }
    let (state, report) = State::open(asked.state.as_deref(), this_run(&asked, &pool, &server)?)?;
    let bar = bar(described.get("EstimatedNumberOfUsers").and_then(Value::as_u64), report.listed);
    let include_disabled = asked.include_disabled;
    let row = Row::default();
    let mut all = Backfill { pool: &pool, asking, include_disabled, state, report, row, bar };
    let mut stopped = all.send_everybody().await.err().map(|failure| {
        failure.while_doing(match asked.state {
            Some(_) => "stopped; the same command goes on there",
            None => "stopped (with --state the same command goes on there)",
        })
    });
    all.bar.finish_and_clear();
    let (mut report, complete) = (all.report, stopped.is_none());
    if complete && asked.reconcile {
        match reconcile::look(&pool, &server).await {
            Ok(reconciled) => report.reconciled = Some(reconciled),
            Err(failure) => {
                report.not_reconciled = Some(failure.says.clone());
                stopped = Some(failure.while_doing("everybody was sent; --reconcile"));
            }
        }
    }
    print::show(common.output, &report.document(pool.id(), asked.dry_run, complete), || {
        report.text(asked.dry_run, complete)
    });
    stopped.map_or_else(|| Ok(report.ending()), Err)
}

/// What has to be the same for a run to go on, whose people they become among it: the tenant that was named and proved, else that of the
/// key, by the id in it.
fn this_run(asked: &BackfillArguments, pool: &Pool<'_>, server: &Server) -> Result<Value, Failure> {
    let key = if server.tenant().is_none() { server.key_id() } else { None };
    if asked.state.is_some() && server.tenant().is_none() && key.is_none() {
        let says = "--state: this key does not say whose people these become: say -t TENANT";
        return Err(Failure::new(Ending::WrongUse, says));
    }
    Ok(
        json!({"user_pool": pool.id().as_str(), "server": server.shown().as_str(), "tenant": server.tenant(), "key": key,
        "dry_run": asked.dry_run, "include_disabled": asked.include_disabled}),
    )
}

struct Backfill<'a> {
    pool: &'a Pool<'a>,
    asking: Asking<'a>,
    include_disabled: bool,
    state: State,
    report: Report,
    row: Row,
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
                    self.report = Report::default();
                    self.bar.set_position(0);
                    continue;
                }
                Err(error) => return Err(Failure::from(error).while_doing("ListUsers")),
            };
            let token = self.send(page).await?;
            self.bar.set_position(self.report.listed);
            match token {
                Some(token) => self.state.reached(token, &self.report)?,
                None => return self.state.finish(),
            }
        }
    }

    /// Sends a page. It is kept once all of it was sent: a run that goes on later sends it again.
    async fn send(&mut self, page: Page) -> Result<Option<String>, Failure> {
        let mut sent = Vec::new();
        for person in page.people {
            match self.left_out(&person) {
                Some(why) => self.report.leave_out(why),
                None => sent.push(person),
            }
        }
        let asking = &self.asking;
        let ask = |person: Person| async {
            let outcome = asking.ask(&person).await;
            (person, outcome)
        };
        let mut answers =
            Box::pin(futures_util::stream::iter(sent).map(ask).buffer_unordered(AT_ONCE));
        while let Some((person, outcome)) = answers.next().await {
            let outcome = outcome?;
            let go_on = self.row.count(&person, &outcome);
            self.report.count(&person, outcome);
            go_on?;
        }
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
