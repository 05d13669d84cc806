//! Whether the server can be reached, takes the keys, and knows the pool's people as the trigger names them.
//! Refuses to open an account to find out: the door is asked with an empty body, which it turns away after the key.

use super::Findings;
use super::environment::FunctionsKey;
use crate::arguments::CheckArguments;
use crate::server::{Answer, Server};
use reqwest::Method;
use serde_json::json;

pub(super) async fn look(
    findings: &mut Findings,
    server: &Server,
    asked: &CheckArguments,
    key: FunctionsKey,
) {
    let base = server.shown();
    match server.ask(Method::GET, &["healthz"], &[], None).await {
        Ok(answer) if answer.status == 200 => findings.good(
            "reached",
            format!("{base} answers{}", if base.scheme() == "https" { " over TLS" } else { "" }),
        ),
        Ok(answer) => {
            return findings.bad(
                "reached",
                format!("{base}: {}", answer.says()),
                format!("curl -i {base}healthz"),
            );
        }
        Err(error) => {
            return findings.bad(
                "reached",
                format!("{base}: {error}"),
                format!("curl -v {base}healthz"),
            );
        }
    }
    match server.ask(Method::GET, &["readyz"], &[], None).await {
        Ok(answer) if answer.status == 200 => findings.good("ready", "it can write"),
        Ok(answer) => findings.bad(
            "ready",
            format!("it is not ready ({})", answer.status),
            "enlist doctor   (on the server; its log says what cannot be written)",
        ),
        Err(error) => findings.bad("ready", error, format!("curl -v {base}readyz")),
    }
    let own = server.ask(Method::GET, &["v1", "status"], &[], None).await;
    let own = match own {
        Ok(answer) if answer.status == 401 => {
            let fix = "enlist key create --local --operator   (on the server, if all are lost)";
            return findings.bad(
                "key",
                "the server does not know the key that was given here",
                fix,
            );
        }
        own => own,
    };
    match key {
        FunctionsKey::Seen(key) => door(findings, server.with_key(&key).as_ref()).await,
        FunctionsKey::Unseen => findings.unknown(
            "key",
            "whether the server takes the function's key: it cannot be seen from here",
        ),
    }
    issuer(findings, server, asked, own).await;
}

/// Whether the trigger's door takes a key. `{}` is turned away as no request, once the key is good.
async fn door(findings: &mut Findings, server: Option<&Server>) {
    let fix = "enlist -t TENANT key create --scope provision, and give it to the function";
    let Some(server) = server else {
        return findings.bad("key", "the function's is none: it holds what no key does", fix);
    };
    match server.ask(Method::POST, &["provision-user"], &[], Some(&json!({}))).await {
        Ok(answer) if answer.code() == Some("body_required") => {
            findings.good("key", "the server takes the function's");
        }
        Ok(answer) if answer.status == 401 => findings.bad(
            "key",
            "the server does not take the function's: wrong, revoked, or without the scope provision",
            fix,
        ),
        Ok(answer) => findings.unknown("key", answer.says()),
        Err(error) => findings.unknown("key", error),
    }
}

/// Whether the tenant's issuer is the pool.
async fn issuer(
    findings: &mut Findings,
    server: &Server,
    asked: &CheckArguments,
    own: Result<Answer, String>,
) {
    let tenant = match server.tenant() {
        Some(tenant) => tenant.to_owned(),
        None => match own.and_then(tenant_of) {
            Ok(tenant) => tenant,
            Err(why) => return findings.unknown("issuer", why),
        },
    };
    let answer = match server.ask(Method::GET, &["v1", "tenants", &tenant], &[], None).await {
        Ok(answer) => answer,
        Err(error) => return findings.unknown("issuer", error),
    };
    if answer.status != 200 {
        return findings.unknown(
            "issuer",
            format!(
                "{} (an operator's key, or one of the tenant's with the scope read, may look)",
                answer.says()
            ),
        );
    }
    let expected = asked.user_pool_id.issuer();
    let fix = format!("enlist tenant set {tenant} --issuer {expected}");
    match answer.body["issuer"].as_str() {
        Some(issuer) if issuer == expected => findings.good("issuer", format!("tenant {tenant} is this pool's")),
        Some(issuer) => findings.bad("issuer", format!("tenant {tenant} is {issuer}'s: this pool's people would be strangers beside its own"), format!("enlist tenant create NAME --issuer {expected}, or {fix}")),
        None => findings.bad("issuer", format!("tenant {tenant} has none: people it knows without one are turned away when the trigger names it"), fix),
    }
}

/// The tenant whose key this is, by what the server says of itself.
fn tenant_of(answer: Answer) -> Result<String, String> {
    let items = answer.body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    match (answer.status, items) {
        (200, [one]) if one["tenant"].is_string() => {
            Ok(one["tenant"].as_str().unwrap_or_default().to_owned())
        }
        (200, _) => Err("which tenant? Say it with -t TENANT".to_owned()),
        _ => Err(format!("{} (say -t TENANT, with a key that may read)", answer.says())),
    }
}
