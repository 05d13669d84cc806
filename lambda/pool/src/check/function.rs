//! Whether the function can be called by the pool, and ends in time.
//! Refuses to call it, for that would provision somebody.

use super::Findings;
use super::environment::{self, FunctionsKey};
use crate::arguments::CheckArguments;
use crate::function::Function;
use crate::permission::{self, Caller, Permission};
use crate::server::Server;
use serde_json::{Map, Value};

/// What Cognito waits.
const COGNITO_WAITS_SECONDS: u64 = 5;

/// What the function's key is, if that can be seen from here.
pub(super) async fn look(
    findings: &mut Findings,
    function: &Function<'_>,
    pool: &Map<String, Value>,
    asked: &CheckArguments,
    server: &Server,
) -> FunctionsKey {
    let arn = function.arn();
    let set = |setting: &str| {
        format!(
            "aws lambda update-function-configuration --function-name {} {setting} --region {}",
            arn.unqualified(),
            arn.region()
        )
    };
    let settings = match function.configuration().await {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            let detach = format!(
                "enlist-cognito detach --user-pool-id {} --function {arn}",
                asked.user_pool_id
            );
            findings.bad(
                "function",
                "there is no such function; a pool that calls it fails every sign-up",
                format!("deploy it (examples/cognito), or {detach}"),
            );
            return FunctionsKey::Unseen;
        }
        Err(error) => {
            findings.unsaid("function", &error);
            return FunctionsKey::Unseen;
        }
    };
    state(findings, &settings, asked);
    may_be_called(findings, function, pool, asked).await;
    time(findings, &settings, &set);
    let memory = settings["MemorySize"].as_u64().unwrap_or_default();
    findings.good("memory", format!("{memory} MB"));
    network(findings, &settings);
    concurrency(findings, function).await;
    environment::look(findings, &settings, server, &set)
}

fn state(findings: &mut Findings, settings: &Value, asked: &CheckArguments) {
    let arn = &asked.function;
    let text = |name: &str| settings[name].as_str().unwrap_or_default().to_owned();
    let (state, update) = (text("State"), text("LastUpdateStatus"));
    let see = format!(
        "aws lambda get-function-configuration --function-name {arn} --region {}",
        arn.region()
    );
    match state.as_str() {
        "" | "Active" => {}
        // Not called for weeks: the next call wakes it, and may be too slow for Cognito.
        "Inactive" => findings.warn(
            "function",
            "asleep: the first sign-up has to wait for it",
            format!("aws lambda invoke --function-name {arn} --payload '{{}}' /dev/null"),
        ),
        _ => {
            findings.bad("function", format!("it is {state}: {}", text("StateReason")), see.clone())
        }
    }
    if update == "Failed" {
        findings.bad(
            "function",
            format!("its last change failed: {}", text("LastUpdateStatusReason")),
            see.clone(),
        );
    }
    let architecture = settings["Architectures"][0].as_str().unwrap_or("x86_64").to_owned();
    let changed = text("LastModified");
    match text("Runtime").as_str() {
        "" => findings.good("function", format!("{architecture}, an image, changed {changed}")),
        "provided.al2023" => findings
            .good("function", format!("provided.al2023 on {architecture}, changed {changed}")),
        runtime if runtime.starts_with("provided") => {
            let fix = format!(
                "aws lambda update-function-configuration --function-name {} --runtime provided.al2023 --region {}",
                arn.unqualified(),
                arn.region()
            );
            findings.bad(
                "function",
                format!("{runtime} is too old for the trigger, which needs provided.al2023"),
                fix,
            );
        }
        runtime => findings.warn(
            "function",
            format!("{runtime} on {architecture}: another program than Enlist's trigger"),
            "deploy it beside this one, then attach --replace (examples/cognito/README.md)",
        ),
    }
}

async fn may_be_called(
    findings: &mut Findings,
    function: &Function<'_>,
    pool: &Map<String, Value>,
    asked: &CheckArguments,
) {
    let pool_arn = pool.get("Arn").and_then(Value::as_str).unwrap_or_default();
    let account = permission::account(pool_arn);
    let policy = match function.policy().await {
        Ok(policy) => policy,
        Err(error) => return findings.unsaid("permission", &error),
    };
    let (id, arn) = (&asked.user_pool_id, function.arn());
    match policy.map_or(Permission::Missing, |policy| permission::of(&policy, &Caller { pool_arn, account })) {
        Permission::Named(statement) => findings.good("permission", format!("this pool may call it ({statement})")),
        Permission::Broad(statement) => findings.warn(
            "permission",
            format!("other pools may call it too ({statement}): it does not name this one"),
            format!("enlist-cognito attach --user-pool-id {id} --function {arn}; once every other pool that calls it has a statement of its own: aws lambda remove-permission --function-name {arn} --statement-id {statement} --region {}", arn.region()),
        ),
        Permission::Missing => findings.bad("permission", "the pool may not call it: every sign-up fails", format!("enlist-cognito attach --user-pool-id {id} --function {arn}")),
    }
}

fn time(findings: &mut Findings, settings: &Value, set: &impl Fn(&str) -> String) {
    let seconds = settings["Timeout"].as_u64().unwrap_or_default();
    let fix = set("--timeout 5");
    match seconds {
        COGNITO_WAITS_SECONDS => findings.good("timeout", "5 s, as long as Cognito waits"),
        0..COGNITO_WAITS_SECONDS => findings.bad("timeout", format!("{seconds} s: it is ended before it has its answer, and Cognito calls it again"), fix),
        _ => findings.warn("timeout", format!("{seconds} s: Cognito waits 5, and what it has given up keeps running and is paid for"), fix),
    }
}

fn network(findings: &mut Findings, settings: &Value) {
    match settings["VpcConfig"]["VpcId"].as_str().filter(|id| !id.is_empty()) {
        None => findings.good("network", "in no VPC"),
        Some(vpc) => {
            let subnets: Vec<_> = settings["VpcConfig"]["SubnetIds"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let fix = format!(
                "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={}   (0.0.0.0/0 has to lead to a NAT gateway)",
                subnets.join(",")
            );
            findings.warn(
                "network",
                format!("in {vpc}: without a NAT gateway it reaches no server outside"),
                fix,
            );
        }
    }
}

async fn concurrency(findings: &mut Findings, function: &Function<'_>) {
    let arn = function.arn();
    match function.reserved().await {
        Ok(None) => findings.good("concurrency", "not limited by itself"),
        Ok(Some(0)) => {
            let fix = format!(
                "aws lambda delete-function-concurrency --function-name {} --region {}",
                arn.unqualified(),
                arn.region()
            );
            findings.bad("concurrency", "0: it may not run at all, and every sign-up fails", fix);
        }
        Ok(Some(most)) => findings.good("concurrency", format!("at most {most} at once")),
        Err(error) => findings.unsaid("concurrency", &error),
    }
}
