//! One seat, and two hundred who want it at once, at every door.

use crate::app::App;
use crate::quotas::{act, by_hand, nobody_more, person, with_rules};
use serde_json::json;
use std::sync::Arc;

/// So many accounts may be open.
const CAP: usize = 6;

/// So many want the last seat.
const CROWD: usize = 200;

/// Whether request `i` got in, at the door that is its turn.
async fn try_a_door(app: &App, i: usize) -> bool {
    let name = format!("late{i}");
    let answer = match i % 4 {
        0 => app.provision(&person(&name, nobody_more())).await,
        1 => {
            let body = json!({"username": name, "subject": name, "email": format!("{name}@x.example"), "email_verified": true});
            app.post("/v1/accounts", &app.tenant_key, &body.to_string()).await
        }
        2 => by_hand(app, &name).await,
        _ => act(app, &format!("closed{i}"), "reopen").await,
    };
    match answer.status {
        200 | 201 => true,
        403 => {
            let code = answer.code();
            assert!(matches!(code.as_str(), "quota_accounts" | "quota_domain"), "{answer:?}");
            false
        }
        // More of them at once than one tenant may have on their way.
        503 => {
            assert_eq!(answer.code(), "busy", "{answer:?}");
            false
        }
        _ => panic!("{answer:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_seat_is_had_once_whichever_door_they_come_through() {
    for limit in ["max_accounts", "max_accounts_in_domain"] {
        let app = with_rules(json!({})).await;
        for i in (3..CROWD).step_by(4) {
            app.enlist(&person(&format!("closed{i}"), nobody_more())).await;
            assert_eq!(act(&app, &format!("closed{i}"), "close").await.status, 200);
        }
        for i in 1..CAP {
            app.enlist(&person(&format!("early{i}"), nobody_more())).await;
        }
        crate::quotas::rule(&app, json!({limit: CAP})).await;
        let app = Arc::new(app);
        // By hand no address is verified: no domain counts it.
        let crowd = (0..CROWD).filter(|i| limit == "max_accounts" || i % 4 != 2);
        let asks: Vec<_> = crowd
            .map(|i| {
                let app = Arc::clone(&app);
                tokio::spawn(async move { try_a_door(&app, i).await })
            })
            .collect();
        let mut got_in = 0;
        for ask in asks {
            got_in += usize::from(ask.await.expect("an answer"));
        }
        assert_eq!(got_in, 1, "{limit}");
        let open = "SELECT count(*) FROM accounts WHERE state = 'active'";
        assert_eq!(app.count(open), CAP as i64, "{limit}");
        assert_eq!(app.count("SELECT active FROM usage WHERE domain = ''"), CAP as i64);
        assert_eq!(app.folders().len() as i64, app.count("SELECT count(*) FROM accounts"));
    }
}
