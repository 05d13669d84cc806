//! The sandbox: a component goes in, a decision comes out, and whatever a policy does wrong, nobody is granted anything and the
//! next decision is right. Nothing here measures time: which budget ended a decision is what is asserted.

mod cache;
pub(crate) mod children;
mod decisions;
mod limits;
mod loading;
mod misdeeds;
mod shapes;
mod shares;
mod trials;
mod turns;
mod workshop;

use enlist::domain::{
    Applicant, Assurance, Attribute, Decision, Email, Failure, HostCode, Name, Occasion, Pick,
    Refusal, Request, Usage, Verdict,
};
use enlist::sandbox::{DecideError, Engine, Limits, MakeError, Policy, freeze};
use std::convert::Infallible;
use std::time::Duration;

/// What a test decides with: a reservation is a number.
type Decided = Result<Verdict<u32>, DecideError<Infallible>>;

/// Limits under which only fuel ends a decision, however busy the machine is.
fn fuel_decides() -> Limits {
    Limits { decision_time: Duration::from_secs(3600), decisions_at_once: 2, ..Limits::default() }
}

/// Limits under which only the clock ends a decision.
fn time_decides() -> Limits {
    let decision_time = Duration::from_millis(3);
    Limits { decision_fuel: u64::MAX, decision_time, ..fuel_decides() }
}

fn engine(limits: &Limits) -> Engine {
    Engine::new(limits).expect("an engine")
}

fn load(engine: &Engine, component: &[u8]) -> Policy {
    with_settings(engine, component, "{}").expect("a policy")
}

/// Made in this process and not tried on anybody: a misdeed is to be seen when it decides.
fn with_settings(engine: &Engine, component: &[u8], settings: &str) -> Result<Policy, MakeError> {
    Ok(Policy::of_code(engine, &freeze(engine, component, settings)?)?)
}

/// Somebody with eight attributes of their own and those given.
fn request(attributes: &[(&str, &str)]) -> Request {
    let address = "testuser@example.com";
    let named = |name: &str, value: &str| Attribute { name: name.into(), value: value.into() };
    let ordinary = (0..8).map(|i| named(&format!("custom:field{i}"), &format!("value {i}")));
    Request {
        applicant: Applicant {
            issuer: "https://issuer.example".to_owned(),
            subject: Some("2b1f0f5e-8a4c-4a7f-9a06-5e0c9b8f3a11".to_owned()),
            username: address.to_owned(),
            email: Email::parse(address, Assurance::Verified),
            groups: vec!["staff".to_owned()],
            attributes: ordinary.chain(attributes.iter().map(|(n, v)| named(n, v))).collect(),
        },
        occasion: Occasion::Opening,
        source: "cognito".to_owned(),
        now: 1_700_000_000,
    }
}

/// The first candidate that the host's own rules allow; nobody holds any.
async fn first_usable(names: Vec<String>) -> Result<Pick<u32>, Infallible> {
    let usable =
        |(place, name): (usize, String)| Name::try_from(name).ok().map(|name| (place, name));
    Ok(match names.into_iter().enumerate().find_map(usable) {
        Some((place, name)) => Pick::Chosen { name, place, reservation: 7 },
        None => Pick::Nothing(Refusal::host(HostCode::NameUnusable)),
    })
}

async fn decide(policy: &Policy, request: &Request) -> Decided {
    policy.decide(request, Usage::default(), first_usable).await
}

fn failure(decided: Decided) -> Failure {
    match decided {
        Ok(verdict) => panic!("{verdict:?} instead of a failure"),
        Err(DecideError::Failed(failure)) => failure,
        Err(DecideError::Pick(never)) => match never {},
    }
}

fn granted_name(decided: Decided) -> String {
    match decided.expect("a verdict").decision {
        Decision::Grant(grant) => grant.name.as_str().to_owned(),
        Decision::Refuse(refusal) => panic!("{refusal:?} instead of a grant"),
    }
}
