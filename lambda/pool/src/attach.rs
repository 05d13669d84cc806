//! `attach` and `detach`: a function into and out of a pool's slots, and the right to call it with it.
//! Refuses to lose a setting: all of them go back with the update, and the pool is described again and compared.

mod shown;

use crate::arguments::{AttachArguments, Common, DetachArguments};
use crate::arn::FunctionArn;
use crate::aws::{Aws, AwsError};
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
    if !dry_run && let Grant::Added { request, .. } = &grant {
        function
            .allow(request)
            .await
            .map_err(|error| Failure::from(error).while_doing("AddPermission"))?;
    }
    let done = change(&pool, before, wanted, dry_run).await;
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
    let done = change(&pool, before, wanted, dry_run).await;
    // First the slot, then the right. A pool that was not changed as it should keeps the right: its triggers may still be there.
    let grant = match done.went_wrong() || no_permission {
        true => Grant::LeftAlone,
        false => take_grant(&function, &caller, dry_run).await,
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
    /// Whether the pool was updated.
    pub(crate) updated: bool,
    /// Why this was not all.
    pub(crate) failure: Option<Failure>,
}

impl Done {
    fn went_wrong(&self) -> bool {
        !self.damage.is_empty() || self.failure.is_some()
    }
}

/// Gives the pool the slots that are wanted, and looks what else became of it. What was done is said, also when it was not all.
async fn change(
    pool: &Pool<'_>,
    before: Before,
    wanted: Map<String, Value>,
    dry_run: bool,
) -> Done {
    let mut expected = before.pool.clone();
    expected.insert("LambdaConfig".to_owned(), wanted.clone().into());
    let mut done = Done {
        changes: changes(&before.pool, &expected),
        update: Update::new(&before.pool, pool.id(), wanted),
        damage: Vec::new(),
        not_compared: before.second_factors.clone().err(),
        updated: false,
        failure: None,
    };
    if dry_run || done.changes.is_empty() {
        return done;
    }
    match pool.update(&done.update.request).await {
        Ok(()) => done.updated = true,
        Err(error) => {
            done.failure = Some(Failure::from(error).while_doing("UpdateUserPool"));
            return done;
        }
    }
    match damage(pool, &before, &expected).await {
        Ok(damage) => done.damage = damage,
        Err(error) => {
            let looking = "the pool was updated, and then could not be described";
            done.failure = Some(Failure::from(error).while_doing(looking));
        }
    }
    done
}

/// What is not as it should be after an update.
async fn damage(
    pool: &Pool<'_>,
    before: &Before,
    expected: &Map<String, Value>,
) -> Result<Vec<Change>, AwsError> {
    let mut damage = changes(expected, &pool.describe().await?);
    if let Ok(before) = &before.second_factors {
        let after = pool.second_factors().await?;
        let whole = |value: &Value| Map::from_iter([("SecondFactors".to_owned(), value.clone())]);
        damage.extend(changes(&whole(before), &whole(&after)));
    }
    Ok(damage)
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
    let policy = function.policy().await.map_err(failed)?.unwrap_or_default();
    // Beside a statement that lets others in too, so that it can go one day without a moment in which this pool may not.
    let wide = match permission::of(&policy, &caller) {
        Permission::Named(statement) => return Ok(Grant::There(statement)),
        Permission::Broad(statement) => Some(statement),
        Permission::Missing => None,
    };
    let statement = permission::free_id(&policy, format!("enlist-cognito-{pool}"));
    let request = permission_for(&statement, caller.pool_arn, caller.account);
    Ok(Grant::Added { request, wide })
}

/// Takes away what let this pool alone in. The slots are empty by then: what stays of it is said, and harms nobody.
async fn take_grant(function: &Function<'_>, pool_arn: &str, dry_run: bool) -> Grant {
    let caller = Caller { pool_arn, account: permission::account(pool_arn) };
    let mut taken = Vec::new();
    let policy = match function.policy().await {
        Ok(policy) => policy.unwrap_or_default(),
        Err(error) => return Grant::Stays { taken, why: error.into() },
    };
    for statement in permission::named(&policy, &caller) {
        if !dry_run && let Err(error) = function.disallow(&statement).await {
            return Grant::Stays { taken, why: error.into() };
        }
        taken.push(statement);
    }
    Grant::Taken(taken)
}

fn finish(common: &Common, shown: Shown) -> Result<Ending, Failure> {
    print::show(common.output, &shown.document(), || shown.text());
    let Shown { done, grant, dry_run, .. } = shown;
    if let Some(failure) = done.failure {
        return Err(match grant {
            Grant::Added { .. } if !done.updated => {
                failure.while_doing("the pool was not changed; the permission was added, and stays")
            }
            _ => failure,
        });
    }
    if !done.damage.is_empty() {
        let says = "the pool's settings are not what they were, see above: put them back, and look who else changes this pool";
        return Err(Failure::new(Ending::No, says));
    }
    match grant {
        Grant::Stays { why, .. } if dry_run => Err(
            why.while_doing("who may call the function cannot be seen, and so would stay as it is")
        ),
        Grant::Stays { why, .. } => {
            Err(why.while_doing("the pool no longer calls the function; its permission stays"))
        }
        _ => Ok(Ending::Yes),
    }
}
