//! The SDK as a policy author meets it, natively: settings read once, problems with pointers, notes in order, defaults for
//! every hook but `derive`.

use enlist_policy::{
    Allowance, Policy, Problem, Refusal, Request, Usage, configured, export, note,
};

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Club {
    members: Vec<Member>,
    #[serde(skip)]
    seats: u64,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    name: String,
    #[serde(default, rename = "a/b~c")]
    seat: u64,
}

impl Policy for Club {
    fn configure(&mut self) -> Result<(), Vec<Problem>> {
        let unnamed = |(place, _): (usize, &Member)| {
            Problem::new(format!("/members/{place}/name"), "may not be empty")
        };
        let nameless = self.members.iter().enumerate().filter(|(_, member)| member.name.is_empty());
        let problems: Vec<Problem> = nameless.map(unnamed).collect();
        self.seats = self.members.iter().map(|member| member.seat).sum();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        let name = &request.applicant.username;
        note!("{} of {} members looked at", self.members.len(), self.seats);
        if self.members.iter().any(|member| &member.name == name) {
            return Ok(vec![name.clone()]);
        }
        note!("{name} is not among them");
        Err(Refusal::new("not_a_member", "Only members can have an account")
            .detail("no such member"))
    }
}

export!(Club);

fn club(json: &str) -> Result<Club, Vec<Problem>> {
    configured(json)
}

#[test]
fn hooks_have_defaults_and_notes_keep_their_order() {
    let club = club(r#"{"members":[{"name":"ann","a/b~c":7}]}"#).expect("good settings");
    let (ann, bob) = (Request::by_hand("ann"), Request::by_hand("bob"));
    assert_eq!(Club::schema(), None);
    assert_eq!(club.admit(&ann), Ok(()));
    assert_eq!(club.derive(&ann), Ok(vec!["ann".to_owned()]));
    let refusal = club.derive(&bob).expect_err("bob is a stranger");
    assert_eq!(
        (refusal.code.as_str(), refusal.detail.as_deref()),
        ("not_a_member", Some("no such member"))
    );
    let usage = Usage { accounts: 1, accounts_in_domain: 0 };
    assert_eq!(club.allow(&ann, "ann", &usage), Ok(Allowance::unlimited()));
    let notes = enlist_policy::notes::take();
    assert_eq!(
        notes,
        ["1 of 7 members looked at", "1 of 7 members looked at", "bob is not among them"]
    );
    assert!(enlist_policy::notes::take().is_empty());
}

#[test]
fn a_problem_says_where_it_is() {
    for (json, pointer) in [
        (r#"{"members":[{"name":"ann"},{"name":7}]}"#, "/members/1/name"),
        (r#"{"members":[{"name":"ann","a/b~c":"seven"}]}"#, "/members/0/a~1b~0c"),
        (r#"{"members":[{"name":""},{"name":"ann"}]}"#, "/members/0/name"),
        (r#"{}"#, ""),
        (r#"{"members":[]} {}"#, ""),
    ] {
        let problems = club(json).expect_err("refused");
        assert_eq!(problems[0].path, pointer, "{json}");
        assert!(!problems[0].message.contains(" at line "), "{}", problems[0].message);
    }
}

#[test]
fn every_problem_a_policy_finds_is_named() {
    let problems = club(r#"{"members":[{"name":""},{"name":""}]}"#).expect_err("refused");
    assert_eq!(problems.len(), 2);
}

#[test]
fn attributes_are_found_by_name_in_order() {
    let request = Request::by_hand("ann")
        .with_attribute("g", "1")
        .with_attribute("h", "x")
        .with_attribute("g", "2");
    assert_eq!(request.attribute("g"), Some("1"));
    assert_eq!(request.attributes("g").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(request.attribute("i"), None);
}

#[test]
fn only_a_verified_or_pending_email_has_a_domain_to_trust() {
    let mut request = Request::by_hand("ann").with_email("ann@Example.com");
    assert_eq!(request.trusted_domain(), Some("example.com"));
    if let Some(email) = &mut request.applicant.email {
        email.assurance = enlist_policy::Assurance::Unverified;
    }
    assert_eq!((request.email(), request.trusted_domain()), (Some("ann@Example.com"), None));
}
