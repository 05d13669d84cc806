//! What must hold after a kill, whenever it came: looked for in a copy of the database, as the server finds it at its next start,
//! and in the tree of homes.

use crate::app::{App, is_folder, rows};
use crate::crash::crowd::Told;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};
use std::fs;

/// Rows that no query may find.
const NEVER: [(&str, &str); 6] = [
    ("a damaged database", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
    ("a row that refers to none", "SELECT * FROM pragma_foreign_key_check"),
    (
        "a name that two have",
        "SELECT name_key FROM accounts GROUP BY tenant, name_key HAVING count(*) > 1",
    ),
    (
        "somebody with two accounts",
        "SELECT issuer, username FROM accounts GROUP BY tenant, issuer, subject, username HAVING count(*) > 1
         UNION ALL SELECT issuer, subject FROM accounts WHERE subject IS NOT NULL
            GROUP BY tenant, issuer, subject HAVING count(*) > 1",
    ),
    (
        "a counter that is no count",
        "SELECT * FROM (
            SELECT tenant, '' AS domain, count(*) AS active FROM accounts WHERE state = 'active' GROUP BY tenant
            UNION ALL SELECT tenant, verified_domain, count(*) FROM accounts
                WHERE state = 'active' AND verified_domain IS NOT NULL GROUP BY tenant, verified_domain
            EXCEPT SELECT tenant, domain, active FROM usage)
         UNION ALL SELECT * FROM (
            SELECT tenant, domain, active FROM usage WHERE active > 0
            EXCEPT SELECT tenant, '', count(*) FROM accounts WHERE state = 'active' GROUP BY tenant
            EXCEPT SELECT tenant, verified_domain, count(*) FROM accounts
                WHERE state = 'active' AND verified_domain IS NOT NULL GROUP BY tenant, verified_domain)",
    ),
    (
        "an account without the one row of the record that opened it, or such a row without an account",
        "SELECT name, count(*) FROM (SELECT name FROM accounts
            UNION ALL SELECT name FROM decisions WHERE outcome = 'granted' AND dry_run = 0)
         GROUP BY name HAVING count(*) <> 2",
    ),
];

/// Looks at what a dead server has left, and touches none of it.
pub(crate) fn check(app: &App, told: &Told) {
    // Opening the database itself would do what the next start has to do.
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["enlist.db", "enlist.db-wal"] {
        let from = app.data().join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).expect("a copy");
        }
    }
    let database = Connection::open(copy.path().join("enlist.db")).expect("the copy");
    for (what, never) in NEVER {
        let found = rows(&database, never);
        assert!(found.is_empty(), "{what}: {found:?}");
    }
    let accounts: HashMap<_, _> = rows(&database, "SELECT username, name, subject FROM accounts")
        .into_iter()
        .map(|row| (row[0].clone(), (row[1].clone(), row[2].clone())))
        .collect();
    for person in &told.promised {
        let subject = person.subject.clone().unwrap_or_else(|| "-".to_owned());
        let expected = (person.name().to_owned(), subject);
        assert_eq!(accounts.get(&person.email), Some(&expected), "promised to {person:?}");
    }
    let granted = "SELECT request_id, username FROM decisions WHERE outcome = 'granted'";
    let granted: HashSet<_> =
        rows(&database, granted).into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    for (person, id) in &told.opened {
        assert!(granted.contains(&(id.clone(), person.email.clone())), "no row of {person:?}");
    }
    let names: HashSet<_> = accounts.values().map(|(name, _)| name.clone()).collect();
    for name in &names {
        assert!(is_folder(&app.homes().join(name)), "an account without a home: {name}");
    }
    for folder in app.folders() {
        let empty = fs::read_dir(app.homes().join(&folder)).expect("a folder").next().is_none();
        assert!(empty, "nobody put anything into {folder}");
        let asked_for = folder.starts_with("person") || folder.starts_with("rival");
        assert!(asked_for, "a folder that nobody asked for: {folder}");
    }
}
