//! How long the record remembers: `record.keep`, and what is kept beyond it.

use crate::app::App;
use crate::upkeep::{person, stop, three_people};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Makes every row there is so many days older.
fn age(app: &App, days: i64) {
    let database = app.database();
    database.execute("UPDATE decisions SET at = at - ?1", [days * DAY]).expect("older rows");
}

/// Waits until the record has so many rows: the server forgets beside its work.
async fn until_it_has(app: &App, rows: i64) {
    while app.count("SELECT count(*) FROM decisions") != rows {
        tokio::task::yield_now().await;
    }
}

/// Who and what the record has rows about, oldest first.
fn rows(app: &App) -> Vec<Vec<String>> {
    app.rows("SELECT coalesce(name, '-'), outcome, dry_run FROM decisions ORDER BY id")
}

/// Three people known again, one refusal and one dry run: seven rows about three accounts.
async fn a_record(app: &App) {
    three_people(app).await;
    app.provision(&person("ann")).await;
    app.provision(&person("ann")).await;
    app.provision(r#"{"username":"ann@example.org"}"#).await;
    app.decide(&person("bob")).await;
    until_it_has(app, 7).await;
}

#[tokio::test]
async fn past_its_time_a_row_goes_unless_it_is_the_latest_of_an_open_account() {
    let mut app = App::start();
    a_record(&app).await;
    app.kill();
    age(&app, 31);
    let close = "UPDATE accounts SET state = 'closed' WHERE name = 'cyd'";
    app.database().execute_batch(close).expect("a closed account");
    app.restart();
    until_it_has(&app, 2).await;
    assert_eq!(rows(&app), [["bob", "granted", "0"], ["ann", "known", "0"]]);
}

#[tokio::test]
async fn a_record_of_many_pages_is_walked_through_and_the_young_stay() {
    let mut app = App::start();
    a_record(&app).await;
    app.kill();
    age(&app, 29);
    let columns = "tenant, request_id, key, occasion, source, dry_run, outcome, revision, digest, settings_digest, request, notes";
    let many = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO decisions (id, at, {columns})
         SELECT -i, at - 10 * {DAY}, {columns} FROM n, (SELECT * FROM decisions WHERE outcome = 'refused' LIMIT 1)"
    );
    app.database().execute_batch(&many).expect("old rows");
    app.database().execute_batch("UPDATE decisions SET id = id + 3000").expect("numbers from 1");
    assert_eq!(app.count("SELECT count(*) FROM decisions"), 2007);
    app.restart();
    until_it_has(&app, 7).await;
    assert_eq!(app.count("SELECT count(*) FROM decisions WHERE outcome = 'refused'"), 1);
}

#[tokio::test]
async fn what_is_forgotten_is_not_in_the_file_any_more() {
    let mut app = App::start();
    app.provision(r#"{"username":"ann","client_metadata":{"told":"a-secret-of-anns"}}"#).await;
    app.provision(&person("ann")).await;
    until_it_has(&app, 2).await;
    let has_it = |app: &App| {
        let bytes = std::fs::read(app.data().join("enlist.db")).expect("the database");
        bytes.windows(16).any(|window| window == b"a-secret-of-anns")
    };
    stop(&mut app);
    assert!(has_it(&app));
    age(&app, 31);
    app.database().execute_batch("UPDATE accounts SET state = 'closed'").expect("a closed account");
    app.restart();
    until_it_has(&app, 0).await;
    stop(&mut app);
    assert!(!has_it(&app));
}

#[tokio::test]
async fn forever_keeps_everything() {
    let mut app = App::start_with(&[("ENLIST_RECORD__KEEP", "forever")]);
    a_record(&app).await;
    app.kill();
    age(&app, 4000);
    app.restart();
    app.provision(&person("ann")).await;
    until_it_has(&app, 8).await;
    app.kill();
    assert_eq!(app.count("SELECT count(*) FROM decisions"), 8);
}

#[tokio::test]
async fn a_shorter_time_is_what_the_settings_say() {
    let mut app = App::start_with(&[("ENLIST_RECORD__KEEP", "2h")]);
    a_record(&app).await;
    app.kill();
    age(&app, 1);
    app.restart();
    until_it_has(&app, 3).await;
}
