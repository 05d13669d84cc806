//! `attach` and `detach`: a function into and out of a pool's slots, and the right to call it with it.
//! Refuses to lose a setting: all of them go back with the update, and the pool is described again and compared.

mod shown;

use crate::arguments::{AttachArguments, Common, DetachArguments};
use crate::arn::FunctionArn;
use crate::aws::Aws;
use crate::ending::{Ending, Failure};
use crate::function::{Function, permission_for};
use crate::permission::{self, Caller, Permission};
use crate::pool::{Pool, PoolId};
use crate::print;
use crate::settings::{Change, Update, changes};
use crate::slots;
use serde_json::{Map, Value};
use shown::{Grant, Shown};

/// `attach`.
pub(crate) async fn attach(common: &Common, asked: AttachArguments) -> Result<Ending, Failure> {
    let AttachArguments { user_pool_id, function, trigger, replace, no_permission, dry_run } =
        asked;
    same_region(&user_pool_id, &function)?;
    let aws = Aws::find(common, user_pool_id.region()).await?;
    let pool = Pool::new(&aws, &user_pool_id);
    let function = Function::new(&aws, &function);
    let before = Before::of(&pool).await?;
    let (wanted, taken) = slots::with(&slots::of(&before.pool), function.arn().as_str(), &trigger);
    if !taken.is_empty() && !replace {
        let lines: Vec<_> = taken
            .iter()
            .map(|taken| format!("{} holds {}", taken.slot, print::plain(&taken.by)))
            .collect();
        let says = format!(
            "{}: nothing was changed (--replace puts this function in its place; a slot has room for one)",
            lines.join("; ")
        );
        return Err(Failure::new(Ending::No, says));
    }
    let grant = if no_permission {
        Grant::LeftAlone
    } else {
        missing_grant(&function, &before, &user_pool_id).await?
    };
    // First the right, then the slot: the other way round every sign-up between the two would fail.
    if !dry_run && let Grant::Added(statement) = &grant {
        function
            .allow(statement)
            .await
            .map_err(|error| Failure::from(error).while_doing("AddPermission"))?;
    }
    let done = change(&pool, before, wanted, dry_run).await?;
    finish(common, Shown { pool: &user_pool_id, function: function.arn(), dry_run, done, grant })
}

/// `detach`.
pub(crate) async fn detach(common: &Common, asked: DetachArguments) -> Result<Ending, Failure> {
    let DetachArguments { user_pool_id, function, no_permission, dry_run } = asked;
    let aws = Aws::find(common, user_pool_id.region()).await?;
    let pool = Pool::new(&aws, &user_pool_id);
    let function = Function::new(&aws, &function);
    let before = Before::of(&pool).await?;
    let wanted = slots::without(&slots::of(&before.pool), function.arn().as_str());
    let caller = before.arn().to_owned();
    let done = change(&pool, before, wanted, dry_run).await?;
    // First the slot, then the right. A pool that was not changed as it should keeps the right: its triggers may still be there.
    let grant = match done.went_wrong() || no_permission {
        true => Grant::LeftAlone,
        false => take_grant(&function, &caller, dry_run).await?,
    };
    finish(common, Shown { pool: &user_pool_id, function: function.arn(), dry_run, done, grant })
}

/// What a pool was like.
struct Before {
    pool: Map<String, Value>,
    /// Or why they cannot be compared.
    second_factors: Result<Value, String>,
}

impl Before {
    async fn of(pool: &Pool<'_>) -> Result<Self, Failure> {
        let described = pool.describe().await;
        let described = described.map_err(|error| {
            Failure::from(error).while_doing(&format!("user pool {}", pool.id()))
        })?;
        Ok(Self {
            pool: described,
            second_factors: pool.second_factors().await.map_err(|error| error.to_string()),
        })
    }

    fn arn(&self) -> &str {
        self.pool.get("Arn").and_then(Value::as_str).unwrap_or_default()
    }
}

/// What came of the pool.
pub(crate) struct Done {
    /// Triggers that are others now, or would be.
    pub(crate) changes: Vec<Change>,
    pub(crate) update: Update,
    /// Settings that are others and should not be.
    pub(crate) damage: Vec<Change>,
    /// Why second factors were not compared.
    pub(crate) not_compared: Option<String>,
}

impl Done {
    fn went_wrong(&self) -> bool {
        !self.damage.is_empty()
    }
}

/// Gives the pool the slots that are wanted, and looks what else became of it.
async fn change(
    pool: &Pool<'_>,
    before: Before,
    wanted: Map<String, Value>,
    dry_run: bool,
) -> Result<Done, Failure> {
    let mut expected = before.pool.clone();
    expected.insert("LambdaConfig".to_owned(), wanted.clone().into());
    let changes_wanted = changes(&before.pool, &expected);
    let update = Update::new(&before.pool, pool.id(), wanted);
    let mut done = Done {
        changes: changes_wanted,
        update,
        damage: Vec::new(),
        not_compared: before.second_factors.clone().err(),
    };
    if dry_run || done.changes.is_empty() {
        return Ok(done);
    }
    pool.update(&done.update.request)
        .await
        .map_err(|error| Failure::from(error).while_doing("UpdateUserPool"))?;
    let looked = |error| {
        Failure::from(error).while_doing("the pool was updated, and then could not be described")
    };
    done.damage = changes(&expected, &pool.describe().await.map_err(looked)?);
    if let Ok(before) = &before.second_factors {
        let after = pool.second_factors().await.map_err(looked)?;
        let whole = |value: &Value| Map::from_iter([("SecondFactors".to_owned(), value.clone())]);
        done.damage.extend(changes(&whole(before), &whole(&after)));
    }
    Ok(done)
}

/// Cognito calls functions of its own region alone.
fn same_region(pool: &PoolId, function: &FunctionArn) -> Result<(), Failure> {
    if pool.region() == function.region() {
        return Ok(());
    }
    let says = format!(
        "the pool is in {} and the function in {}: Cognito calls functions of its own region",
        pool.region(),
        function.region()
    );
    Err(Failure::new(Ending::WrongUse, says))
}

/// The permission that is missing, if one is.
async fn missing_grant(
    function: &Function<'_>,
    before: &Before,
    pool: &PoolId,
) -> Result<Grant, Failure> {
    let failed = |error| Failure::from(error).while_doing("the function");
    if function.configuration().await.map_err(failed)?.is_none() {
        // A pool with a function that is not there fails every sign-up.
        let says = format!("there is no function {}: nothing was changed", function.arn());
        return Err(Failure::new(Ending::No, says));
    }
    let caller = Caller { pool_arn: before.arn(), account: permission::account(before.arn()) };
    let policy = function.policy().await.map_err(failed)?;
    let permission = policy.map_or(Permission::Missing, |policy| permission::of(&policy, &caller));
    Ok(match permission {
        Permission::Named(statement) => Grant::There(statement),
        Permission::Broad(statement) => Grant::Wide(statement),
        Permission::Missing => {
            Grant::Added(permission_for(pool.as_str(), caller.pool_arn, caller.account))
        }
    })
}

/// Takes away what let this pool alone in.
async fn take_grant(
    function: &Function<'_>,
    pool_arn: &str,
    dry_run: bool,
) -> Result<Grant, Failure> {
    let failed = |error| {
        Failure::from(error)
            .while_doing("the pool no longer calls the function; its permission stays")
    };
    let caller = Caller { pool_arn, account: permission::account(pool_arn) };
    let policy = function.policy().await.map_err(failed)?;
    let statements = policy.map(|policy| permission::named(&policy, &caller)).unwrap_or_default();
    if !dry_run {
        for statement in &statements {
            function.disallow(statement).await.map_err(failed)?;
        }
    }
    Ok(Grant::Taken(statements))
}

fn finish(common: &Common, shown: Shown) -> Result<Ending, Failure> {
    print::show(common.output, &shown.document(), || shown.text());
    if shown.done.went_wrong() {
        let says = "the pool's settings are not what they were, see above: put them back, and look who else changes this pool";
        return Err(Failure::new(Ending::No, says));
    }
    Ok(Ending::Yes)
}
