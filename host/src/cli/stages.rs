//! What each stage of a decision said, as lines for people.
//! Refuses to repeat what acts on a terminal: names and notes are somebody else's text.

use crate::cli::client::text;
use crate::sandbox::quote;
use serde_json::Value;

/// The lines of `stages`; none when they were not told.
pub(super) fn lines(decision: &Value) -> String {
    let stages = decision["stages"].as_array().into_iter().flatten();
    stages.map(stage).collect()
}

fn stage(stage: &Value) -> String {
    if let Some(notes) = stage["notes"].as_array() {
        return notes.iter().map(|note| format!("note: {}\n", quote(text(note)))).collect();
    }
    let mut said = words(text(&stage["said"]).as_str()).to_owned();
    if let Some(code) = stage["code"].as_str() {
        said = format!("{said}: {code}");
    }
    if let Some(accounts) = stage["accounts"].as_u64() {
        let in_domain = text(&stage["accounts_in_domain"]);
        said = format!("{said}; {accounts} accounts in use, {in_domain} of the domain");
    }
    let mut lines = line(&text(&stage["stage"]), &said);
    for candidate in stage["candidates"].as_array().into_iter().flatten() {
        let fate = words(candidate["fate"].as_str().unwrap_or_default()).to_owned();
        let why = candidate["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
        lines.push_str(&line("", &format!("{}  {fate}{why}", text(&candidate["name"]))));
    }
    if let Some(detail) = stage["detail"].as_str() {
        lines.push_str(&format!("detail: {}\n", quote(detail)));
    }
    lines
}

fn line(head: &str, said: &str) -> String {
    format!("{}\n", quote(format!("{head:<10} {said}")))
}

/// What a server says in a word, in more of them; what only a newer one knows stays as it is.
fn words(said: &str) -> &str {
    match said {
        "not_asked" => "nobody is known at a sign-up",
        "stranger" => "nobody who is known",
        "known" => "they have an account: nobody else is asked",
        "linkable" => "they have an account, which would be linked to them",
        "proposed" => "proposed names",
        "chosen" => "chosen",
        "free" => "there is room",
        "held" => "is taken",
        "home_in_the_way" => "a folder is in the way",
        "unusable" => "cannot be used",
        "not_needed" => "not needed",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::lines;
    use serde_json::json;

    #[test]
    fn every_stage_is_a_line_and_every_name_too_and_nothing_acts() {
        let decision = json!({"stages": [
            {"stage": "recognise", "said": "stranger"},
            {"stage": "pick", "said": "refused", "code": "username_taken", "detail": "why\u{1b}[31m", "candidates": [
                {"name": "a b", "fate": "unusable", "why": "it contains ' '"}, {"name": "ann\u{1b}", "fate": "held"}]},
            {"stage": "seats", "said": "free", "accounts": 3, "accounts_in_domain": 1},
            {"stage": "later", "said": "something"},
            {"stage": "notes", "said": "noted", "notes": ["one", "two"]},
        ]});
        let expected = "recognise  nobody who is known\n\
            pick       refused: username_taken\n           \
            a b  cannot be used: it contains ' '\n           \
            ann   is taken\n\
            detail: why [31m\n\
            seats      there is room; 3 accounts in use, 1 of the domain\n\
            later      something\n\
            note: one\nnote: two\n";
        assert_eq!(lines(&decision), expected);
        assert_eq!(lines(&json!({"decision": "grant"})), "");
    }
}
