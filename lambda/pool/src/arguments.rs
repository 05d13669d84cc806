//! What a person types: verbs and their arguments.
//! Refuses to do a verb's work, and to take a key as an argument, which every user of the machine could read.

use crate::arn::FunctionArn;
use crate::pool::PoolId;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Enlist behind an Amazon Cognito user pool: its trigger put in and taken out, everybody who is there already sent, the whole looked at.
#[derive(Debug, Parser)]
#[command(name = "enlist-cognito", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXAMPLES: &str = "Credentials are found as the AWS command line finds them; the region is the pool's.

Examples:
  enlist-cognito attach --user-pool-id P --function ARN --dry-run      what would change of the pool, and of who may call the function
  enlist-cognito attach --user-pool-id P --function ARN                change it, and look that nothing else has
  enlist-cognito backfill --user-pool-id P --dry-run                   what would come of everybody who is in the pool
  enlist-cognito backfill --user-pool-id P --state backfill.json       send them; interrupted, it goes on where it was
  enlist-cognito check --user-pool-id P --function ARN                 whether all of it works
  enlist-cognito detach --user-pool-id P --function ARN                before the function is deleted";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a function the pool's trigger, and leave every other setting as it is.
    Attach(AttachArguments),
    /// Take a function out of every slot of the pool that it is in.
    Detach(DetachArguments),
    /// Send everybody who is in the pool already, as the trigger would have.
    Backfill(BackfillArguments),
    /// Look whether pool, function and server belong together; each fault with the command that mends it.
    Check(CheckArguments),
}

/// What every verb takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// How answers are printed.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// A profile of AWS's configuration files [or AWS_PROFILE].
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Where AWS's services are, for an emulator [or AWS_ENDPOINT_URL].
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// The triggers that the function understands. The names are Cognito's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum Trigger {
    /// Opens the account once the person is confirmed.
    PostConfirmation,
    /// Refuses a sign-up that an opening would refuse.
    PreSignUp,
    /// Opens, at a sign-in, the account that is not there yet.
    PostAuthentication,
}

impl Trigger {
    /// The slot's name.
    pub(crate) fn slot(self) -> &'static str {
        match self {
            Self::PostConfirmation => "PostConfirmation",
            Self::PreSignUp => "PreSignUp",
            Self::PostAuthentication => "PostAuthentication",
        }
    }
}

/// What `attach` takes.
#[derive(Debug, Args)]
pub(crate) struct AttachArguments {
    /// The user pool.
    #[arg(long, value_name = "ID")]
    pub(crate) user_pool_id: PoolId,
    /// The function, by its whole name (arn:aws:lambda:…).
    #[arg(long, value_name = "ARN")]
    pub(crate) function: FunctionArn,
    /// The slots.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "PostConfirmation",
        value_name = "SLOT,…"
    )]
    pub(crate) trigger: Vec<Trigger>,
    /// Also take a slot that another function is in.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Leave alone who may call the function.
    #[arg(long)]
    pub(crate) no_permission: bool,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What `detach` takes.
#[derive(Debug, Args)]
pub(crate) struct DetachArguments {
    /// The user pool.
    #[arg(long, value_name = "ID")]
    pub(crate) user_pool_id: PoolId,
    /// The function, by its whole name; it need not exist any more.
    #[arg(long, value_name = "ARN")]
    pub(crate) function: FunctionArn,
    /// Leave alone who may call the function.
    #[arg(long)]
    pub(crate) no_permission: bool,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Where the server is, and whose key is carried.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// The Enlist server.
    #[arg(long, env = "ENLIST_SERVER", value_name = "URL")]
    pub(crate) server: String,
    /// A file whose first line is the key, or - for standard input [or the key itself in ENLIST_KEY].
    #[arg(long, env = "ENLIST_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The tenant that is looked at [default: the key's own].
    #[arg(short, long, env = "ENLIST_TENANT", value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
}

/// What `backfill` takes.
#[derive(Debug, Args)]
pub(crate) struct BackfillArguments {
    /// The user pool.
    #[arg(long, value_name = "ID")]
    pub(crate) user_pool_id: PoolId,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    /// Ask what would come of it, and open nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Afterwards, list the accounts whose user is gone from the pool or disabled in it. Changes nothing.
    #[arg(long)]
    pub(crate) reconcile: bool,
    /// How many people a second at most.
    #[arg(long, default_value = "20/s", value_name = "N/s")]
    pub(crate) rate: Rate,
    /// Where it is kept how far this has come, so that the same command goes on there.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Also those whom the pool has disabled.
    #[arg(long)]
    pub(crate) include_disabled: bool,
}

/// What `check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The user pool.
    #[arg(long, value_name = "ID")]
    pub(crate) user_pool_id: PoolId,
    /// The function, by its whole name.
    #[arg(long, value_name = "ARN")]
    pub(crate) function: FunctionArn,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// So many a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(f64);

impl Rate {
    /// How long one takes.
    pub(crate) fn interval(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.0)
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix("/s").unwrap_or(text).trim().parse::<f64>();
        // The bounds keep an interval that a clock can measure and a day can hold.
        match number {
            Ok(rate) if (0.001..=10_000.0).contains(&rate) => Ok(Self(rate)),
            _ => Err("expected so many a second, as in 20/s, from 0.001 to 10000"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Rate};
    use clap::CommandFactory;
    use std::time::Duration;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_rate_is_so_many_a_second() {
        let interval = |text: &str| text.parse::<Rate>().map(Rate::interval);
        assert_eq!(interval("20/s"), Ok(Duration::from_millis(50)));
        assert_eq!(interval("0.5"), Ok(Duration::from_secs(2)));
        for wrong in ["", "0", "-1/s", "fast", "20/m", "inf", "NaN", "1e9"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
