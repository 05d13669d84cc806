//! `POST /provision-user`: the guide's bodies get the guide's answers; statuses, texts and the order of checks are the contract's.

use crate::app::{App, GUIDE, is_folder};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

#[tokio::test]
async fn the_guides_curl_gets_the_guides_answer_and_a_folder() {
    let app = App::start();
    let home = app.homes().join("testuser");
    let first = app.provision(GUIDE).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), Some("application/json"));
    let mut expected = json!({
        "success": true,
        "message": "User testuser@example.com provisioned successfully",
        "user_directory": home,
        "username": "testuser",
        "created": true,
    });
    assert_eq!(first.json(), expected);
    assert!(is_folder(&home));
    let mode = std::fs::metadata(&home).expect("the home").permissions().mode();
    assert_eq!(mode & 0o7777, 0o750, "whatever the umask");

    expected["created"] = json!(false);
    assert_eq!(app.provision(GUIDE).await.json(), expected);
    let manual = r#"{"username":"user@example.com","email":"user@example.com"}"#;
    assert_eq!(app.enlist(manual).await, "user");
    assert_eq!(app.folders(), ["testuser", "user"]);
    let rows = app.rows("SELECT outcome, name, source, revision FROM decisions ORDER BY id");
    assert_eq!(
        rows,
        [
            ["granted", "testuser", "cognito", "1"],
            ["known", "testuser", "cognito", "1"],
            ["granted", "user", "cognito", "1"],
        ]
    );
}

#[tokio::test]
async fn a_row_of_the_record_says_what_the_decision_depended_on() {
    let app = App::start();
    app.enlist(GUIDE).await;
    let row = app.rows(
        "SELECT d.digest = r.component, d.settings_digest = r.settings_digest, d.revision = r.number, d.request, d.used,
             d.used_in_domain, d.place, d.fuel > 0, d.key = (SELECT id FROM keys WHERE tenant IS NOT NULL), d.request_id
         FROM decisions d JOIN revisions r USING (tenant)",
    );
    let row = &row[0];
    assert_eq!(row[..3], ["1", "1", "1"]);
    assert_eq!(row[4..9], ["0", "0", "0", "1", "1"]);
    let request: serde_json::Value = serde_json::from_str(&row[3]).expect("JSON");
    assert_eq!(request["applicant"]["username"], "testuser@example.com");
    assert_eq!(request["applicant"]["subject"], "test-user-id");
    assert_eq!(
        request["applicant"]["email"],
        json!({"address": "testuser@example.com", "domain": "example.com", "assurance": "verified"})
    );
    assert!(app.log().contains(&row[9]), "the request's id is in the log");
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_contracts_words() {
    let app = App::start();
    let key = app.tenant_key.clone();
    app.enlist(GUIDE).await;
    let cases: [(&str, &str, u16, &str, &str); 14] = [
        ("", GUIDE, 401, "API key required", "key_required"),
        ("wrong", GUIDE, 401, "Invalid API key", "key_invalid"),
        (&key, "", 400, "JSON request body required", "body_required"),
        (&key, "{", 400, "JSON request body required", "body_required"),
        (&key, "[]", 400, "JSON request body required", "body_required"),
        (&key, "{}", 400, "JSON request body required", "body_required"),
        (&key, r#"{"email":"a@b.c"}"#, 400, "Username is required", "username_required"),
        (&key, r#"{"username":7}"#, 400, "Username is required", "username_required"),
        (
            &key,
            r#"{"username":"a","user_attributes":[]}"#,
            400,
            "Wrong value for user_attributes",
            "field_invalid",
        ),
        (
            &key,
            r#"{"username":"con@example.com"}"#,
            403,
            "This name cannot be used",
            "name_unusable",
        ),
        (
            &key,
            r#"{"username":"TestUser@other.example"}"#,
            409,
            "This name is taken",
            "username_taken",
        ),
        (&key, r#"{"username":"@example.com"}"#, 403, "", "empty"),
        (&key, r#"{"username":"a@b@c"}"#, 403, "", "ambiguous_email"),
        (&key, r#"{"username":"../escape"}"#, 403, "", "charset"),
    ];
    for (key, body, status, text, code) in cases {
        let answer = app.post("/provision-user", key, body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let json = answer.json();
        assert_eq!(
            (json["success"].as_bool(), json["code"].as_str()),
            (Some(false), Some(code)),
            "{body}"
        );
        assert_eq!(json["request_id"].as_str(), answer.header("x-request-id"));
        let said = json["error"].as_str().expect("a text");
        assert!(text.is_empty() || said == text, "{body}: {said}");
        assert!(!said.is_empty() && !said.ends_with('.'), "{said}");
        assert_eq!(answer.header("retry-after"), None);
    }
    assert_eq!(app.folders(), ["testuser"], "a refused applicant leaves no folder");
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 1, "and no account");
    let refused = "SELECT count(*) FROM decisions WHERE outcome = 'refused'";
    assert_eq!(app.count(refused), 5, "what reached the tenant is in the record");
}

#[tokio::test]
async fn checks_run_in_the_order_method_key_body_username() {
    let app = App::start();
    let put = app.client().put(format!("{}/provision-user", app.url)).body("not JSON");
    let answer = app.send(put).await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), Some("POST"));
    assert_eq!(answer.json()["success"], false);
    let huge = "x".repeat(70_000);
    assert_eq!(app.post("/provision-user", "wrong", &huge).await.code(), "key_invalid");
    assert_eq!(app.post("/provision-user", "", "not JSON").await.code(), "key_required");
    let both = r#"{"username":"","email":1}"#;
    assert_eq!(app.provision(both).await.code(), "username_required");
}

#[tokio::test]
async fn a_slash_more_reaches_the_same_door() {
    let app = App::start();
    for (path, created) in
        [("/provision-user/", true), ("//provision-user", false), ("//provision-user/", false)]
    {
        let answer = app.post(path, &app.tenant_key, GUIDE).await;
        assert_eq!((answer.status, &answer.json()["created"]), (200, &json!(created)), "{path}");
    }
}

#[tokio::test]
async fn a_key_opens_the_door_from_either_header_and_an_empty_one_never() {
    let app = App::start();
    let post = |headers: &[(&str, String)]| {
        let mut request = app.client().post(format!("{}/provision-user", app.url)).body(GUIDE);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        app.send(request)
    };
    let key = &app.tenant_key;
    assert_eq!(post(&[("Authorization", format!("Bearer {key}"))]).await.status, 200);
    assert_eq!(
        post(&[("X-API-Key", String::new()), ("Authorization", format!("Bearer {key}"))])
            .await
            .status,
        200
    );
    let wins =
        post(&[("X-API-Key", "wrong".to_owned()), ("Authorization", format!("Bearer {key}"))])
            .await;
    assert_eq!(wins.code(), "key_invalid");
    for empty in
        [&[("X-API-Key", String::new())][..], &[("Authorization", "Bearer ".to_owned())], &[]]
    {
        assert_eq!(post(empty).await.code(), "key_required");
    }
    assert_eq!(
        post(&[("X-API-Key", app.operator_key.clone())]).await.code(),
        "key_invalid",
        "not an operator's door"
    );
    let altered =
        format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
    assert_eq!(post(&[("X-API-Key", altered)]).await.code(), "key_invalid");
    app.database().execute("UPDATE keys SET scopes = 'read,policy'", []).expect("fewer scopes");
    assert_eq!(
        post(&[("X-API-Key", key.clone())]).await.code(),
        "key_invalid",
        "without the scope provision"
    );
    assert_eq!(app.decide(GUIDE).await.code(), "scope_missing");
}

#[tokio::test]
async fn a_request_id_that_is_plain_is_kept_and_any_other_replaced() {
    let app = App::start();
    let ask = |id: &'static str| {
        let request = app.client().post(format!("{}/provision-user", app.url)).body(GUIDE);
        app.send(request.header("X-API-Key", &app.tenant_key).header("X-Request-Id", id))
    };
    assert_eq!(ask("a.B-c_9").await.header("x-request-id"), Some("a.B-c_9"));
    for other in ["", "with space", &"x".repeat(65), "a/b"] {
        let answer = ask(other.to_owned().leak()).await;
        let id = answer.header("x-request-id").expect("an id");
        assert!(id != other && id.len() == 32, "{id}");
    }
    assert_eq!(app.rows("SELECT request_id FROM decisions ORDER BY id LIMIT 1"), [["a.B-c_9"]]);
    ask("a.B-c_9").await;
    let again = "SELECT count(*) FROM decisions WHERE request_id = 'a.B-c_9'";
    assert_eq!(app.count(again), 2, "it may come again");
    for path in ["/healthz", "/nowhere"] {
        assert!(app.get(path).await.header("x-request-id").is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_the_limit_can_be_set() {
    let body = |bytes: usize| {
        let start = r#"{"username":"a@example.com","pad":""#;
        format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
    };
    let app = App::start();
    assert_eq!(app.provision(&body(64 << 10)).await.status, 200);
    let answer = app.provision(&body((64 << 10) + 1)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let app =
        App::start_with(&[("ENLIST_LIMITS_BODY_SIZE", "x"), ("ENLIST_LIMITS__BODY_SIZE", "1KiB")]);
    assert_eq!(app.provision(&body(1024)).await.status, 200);
    assert_eq!(app.provision(&body(1025)).await.code(), "body_too_large");
    assert!(app.log().contains("ENLIST_LIMITS_BODY_SIZE"), "an unknown variable is a warning");
}

#[test]
fn a_body_that_is_broken_on_its_way_is_no_large_one() {
    let app = App::start();
    let mut stream =
        TcpStream::connect(app.url.trim_start_matches("http://")).expect("a connection");
    let head =
        "POST /provision-user HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX-API-Key: ";
    write!(stream, "{head}{}\r\n\r\nnonsense\r\n", app.tenant_key).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("body_required"), "{answer}");
}

#[tokio::test]
async fn without_user_directory_the_path_is_not_shown() {
    let app = App::start_with(&[("ENLIST_COMPAT__USER_DIRECTORY", "false")]);
    let answer = app.provision(GUIDE).await;
    assert_eq!(answer.json().get("user_directory"), None);
    assert!(!answer.text.contains("collections"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_for_one_person_give_one_account_and_a_hundred_answers() {
    let app = Arc::new(App::start());
    let asks = (0..100).map(|_| {
        let app = Arc::clone(&app);
        tokio::spawn(async move { app.provision(GUIDE).await })
    });
    let mut created = 0;
    for ask in asks.collect::<Vec<_>>() {
        let answer = ask.await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut json = answer.json();
        created += usize::from(json["created"] == true);
        json["created"] = json!(null);
        assert_eq!(json["username"], "testuser");
        assert_eq!(json["user_directory"], json!(app.homes().join("testuser")));
    }
    assert_eq!(created, 1);
    assert_eq!(app.folders(), ["testuser"]);
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 1);
    assert_eq!(app.count("SELECT count(*) FROM decisions WHERE outcome = 'known'"), 99);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_under_several_names_at_once_gets_one_account() {
    let app = Arc::new(App::start());
    let asks = (0..60).map(|i| {
        let app = Arc::clone(&app);
        let name = format!("name{}@example.com", i % 5);
        let attributes = json!({"sub": "s1", "email": name, "email_verified": "true"});
        let body = json!({"username": name, "user_attributes": attributes});
        tokio::spawn(async move { app.provision(&body.to_string()).await })
    });
    let mut created = 0;
    let mut names = std::collections::BTreeSet::new();
    for ask in asks.collect::<Vec<_>>() {
        let answer = ask.await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        created += usize::from(answer.json()["created"] == true);
        names.insert(answer.json()["username"].as_str().expect("a name").to_owned());
    }
    assert_eq!((created, names.len(), app.folders().len()), (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_and_without_a_subject_at_once_gets_one_account() {
    for round in 0..8 {
        let app = Arc::new(App::start());
        let asks = (0..20).map(|i| {
            let app = Arc::clone(&app);
            let mut attributes = json!({"email": "anna@example.com", "email_verified": "true"});
            if (i + round) % 2 == 0 {
                attributes["sub"] = json!("s1");
            }
            let body = json!({"username": "anna@example.com", "user_attributes": attributes});
            tokio::spawn(async move { app.provision(&body.to_string()).await })
        });
        for ask in asks.collect::<Vec<_>>() {
            let answer = ask.await.expect("an answer");
            assert_eq!(
                (answer.status, &answer.json()["username"]),
                (200, &json!("anna")),
                "{answer:?}"
            );
        }
        assert_eq!(app.rows("SELECT subject FROM accounts"), [["s1"]], "linked, whoever was first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_people_who_want_one_name_one_gets_it() {
    let app = Arc::new(App::start());
    let asks = (0..20).map(|i| {
        let app = Arc::clone(&app);
        // Spellings of one name, from different people.
        let name = if i % 2 == 0 { "Bob" } else { "bob" };
        let body =
            format!(r#"{{"username":"{name}@{i}.example","user_attributes":{{"sub":"s{i}"}}}}"#);
        tokio::spawn(async move { app.provision(&body).await })
    });
    let mut statuses = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        let answer = ask.await.expect("an answer");
        if answer.status != 200 {
            assert_eq!(answer.code(), "username_taken");
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(app.folders().len(), 1);
}

#[test]
fn a_body_or_a_head_that_does_not_arrive_is_not_waited_for() {
    let app = App::start();
    let address = app.url.strip_prefix("http://").expect("a URL").to_owned();
    let read = |begin: String| {
        let address = address.clone();
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.write_all(begin.as_bytes()).expect("a beginning");
            let mut answer = String::new();
            // The server ends it: nothing else does.
            stream.read_to_string(&mut answer).expect("an end");
            answer
        })
    };
    let head = "POST /provision-user HTTP/1.1\r\nHost: x\r\n";
    let slow_body =
        read(format!("{head}X-API-Key: {}\r\nContent-Length: 9\r\n\r\n{{", app.tenant_key));
    let slow_head = read(head.to_owned());
    let answer = slow_body.join().expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    let answer = slow_head.join().expect("an end");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(app.folders().is_empty());
}
