//! The settings as every decision finds them, and what the hooks ask of them.

use crate::asked::{Asked, Fact};
use crate::quota::allowance;
use crate::refusal::{DENIED, EMAIL_UNVERIFIED, NOT_ALLOWED};
use crate::reserved::Reserved;
use crate::rule::{End, Rules};
use crate::settings::{Action, Settings};
use crate::shape::Whole;
use crate::{check, warn};
use enlist_policy::{Allowance, Refusal, Request};

/// Settings that fit together, and what was made of them.
pub(crate) struct Configured {
    pub(crate) settings: Settings,
    pub(crate) reserved: Reserved,
    rules: Rules,
    /// What the plans' conditions ask about.
    plan_facts: Vec<Fact>,
    needs_email: bool,
    rules_set_prefix: bool,
}

impl Configured {
    /// Prepares settings that read well.
    pub(crate) fn of(mut settings: Settings) -> Self {
        // There is one form so far; a second would be told apart here.
        let Whole(_) = settings.version;
        let needs_email = settings.require_verified_email.unwrap_or_else(|| {
            !settings.allow_unverified_email && check::decides_by_email(&settings)
        });
        let rules = std::mem::take(&mut settings.rules);
        let rules_set_prefix = rules.iter().any(|rule| rule.then.set_prefix.is_some());
        let mut plan_facts = Vec::new();
        for condition in settings.plans.values_mut().filter_map(|plan| plan.r#match.as_mut()) {
            condition.number(&mut plan_facts);
        }
        settings.domains.sort();
        let reserved = Reserved::of(&settings.reserved, settings.reserved_builtin);
        Self {
            settings,
            reserved,
            rules: Rules::of(rules),
            plan_facts,
            needs_email,
            rules_set_prefix,
        }
    }

    fn asked<'r>(&self, request: &'r Request) -> Asked<'r> {
        Asked::of(request, self.settings.allow_unverified_email)
    }

    pub(crate) fn admit(&self, request: &Request) -> Result<(), Refusal> {
        let (settings, asked) = (&self.settings, self.asked(request));
        if self.needs_email && asked.trusted_email().is_none() {
            return Err(settings.no(EMAIL_UNVERIFIED));
        }
        // Also by an address that nobody has verified: who is kept out is not let in by claiming it.
        if settings.deny.as_ref().is_some_and(|lists| lists.hold(&asked, true)) {
            return Err(settings.no(DENIED).detail("on a list under deny"));
        }
        if settings.allow.as_ref().is_some_and(|lists| !lists.hold(&asked, false)) {
            return Err(settings.no(NOT_ALLOWED).detail("on no list under allow"));
        }
        match (self.rules.judge(&asked, true).end, settings.default_action) {
            (End::Allow, _) | (End::Open, Action::Allow) => Ok(()),
            (End::Open, Action::Deny) => {
                Err(settings.no(NOT_ALLOWED).detail("no rule allows; default_action is deny"))
            }
            (End::Deny(deny, rule), _) => {
                let mut no = settings.no(DENIED).detail(rule);
                no.code = deny.code.clone().unwrap_or(no.code);
                no.message = deny.message.clone().unwrap_or(no.message);
                Err(no)
            }
        }
    }

    pub(crate) fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        let asked = self.asked(request);
        if !self.rules_set_prefix {
            return self.names(&asked, &self.settings.prefix);
        }
        let verdict = self.rules.judge(&asked, false);
        self.names(&asked, verdict.prefix.unwrap_or(&self.settings.prefix))
    }

    pub(crate) fn allow(&self, request: &Request) -> Allowance {
        let asked = self.asked(request);
        let verdict = self.rules.judge(&asked, false);
        allowance(&self.settings, &self.plan_facts, &asked, &verdict)
    }

    /// What the operator should know of settings that are not wrong.
    pub(crate) fn warn(&self) {
        warn::of(&self.settings, self.rules.iter());
    }
}
