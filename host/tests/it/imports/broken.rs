//! A line that no server reads, and a server that is not there for a while: both cost their own, and no neighbour.

use super::files::user;
use super::{end, report, verb};
use crate::app::App;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// What stands between a verb and the server: `own` says, by the first line of a request and the bytes of its body, what it is answered here.
fn between(
    app: &App,
    own: impl Fn(&str, usize) -> Option<&'static str> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = app.url.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            // A client that went away is no matter.
            let _ = pass_on(client, &server, &own);
        }
    });
    url
}

fn pass_on(
    mut client: TcpStream,
    server: &str,
    own: &impl Fn(&str, usize) -> Option<&'static str>,
) -> std::io::Result<()> {
    let mut input = BufReader::new(client.try_clone()?);
    let (mut first, mut head, mut length) = (String::new(), String::new(), 0);
    input.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = said.trim().parse().expect("a number");
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    if let Some(status) = own(&first, length) {
        return write!(
            client,
            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let mut server = TcpStream::connect(server)?;
    write!(server, "{first}{head}Connection: close\r\n\r\n")?;
    server.write_all(&body)?;
    std::io::copy(&mut server, &mut client).map(drop)
}

fn at(url: &str, mut verb: Command) -> Command {
    verb.env("ENLIST_SERVER", url).args(["-o", "json"]);
    verb
}

fn person(name: &str) -> String {
    json!({"username": name, "subject": name, "name": name}).to_string()
}

#[tokio::test]
async fn what_is_too_deep_or_too_long_once_it_is_sent_costs_no_neighbour() {
    let app = App::start();
    let nested = |name: &str, deep: usize| {
        let field = "[".repeat(deep) + &"]".repeat(deep);
        format!(r#"{{"username":"{name}","subject":"{name}","name":"{name}","more":{field}}}"#)
    };
    let lines = [
        person("a"),
        nested("deep", 124),
        nested("deeper", 125),
        nested("deepest", 126),
        person("b"),
    ];
    let found = report(&app, &lines.join("\n"), &[], 1);
    assert_eq!(found["outcomes"], json!({"failed": 2, "opened": 3}), "{found}");
    assert_eq!(found["codes"], json!({"failed": {"line_invalid": 2}}));
    assert_eq!((&found["behind"][0]["line"], &found["behind"][1]["line"]), (&json!(3), &json!(4)));

    // Each of these bytes is six as JSON: twenty such rows would be more than a server takes.
    let row = "\u{1}".repeat(60_000);
    let rows: String = (0..20).map(|number| format!("u{number},{row}\n")).collect();
    let found = report(&app, &format!("username,note\nc,\n{rows}d,\n"), &["--from", "csv"], 1);
    assert_eq!(found["outcomes"], json!({"failed": 20, "opened": 2}), "{found}");
    assert_eq!(found["codes"], json!({"failed": {"line_too_long": 20}}));

    let mut long = user("long", "s-long", "long@example.com", "CONFIRMED");
    long["Attributes"][3]["Value"] = "x".repeat(1_200_000).into();
    let users = json!({"Users": [user("e", "s-e", "e@example.com", "CONFIRMED"), long, user("f", "s-f", "f@example.com", "CONFIRMED")]});
    let found = report(&app, &users.to_string(), &["--from", "cognito"], 1);
    assert_eq!(found["outcomes"], json!({"failed": 1, "opened": 2}), "{found}");
    assert_eq!(
        (&found["behind"][0]["user"], &found["behind"][0]["code"]),
        (&json!(2), &json!("line_too_long"))
    );
    assert_eq!(app.folders(), ["a", "b", "c", "d", "deep", "e", "f"]);
}

#[tokio::test]
async fn a_batch_that_is_refused_is_halved_until_it_is_plain_for_whom() {
    let app = App::start();
    // A proxy in front that lets less through than the server would.
    let url = between(&app, |_, length| (length > 2_000).then_some("413 Content Too Large"));
    let large =
        json!({"username": "large", "subject": "large", "note": "x".repeat(2_000)}).to_string();
    let people: Vec<_> = (0..60).map(|number| person(&format!("n{number}"))).collect();
    let file = [&people[..30], &[large], &people[30..]].concat().join("\n");
    let (code, out, error) = end(at(&url, verb(&app, &file, &[])));
    assert_eq!(code, Some(1), "{out}{error}");
    let found: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(found["outcomes"], json!({"failed": 1, "opened": 60}), "{found}");
    assert_eq!(
        (&found["behind"][0]["line"], &found["behind"][0]["code"]),
        (&json!(31), &json!("line_too_long"))
    );
    assert_eq!(app.folders().len(), 60);

    // What is refused whoever is in it is nobody's fault, and nobody is told that they failed.
    let url = between(&app, |_, _| Some("400 Bad Request"));
    let (code, out, _) = end(at(&url, verb(&app, &people.join("\n"), &[])));
    let found: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &found["complete"], &found["people"]), (Some(2), &json!(false), &json!(0)));
}

#[tokio::test]
async fn a_server_that_answered_once_is_waited_for_before_the_first_page() {
    let app = App::start();
    std::fs::create_dir(app.homes().join("old")).expect("a folder");
    // Longer than a server is waited for that never answered; then it says once more that it is busy.
    let refused = AtomicU32::new(0);
    let url = between(&app, move |first, _| {
        let is_list = first.contains("/reserved");
        let before = if is_list { refused.fetch_add(1, Ordering::Relaxed) } else { 2 };
        (before < 2).then_some("503 Service Unavailable\r\nRetry-After: 11")
    });
    let verb = at(&url, verb(&app, "", &["--from", "ankisyncd", "--map", "old=s-1"]));
    let (code, out, error) = end(verb);
    assert_eq!(code, Some(0), "{out}{error}");
    assert_eq!(app.rows("SELECT name, subject FROM accounts"), [["old", "s-1"]]);
}
