//! What a revision would change, and old decisions made again: through the doors and at a shell, beside everything else.

mod cases;

use crate::app::{App, enlist};
use enlist_artifacts::{LOCALPART, honest::CANDIDATES, hostile};
use serde_json::{Value, json};

type Ended = (Option<i32>, String, String);

fn run(app: &App, arguments: &[&str]) -> Ended {
    let mut command = enlist();
    command.args(["-t", "default"]).args(arguments).current_dir(app.folder.path());
    command.env("ENLIST_SERVER", &app.url).env("ENLIST_KEY", &app.tenant_key);
    let output = command.output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Asks until it has ended.
async fn ends(app: &App, path: &str, key: &str) -> Value {
    loop {
        let answer = app.ask("GET", path, key, Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let found = answer.json();
        if found["state"] != "running" {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

/// What a revision would change, when everything was asked.
async fn preview(app: &App, revision: u64) -> Value {
    app.await_record();
    let path = format!("/v1/tenants/default/revisions/{revision}/preview");
    let begun = app.ask("POST", &path, &app.tenant_key, Value::Null).await;
    assert_eq!((begun.status, begun.header("location")), (202, Some(&*path)), "{begun:?}");
    ends(app, &path, &app.tenant_key).await
}

async fn replay(app: &App, query: &str) -> Value {
    app.await_record();
    let begun = app.ask("POST", &format!("/v1/replay{query}"), &app.tenant_key, Value::Null).await;
    assert_eq!((begun.status, begun.header("location")), (202, Some("/v1/tenants/default/replay")));
    ends(app, "/v1/replay", &app.tenant_key).await
}

/// These settings for the candidates: the revision's number.
async fn settings(app: &App, settings: Value) -> u64 {
    let body = json!({"settings": settings});
    let made = app.manage("POST", "/v1/tenants/default/revisions", body).await;
    made["revision"].as_u64().expect("a number")
}

async fn push(app: &App, component: &[u8]) -> u64 {
    let url = format!("{}/v1/tenants/default/revisions", app.url);
    let request = app.client().post(url).header("X-API-Key", &app.tenant_key);
    let request = request.header("Content-Type", "application/wasm").body(component.to_vec());
    app.send(request).await.json()["revision"].as_u64().expect("a number")
}

fn person(name: &str, attributes: Value) -> String {
    let mut said = json!({"sub": format!("sub-{name}")});
    for (key, value) in attributes.as_object().into_iter().flatten() {
        said[key] = value.clone();
    }
    json!({"username": name, "user_attributes": said}).to_string()
}

fn counts(found: &Value) -> [u64; 9] {
    [
        "of",
        "same",
        "refused_now",
        "granted_now",
        "named_differently",
        "allowance_differs",
        "failed",
        "left_out",
        "masked",
    ]
    .map(|name| found[name].as_u64().unwrap_or_else(|| panic!("no {name} in {found}")))
}

#[tokio::test]
async fn a_preview_says_who_would_be_refused_granted_and_named_otherwise_and_nothing_comes_of_it() {
    let app = App::start();
    // The default policy takes what stands before the @; the other one all of it, and refuses whom their attributes say.
    app.enlist(&person("ann", json!({}))).await;
    app.enlist(&person("bob@x.example", json!({}))).await;
    app.enlist(&person("cyd", json!({"refuse": "not_here"}))).await;
    app.enlist(&person("dan", json!({"storage_bytes": 7}))).await;
    app.enlist(&person("eve", json!({"names": "nobody,eve"}))).await;
    assert_eq!(app.provision(&person("a b", json!({"names": "fay"}))).await.code(), "charset");
    assert_eq!(app.provision(&person("c d", json!({"refuse": "no"}))).await.code(), "charset");
    // Twice the same person, the latest counts; a rehearsal counts for nothing.
    assert_eq!(app.enlist(&person("ann", json!({"storage_bytes": 9}))).await, "ann");
    app.decide(&person("gil", json!({}))).await;
    app.enlist(&person("hal", json!({}))).await;
    app.manage("POST", "/v1/tenants/default/accounts/hal/close", Value::Null).await;
    let candidate = push(&app, CANDIDATES).await;
    let rows = app.count("SELECT count(*) FROM decisions");
    let found = preview(&app, candidate).await;
    assert_eq!((&found["state"], &found["active"]), (&json!("done"), &json!(1)), "{found}");
    // ann and dan have more; bob is named otherwise; cyd is refused; fay is let in; eve and c d stay; hal is closed.
    assert_eq!(counts(&found), [8, 2, 1, 1, 1, 2, 0, 1, 0], "{found}");
    assert_eq!(found["done"], found["of"]);
    let named = &found["examples"]["named_differently"][0];
    assert_eq!(
        (&named["name"], &named["applicant"]["username"]),
        (&json!("bob"), &json!("bob@x.example"))
    );
    assert_eq!(
        (&named["active"]["username"], &named["candidate"]["username"]),
        (&json!("bob"), &json!("bob@x.example"))
    );
    let refused = &found["examples"]["refused_now"][0];
    assert_eq!(
        (&refused["name"], &refused["candidate"]["code"]),
        (&json!("cyd"), &json!("not_here"))
    );
    assert_eq!(app.count("SELECT count(*) FROM decisions"), rows, "nothing is recorded");
    let same = preview(&app, 1).await;
    assert_eq!(
        counts(&same),
        [8, 7, 0, 0, 0, 0, 0, 1, 0],
        "a revision changes nothing against itself"
    );
    let metrics = app.ask("GET", "/metrics", &app.operator_key, Value::Null).await.text;
    let asked =
        metrics.lines().find(|l| l.starts_with("enlist_stage_seconds_count{stage=\"decide\"}"));
    assert_eq!(asked.and_then(|line| line.rsplit(' ').next()), Some("9"), "nothing is counted");
    assert!(!app.folders().contains(&"bob@x.example".to_owned()));
}

#[tokio::test]
async fn a_preview_asks_with_the_counts_that_are_without_the_person_asked_about() {
    let app = App::with_policy(CANDIDATES, &[]);
    let two = json!({"max_accounts": 2, "email_verified": true, "email": "a@x.example"});
    for name in ["ann", "bob"] {
        app.enlist(&person(name, two.clone())).await;
    }
    assert_eq!(app.provision(&person("cyd", two)).await.code(), "quota_accounts");
    let other = settings(&app, json!({"prefix": "x-"})).await;
    let found = preview(&app, other).await;
    // With themselves counted ann and bob would have no room either, and be the same as cyd: refused by both.
    assert_eq!(counts(&found), [3, 1, 0, 0, 2, 0, 0, 0, 0], "{found}");
    let in_domain =
        json!({"max_accounts_in_domain": 1, "email_verified": true, "email": "a@y.example"});
    app.enlist(&person("dan", in_domain)).await;
    let found = preview(&app, other).await;
    assert_eq!(counts(&found), [4, 3, 0, 0, 1, 0, 0, 0, 0], "{found}");
}

#[tokio::test]
async fn a_revision_that_fails_is_found_out_and_who_reads_for_the_rules_sees_nobody() {
    let app = App::start();
    app.enlist(&person("ann", json!({}))).await;
    let candidate = push(&app, hostile::WAITS_TO_TRAP).await;
    let found = preview(&app, candidate).await;
    assert_eq!(counts(&found), [1, 0, 0, 0, 0, 0, 1, 0, 0], "{found}");
    let failed = &found["examples"]["failed"][0];
    assert_eq!(failed["applicant"]["username"], "ann");
    assert_eq!(failed["candidate"]["code"], "policy_failed");
    assert_eq!(app.ask("GET", "/readyz", "", Value::Null).await.status, 200);
    let rules = app.key_of("default", json!({"scopes": ["policy"]})).await;
    let path = format!("/v1/revisions/{candidate}/preview");
    let masked = app.ask("GET", &path, &rules, Value::Null).await;
    assert!(!masked.text.contains("ann"), "{masked:?}");
    assert_eq!(masked.json()["examples"]["failed"][0]["candidate"]["stage"], "admit");
    assert_eq!(counts(&masked.json()), counts(&found));
    let reads = app.key_of("default", json!({"scopes": ["read"]})).await;
    assert_eq!(app.ask("GET", &path, &reads, Value::Null).await.json(), found);
    assert_eq!(app.ask("POST", &path, &reads, Value::Null).await.code(), "scope_missing");
    assert_eq!(app.ask("GET", "/v1/revisions/1/preview", &rules, Value::Null).await.status, 404);
    assert_eq!(app.ask("POST", "/v1/revisions/99/preview", &rules, Value::Null).await.status, 404);
}

#[tokio::test]
async fn one_preview_or_replay_of_a_tenant_runs_at_a_time_and_none_keeps_anybody_from_an_account() {
    // A revision that never answers: its preview does not end.
    let for_ever = [
        ("ENLIST_LIMITS__DECISION_TIME", "24h"),
        ("ENLIST_LIMITS__DECISION_FUEL", "1000000000000000000"),
    ];
    let app = App::with_policy(CANDIDATES, &for_ever);
    for name in ["ann", "bob", "cyd", "dan"] {
        app.enlist(&person(name, json!({}))).await;
    }
    app.await_record();
    let endless = push(&app, hostile::WAITS_TO_SPIN).await;
    let path = format!("/v1/tenants/default/revisions/{endless}/preview");
    let post = async |path: &str| app.ask("POST", path, &app.tenant_key, Value::Null).await;
    assert_eq!(post(&path).await.status, 202);
    assert_eq!(post(&path).await.status, 202, "it is the one that runs");
    let other = post("/v1/tenants/default/revisions/1/preview").await;
    assert_eq!((other.status, other.header("retry-after")), (503, Some("1")), "{other:?}");
    assert_eq!(post("/v1/replay").await.code(), "busy");
    for number in 0..20 {
        let name = format!("new-{number}");
        assert_eq!(app.enlist(&person(&name, json!({}))).await, name);
    }
    let running = app.ask("GET", &path, &app.tenant_key, Value::Null).await.json();
    assert_eq!(running["state"], "running", "{running}");
    app.manage("POST", "/v1/tenants", json!({"name": "other"})).await;
    let others = app.ask("POST", "/v1/tenants/other/replay", &app.operator_key, Value::Null).await;
    assert_eq!(others.status, 202, "another tenant's is another one: {others:?}");
}

#[tokio::test]
async fn a_preview_without_people_says_how_many_requests_are_about_nobody_and_a_restart_forgets_it()
{
    let mut app = App::start_with(&[("ENLIST_RECORD__MASK", "true")]);
    app.enlist(&person("ann", json!({}))).await;
    assert_eq!(app.provision(&person("a b", json!({}))).await.code(), "charset");
    assert_eq!(counts(&preview(&app, 1).await), [0, 0, 0, 0, 0, 0, 0, 0, 2]);
    let found = replay(&app, "").await;
    assert_eq!((&found["masked"], &found["same"]), (&json!(2), &json!(0)), "{found}");
    let answers = app.count("SELECT count(*) FROM decisions WHERE answer IS NOT NULL");
    assert_eq!(answers, 0, "what a policy answered may name somebody");
    app.restart();
    let path = "/v1/revisions/1/preview";
    assert_eq!(app.ask("GET", path, &app.tenant_key, Value::Null).await.status, 404);
    assert_eq!(app.ask("GET", "/v1/replay", &app.tenant_key, Value::Null).await.status, 404);
}

/// People of every kind, some of whom no policy is asked about.
async fn some(app: &App) {
    app.enlist(&person("ann", json!({"storage_bytes": 7, "labels": "plan=x"}))).await;
    app.enlist(&person("ann", json!({}))).await;
    app.enlist(&person("bob", json!({"names": "ann,bob"}))).await;
    for (who, said, code) in [
        ("cyd", json!({"refuse": "not_here"}), "not_here"),
        ("dan", json!({"refuse_derive": "not_so"}), "not_so"),
        ("eve", json!({"refuse_allow": "too_many"}), "too_many"),
        ("fay", json!({"names": "ann,bob"}), "username_taken"),
        ("gil", json!({"names": "con"}), "name_unusable"),
        ("hal", json!({"max_accounts": 1}), "quota_accounts"),
    ] {
        assert_eq!(app.provision(&person(who, said)).await.code(), code);
    }
    app.decide(&person("ida", json!({}))).await;
    let signs_up = json!({"username": "joe", "email": "joe@x.example", "occasion": "sign_up"});
    app.decide(&signs_up.to_string()).await;
}

#[tokio::test]
async fn recorded_decisions_come_out_the_same_whichever_revision_made_them_and_a_change_is_found() {
    let mut app = App::with_policy(CANDIDATES, &[]);
    some(&app).await;
    let other = settings(&app, json!({"prefix": "x-"})).await;
    let activate = format!("/v1/tenants/default/revisions/{other}/activate");
    app.manage("POST", &activate, Value::Null).await;
    assert_eq!(app.enlist(&person("kim", json!({"names": "k"}))).await, "x-k");
    let failing = push(&app, hostile::WAITS_TO_TRAP).await;
    let activate = format!("/v1/tenants/default/revisions/{failing}/activate");
    app.manage("POST", &activate, Value::Null).await;
    assert_eq!(app.provision(&person("leo", json!({}))).await.code(), "policy_failed");
    // What the change of rules made of allowances is in the record, too, as soon as all were decided again.
    let waiting = "SELECT count(*) FROM accounts a JOIN tenants t ON t.id = a.tenant WHERE a.state = 'active' AND a.allowance_revision <> t.active_revision";
    while app.count(waiting) > 0 {
        tokio::task::yield_now().await;
    }
    let rows = app.count("SELECT count(*) FROM decisions");
    let again = app.count("SELECT count(*) FROM decisions WHERE occasion = 'account_allowance'");
    let found = replay(&app, "").await;
    // known ann, two pushes, two activations and changed allowances were asked of no policy.
    assert_eq!((&found["state"], &found["different"]), (&json!("done"), &json!(0)), "{found}");
    assert_eq!(
        (&found["same"], &found["not_asked"], &found["of"]),
        (&json!(12), &json!(5 + again), &json!(17 + again)),
        "{found}"
    );
    assert_eq!(app.count("SELECT count(*) FROM decisions"), rows, "nothing is recorded");
    app.restart();
    let (code, out, error) = run(&app, &["policy", "replay", "--since", "7d"]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains(&format!("{rows} of {rows} rows")), "{out}");
    for (change, what, id) in [
        (
            "answer = replace(answer, '\"storage_bytes\":7', '\"storage_bytes\":8') WHERE name = 'ann' AND fuel IS NOT NULL",
            "answer",
            "ann",
        ),
        ("notes = '[\"other\"]' WHERE username = 'bob'", "notes", "bob"),
        (
            "answer = replace(answer, '[\"con\"]', '[\"aux\"]') WHERE username = 'gil'",
            "names",
            "gil",
        ),
        ("code = 'elsewhere' WHERE username = 'cyd'", "answer", "cyd"),
        ("stage = 'derive' WHERE username = 'leo'", "answer", "leo"),
    ] {
        let before = app.rows(&format!("SELECT id, answer, notes, coalesce(code, ''), coalesce(stage, '') FROM decisions WHERE username = '{id}'"));
        assert!(
            app.database().execute(&format!("UPDATE decisions SET {change}"), []).expect(change)
                >= 1,
            "{change}"
        );
        let found = replay(&app, "").await;
        assert_eq!(
            (&found["different"], &found["differences"][0]["what"]),
            (&json!(1), &json!(what)),
            "{change}: {found}"
        );
        for row in before {
            let sql = "UPDATE decisions SET answer = nullif(?2, '-'), notes = ?3, code = nullif(?4, ''), stage = nullif(?5, '') WHERE id = ?1";
            let [id, answer, notes, code, stage] = <[String; 5]>::try_from(row).expect("five");
            app.database()
                .execute(sql, (id.parse::<i64>().expect("a number"), answer, notes, code, stage))
                .expect(sql);
        }
    }
    app.database()
        .execute("UPDATE decisions SET answer = '{\"names\":[\"kim\"]}' WHERE username = 'kim'", [])
        .expect("a row");
    let (code, out, _) = run(&app, &["policy", "replay"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("different") && out.contains("names"), "{out}");
    let later = replay(&app, "?since=4000000000").await;
    assert_eq!((&later["of"], &later["different"]), (&json!(0), &json!(0)));
    let rules = app.key_of("default", json!({"scopes": ["policy"]})).await;
    replay(&app, "").await;
    let masked = app.ask("GET", "/v1/replay", &rules, Value::Null).await.json();
    assert_eq!(
        (&masked["different"], &masked["differences"][0]["recorded"]),
        (&json!(1), &Value::Null)
    );
}

/// As many decisions as `ENLIST_REPLAYED` says, of which every third is a refusal, made by the server and again.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_decisions_come_out_the_same() {
    let count: usize =
        std::env::var("ENLIST_REPLAYED").map_or(2_000, |n| n.parse().expect("a number"));
    let app = App::with_policy(LOCALPART, &[]);
    let client = app.client();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let ask = async || loop {
        let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if number >= count {
            return;
        }
        let name = if number.is_multiple_of(3) {
            format!("p {number}")
        } else {
            format!("p{number}@x.example")
        };
        let request =
            client.post(format!("{}/v1/decisions", app.url)).header("X-API-Key", &app.tenant_key);
        let request = request.body(person(&name, json!({"custom:n": number})));
        let status = request.send().await.expect("an answer").status();
        assert_eq!(status, 200);
    };
    tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
    while (app.count("SELECT count(*) FROM decisions") as usize) < count {
        tokio::task::yield_now().await;
    }
    let found = replay(&app, "").await;
    assert_eq!((&found["same"], &found["different"]), (&json!(count), &json!(0)), "{found}");
}

#[tokio::test]
async fn a_preview_at_a_shell_is_a_table_and_ends_with_whether_anybody_would_be_turned_away() {
    let app = App::start();
    app.enlist(&person("ann@x.example", json!({}))).await;
    let candidate = push(&app, CANDIDATES).await.to_string();
    app.await_record();
    let (code, out, error) = run(&app, &["policy", "preview", &candidate]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    for line in [
        "revision 2 instead of 1: 1 of 1 people",
        "named differently         1  they keep their names",
        "named differently  ann@x.example  ann      ann  ann@x.example",
    ] {
        assert!(out.lines().any(|found| found == line), "{line:?} in\n{out}");
    }
    app.enlist(&person("bob", json!({"refuse": "not_here"}))).await;
    app.await_record();
    let (code, out, _) = run(&app, &["-o", "json", "policy", "preview", &candidate]);
    let found: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &found["refused_now"]), (Some(1), &json!(1)), "{out}");
    let (code, _, error) = run(&app, &["policy", "preview", "99"]);
    assert_eq!(code, Some(1), "{error}");
}
