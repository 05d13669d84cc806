//! `enlist decide`: what a running server would decide about somebody, stage by stage; nothing comes of it but a row of the record.
//! Refuses to say a refusal for a failure: a server that could not decide ends with 3.

use crate::cli::applicant::ApplicantArguments;
use crate::cli::client::{Client, text};
use crate::cli::{Ending, fail, stages};
use crate::sandbox::quote;
use crate::wire::read_body;
use reqwest::Method;
use serde_json::Value;

pub(super) fn run(client: &Client, asked: ApplicantArguments) -> Result<Ending, Ending> {
    let mut url = client.tenant_url(&["decisions"])?;
    url.query_pairs_mut().append_pair("explain", "true");
    let body = read_body(&asked.read()?).map_err(|error| fail(&error, Ending::WrongUse))?;
    let decision = client.send(Method::POST, url, Some(&body))?;
    let said = client.show(&decision, shown);
    Ok(if decision["decision"] == "grant" { said } else { Ending::No.after(said) })
}

fn shown(decision: &Value) -> String {
    let part = |name: &str| quote(text(&decision[name]));
    let revision = part("revision");
    let mut lines = stages::lines(decision);
    if decision["decision"] == "grant" {
        lines.push_str(&format!("grant      {}, by revision {revision}\n", part("username")));
        let allowance = decision["allowance"].as_object().into_iter().flatten();
        for (name, value) in allowance.filter(|(_, value)| !value.is_null()) {
            match value.as_object() {
                Some(labels) => labels.iter().for_each(|(label, value)| {
                    lines.push_str(&format!("  {}\n", quote(format!("{label} = {}", text(value)))));
                }),
                None => lines.push_str(&format!("  {name} {}\n", text(value))),
            }
        }
    } else {
        let (code, message) = (part("code"), part("message"));
        lines.push_str(&format!("refuse     {code}: {message}, by revision {revision}\n"));
    }
    lines
}
