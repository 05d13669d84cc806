//! The sandbox: a component in, a decision out, and whatever a policy does wrong, nobody is granted and the next one is right.

use enlist::domain::{
    Applicant, Assurance, Attribute, Decision, Email, Name, Occasion, Pick, Request, Usage,
};
use enlist::sandbox::{DecideError, Engine, Limits, Policy};
use enlist_artifacts::LOCALPART;
use std::convert::Infallible;

fn request(address: &str) -> Request {
    let attribute = |i| Attribute { name: format!("custom:field{i}"), value: format!("value {i}") };
    Request {
        applicant: Applicant {
            issuer: "https://issuer.example".to_owned(),
            subject: Some("2b1f0f5e-8a4c-4a7f-9a06-5e0c9b8f3a11".to_owned()),
            username: address.to_owned(),
            email: Email::parse(address, Assurance::Verified),
            groups: vec!["staff".to_owned()],
            attributes: (0..8).map(attribute).collect(),
        },
        occasion: Occasion::Opening,
        source: "cognito".to_owned(),
        now: 1_700_000_000,
    }
}

async fn first(names: Vec<String>) -> Result<Pick<()>, Infallible> {
    let name = Name::try_from(names[0].clone()).expect("a usable name");
    Ok(Pick::Chosen { name, place: 0, reservation: () })
}

#[tokio::test]
async fn a_name_comes_out() {
    let engine = Engine::new(&Limits::default()).expect("engine");
    let policy = Policy::load(&engine, LOCALPART, "{}").expect("load");
    let verdict = policy.decide(&request("testuser@example.com"), Usage::default(), first).await;
    let verdict: Result<_, DecideError<Infallible>> = verdict;
    let verdict = verdict.expect("verdict");
    println!("{verdict:?}");
    assert!(
        matches!(verdict.decision, Decision::Grant(grant) if grant.name.as_str() == "testuser")
    );
}
