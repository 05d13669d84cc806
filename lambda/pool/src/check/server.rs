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
    decides: bool,
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
    let tenant = match server.tenant() {
        Some(tenant) => Ok(tenant.to_owned()),
        None => own.and_then(tenant_of),
    };
    let says = match key {
        FunctionsKey::Seen(key) => {
            functions(findings, server.with_key(&key), tenant.as_deref().ok()).await;
            None
        }
        FunctionsKey::Elsewhere => {
            Some("it asks another server, and its key is not given to this one")
        }
        FunctionsKey::Unseen => Some("it cannot be seen from here"),
    };
    if let Some(says) = says {
        findings.unknown("key", format!("whether the server takes the function's key: {says}"));
    }
    if decides {
        decisions(findings, server).await;
    }
    issuer(findings, server, asked, tenant).await;
}

/// Whether the trigger's door takes the function's key, and whether it is the tenant's. `{}` is turned away as no request, once the key
/// is good.
async fn functions(findings: &mut Findings, server: Option<Server>, tenant: Option<&str>) {
    let fix = format!(
        "enlist -t {} key create --scope provision, and give it to the function",
        tenant.unwrap_or("TENANT")
    );
    let Some(server) = server else {
        return findings.bad("key", "the function's is none: it holds what no key does", fix);
    };
    let empty = json!({});
    match server.ask(Method::POST, &["provision-user"], &[], Some(&empty)).await {
        Ok(answer) if answer.code() == Some("body_required") => {}
        Ok(answer) if answer.status == 401 => return findings.bad(
            "key",
            "the server does not take the function's: wrong, revoked, or without the scope provision",
            fix,
        ),
        Ok(answer) => return findings.unknown("key", answer.says()),
        Err(error) => return findings.unknown("key", error),
    }
    let Some(tenant) = tenant else {
        return findings.good("key", "the server takes the function's");
    };
    let path = ["v1", "tenants", tenant, "decisions"];
    match server.ask(Method::POST, &path, &[], Some(&empty)).await {
        Ok(answer) if answer.code() == Some("body_required") => {
            findings.good(
                "key",
                format!("the server takes the function's: it is one of tenant {tenant}'s"),
            );
        }
        Ok(answer) if answer.status == 404 && answer.code().is_some() => findings.bad(
            "key",
            format!(
                "the function's is another tenant's than {tenant}: its people are opened there"
            ),
            fix,
        ),
        Ok(answer) => findings.unknown(
            "key",
            format!("whether the function's is one of tenant {tenant}'s: {}", answer.says()),
        ),
        Err(error) => findings.unknown("key", error),
    }
}

/// Whether the door is there that PreSignUp asks at. Any no of an Enlist's says so, whatever the key here may.
async fn decisions(findings: &mut Findings, server: &Server) {
    let base = server.shown();
    let fix = "let what stands in front of the server pass POST /v1/decisions on too, or leave PreSignUp out";
    match server.ask(Method::POST, &["v1", "decisions"], &[], Some(&json!({}))).await {
        Ok(answer) if answer.code().is_some() && answer.status != 404 => {
            findings.good("decisions", "PreSignUp's question is answered");
        }
        Ok(answer) => findings.bad(
            "decisions",
            format!("{base}v1/decisions, which PreSignUp asks: {}", answer.says()),
            fix,
        ),
        Err(error) => findings.bad(
            "decisions",
            format!("{base}v1/decisions, which PreSignUp asks: {error}"),
            fix,
        ),
    }
}

/// Whether the tenant's issuer is the pool.
async fn issuer(
    findings: &mut Findings,
    server: &Server,
    asked: &CheckArguments,
    tenant: Result<String, String>,
) {
    let tenant = match tenant {
        Ok(tenant) => tenant,
        Err(why) => return findings.unknown("issuer", why),
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
