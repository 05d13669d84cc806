//! Every setting there is, what it is when it is not written, and what is said of it. Whether they fit together is `check`'s matter.

use crate::domain::{DomainPattern, DomainSet};
use crate::lists::Lists;
use crate::map::Map;
use crate::quota::{DomainQuota, Plan, Quota};
use crate::refusal::Worded;
use crate::reserved::Reserve;
use crate::rule::Rule;
use crate::shape::{Whole, choice, table};
use crate::source::{
    Case, Collision, GmailDots, OnInvalid, PlusTag, Restriction, Source, StripDomain, Unicode,
};
use crate::values::{Bytes, Charset, Count, LabelName, Pattern};

table! {
    /// Settings of `builtin:rules`.
    Settings {
        /// Of this form of settings: 1.
        required version: Whole<1, 1> = Whole(1),

        /// What the name is made of, the first that is there: `email` (only a verified one), `username`, `preferred_username`,
        /// `sub_hash`, `attr:NAME`.
        default source: Vec<Source> = vec![Source::Email, Source::Username],
        /// When what stands behind the `@` is left out: `always`, `never`, or for these domains.
        default strip_domain: StripDomain = StripDomain::Always,
        /// What an `@` that stays becomes; without it, it stays an `@`, which `charset` must then have.
        optional at_replacement: String,
        /// What becomes of `+tag`.
        default plus_tag: PlusTag = PlusTag::Keep,
        /// Where it does: `strip` needs some, `reject` without any is everywhere.
        default plus_tag_domains: DomainSet = DomainSet::none(),
        /// What becomes of dots in addresses of gmail.com and googlemail.com.
        default gmail_dots: GmailDots = GmailDots::Keep,
        /// What becomes of capital letters.
        default case: Case = Case::Lower,
        /// Which letters there are: `ascii`, or those of every script, as RFC 8265 has them.
        default unicode: Unicode = Unicode::Ascii,
        /// With `unicode = "precis"`: which scripts stand beside each other.
        default restriction: Restriction = Restriction::HighlyRestrictive,
        /// ASCII characters of a name: `portable` (a-z0-9._-), `posix` (a-z0-9_-), `dns` (a-z0-9-), or ranges such as `a-zA-Z0-9._-`.
        default charset: Charset = Charset::portable(),
        /// ASCII characters it begins with: letters and digits of `charset`.
        optional start: Charset,
        /// ASCII characters it ends with: letters and digits of `charset`.
        optional end: Charset,
        /// What becomes of a character that a name may not have: `deny`, or `replace:C`, which needs `collision = "hash_suffix"`.
        default on_invalid: OnInvalid = OnInvalid::Deny,
        /// Fewest characters.
        default min_length: Whole<1, 128> = Whole(1),
        /// Most characters.
        default max_length: Whole<1, 128> = Whole(64),
        /// A regular expression that all of the name matches, with what a collision adds to it.
        optional pattern: Pattern,
        /// What every name begins with.
        default prefix: String = String::new(),
        /// What every name ends with, before what a collision adds.
        default suffix: String = String::new(),
        /// Names that nobody gets, in any spelling; `*` and `?` as usual.
        default reserved: Vec<Reserve> = Vec::new(),
        /// Whether `admin`, `postmaster` and their like are reserved.
        default reserved_builtin: bool = true,
        /// What is offered when the name is held already: `deny`, `numeric_suffix`, `hash_suffix`.
        default collision: Collision = Collision::Deny,
        /// What stands before a suffix.
        default suffix_sep: String = "-".to_owned(),
        /// The last number that is tried.
        default numeric_max: Whole<2, 32> = Whole(32),
        /// Characters of a hash.
        default hash_len: Whole<8, 32> = Whole(10),

        /// Who may have an account; without it everybody may, with no list or empty ones nobody.
        optional allow: Lists,
        /// Who may not, whoever else says that they may.
        optional deny: Lists,
        /// Whether whoever has no verified address is refused; without it, when an e-mail or a domain decides something.
        optional require_verified_email: bool,
        /// Whether an address counts that the provider has not verified: anybody can claim one.
        default allow_unverified_email: bool = false,
        /// Rules in their order; the first that allows or denies ends them.
        default rules: Vec<Rule> = Vec::new(),
        /// What is done when no rule allows or denies.
        default default_action: Action = Action::Allow,
        /// Attributes that people cannot write themselves, and a rule may therefore allow by.
        optional trusted_attributes: Vec<String>,
        /// What whoever is turned away is told.
        optional on_deny_message: String,
        /// What people are told, by the code of the refusal.
        default messages: Map<Worded, String> = Map::none(),

        /// Most accounts of the tenant.
        optional max_accounts: Count,
        /// Most accounts whose verified address has the same domain.
        optional max_accounts_in_domain: Count,
        /// Bytes of a folder.
        optional storage_bytes: Bytes,
        /// Files in a folder.
        optional storage_files: Count,
        /// Labels of every account.
        default labels: Map<LabelName, String> = Map::none(),
        /// Plans by name.
        default plans: Map<String, Plan> = Map::none(),
        /// The plan of whom no other is meant for.
        optional default_plan: String,
        /// What is particular to a domain, or to those below one.
        default domains: Map<DomainPattern<'static>, DomainQuota> = Map::none(),
    }
}

choice! {
    /// What is done with somebody.
    Action {
        /// They may have an account.
        Allow = "allow",
        /// They may not.
        Deny = "deny",
    }
}

impl Settings {
    pub(crate) fn quota(&self) -> Quota {
        Quota {
            max_accounts: self.max_accounts,
            max_accounts_in_domain: self.max_accounts_in_domain,
            storage_bytes: self.storage_bytes,
            storage_files: self.storage_files,
        }
    }

    /// What a name begins with.
    pub(crate) fn start(&self) -> Charset {
        self.start.unwrap_or(self.charset.alphanumeric())
    }

    /// What a name ends with.
    pub(crate) fn end(&self) -> Charset {
        self.end.unwrap_or(self.charset.alphanumeric())
    }
}
