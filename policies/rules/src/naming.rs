//! From somebody to the names that they are offered. A name is derived, never mended: where the settings ask for a character to be
//! replaced, the hash of who they are says whose name it is.

use crate::asked::Asked;
use crate::configured::Configured;
use crate::refusal::{CASE, CHARSET, EMAIL_UNVERIFIED, EMPTY, LENGTH, PATTERN, PLUS_TAG, RESERVED};
use crate::source::{
    ALPHABET, Case, Collision, Found, GMAIL, GmailDots, OnInvalid, PlusTag, Restriction, Source,
    StripDomain, Unicode, hash,
};
use enlist_names::{Casing, is_letter_or_digit, is_mark, local_part, prepare, restrict};
use enlist_policy::Refusal;
use std::borrow::Cow;

/// What a file system takes.
const NAME_BYTES: usize = 255;

/// More than any name is made of, in any spelling: what a text costs grows with its length.
const TEXT_BYTES: usize = 2048;

/// What all names of somebody are made of.
struct Base {
    text: String,
    /// Something was replaced: others may have come to the same.
    is_lossy: bool,
}

impl Configured {
    /// The names, best first.
    pub(crate) fn names(&self, asked: &Asked<'_>, prefix: &str) -> Result<Vec<String>, Refusal> {
        let settings = &self.settings;
        let Base { text, is_lossy } = self.base(asked)?;
        let base = format!("{prefix}{text}{}", settings.suffix);
        // Who has characters replaced has what is too long cut off; then too the hash says whose it is.
        let is_lossy = is_lossy
            || settings.on_invalid != OnInvalid::Deny
                && base.chars().count() > settings.max_length.get();
        if self.reserved.hold(&base) {
            return Err(settings.no(RESERVED));
        }
        let hashed = || {
            let hash = hash(asked.request, settings.hash_len.get());
            self.usable(self.suffixed(&base, &hash))
        };
        match settings.collision {
            Collision::Deny => Ok(vec![self.fitting(base)?]),
            Collision::NumericSuffix => {
                let numbers = 2..=settings.numeric_max.get();
                let more = numbers.map(|number| self.suffixed(&base, &number.to_string()));
                let mut names = vec![self.fitting(base.clone())?];
                names.extend(more.filter_map(|name| self.usable(name).ok()));
                Ok(names)
            }
            // A name that looks hashed is: else somebody could choose the name that another will get.
            Collision::HashSuffix if is_lossy || self.looks_hashed(&base) => Ok(vec![hashed()?]),
            Collision::HashSuffix => {
                let mut names = vec![self.fitting(base.clone())?];
                names.extend(hashed().ok());
                Ok(names)
            }
        }
    }

    /// What the name is made of, with every character looked at.
    fn base(&self, asked: &Asked<'_>) -> Result<Base, Refusal> {
        let settings = &self.settings;
        let Some(found) = settings.source.iter().find_map(|source| source.find(asked)) else {
            let waits = asked.email.is_some()
                && settings.source.iter().any(|source| matches!(source, Source::Email));
            return Err(settings.no(if waits { EMAIL_UNVERIFIED } else { EMPTY }));
        };
        if found.text.len() > TEXT_BYTES {
            return Err(settings.no(LENGTH));
        }
        let plain = self.without_address(&found)?;
        let mut base = Base { text: plain.into_owned(), is_lossy: false };
        if settings.case == Case::Lower {
            base.text.make_ascii_lowercase();
        }
        if settings.unicode == Unicode::Precis {
            self.replace(&mut base, |c| !c.is_ascii() || c.is_ascii_uppercase());
            let casing =
                if settings.case == Case::Lower { Casing::Mapped } else { Casing::Preserved };
            base.text = prepare(&base.text, casing).map_err(|why| settings.disallowed(why))?;
        }
        if settings.case == Case::RejectUpper && base.text.chars().any(char::is_uppercase) {
            return Err(settings.no(CASE));
        }
        let in_any_script = |c: char| {
            settings.unicode == Unicode::Precis
                && !c.is_ascii()
                && (is_letter_or_digit(c) || is_mark(c))
        };
        self.replace(&mut base, in_any_script);
        if !base.text.chars().all(|c| settings.charset.holds(c) || in_any_script(c)) {
            return Err(settings.no(CHARSET));
        }
        if settings.on_invalid != OnInvalid::Deny {
            trim(&mut base, |c| settings.start().holds(c), |c| settings.end().holds(c));
        }
        if base.text.is_empty() {
            return Err(settings.no(EMPTY));
        }
        self.keep_to_scripts(&base.text)?;
        Ok(base)
    }

    /// What of an address is made a name of; a text without `@` is none.
    fn without_address<'a>(&self, found: &'a Found<'_>) -> Result<Cow<'a, str>, Refusal> {
        let settings = &self.settings;
        let Some(domain) = found.domain.as_deref() else { return Ok(Cow::Borrowed(&found.text)) };
        let mut local = local_part(&found.text).map_err(|why| settings.disallowed(why))?;
        let tags_here = settings.plus_tag_domains.holds(domain);
        match settings.plus_tag {
            PlusTag::Strip if tags_here => local = local.split('+').next().unwrap_or_default(),
            PlusTag::Reject
                if local.contains('+') && (tags_here || settings.plus_tag_domains.is_empty()) =>
            {
                return Err(settings.no(PLUS_TAG));
            }
            _ => {}
        }
        if local.is_empty() {
            return Err(settings.no(EMPTY));
        }
        let dotless = settings.gmail_dots == GmailDots::Strip && GMAIL.contains(&domain);
        let local = if dotless { Cow::Owned(local.replace('.', "")) } else { Cow::Borrowed(local) };
        let strip = match &settings.strip_domain {
            StripDomain::Always => true,
            StripDomain::Never => false,
            StripDomain::Of(domains) => domains.holds(domain),
        };
        if strip {
            return Ok(local);
        }
        let at = settings.at_replacement.as_deref().unwrap_or("@");
        Ok(Cow::Owned(format!("{local}{at}{domain}")))
    }

    /// Puts what the settings say in the place of every character that a name may not have.
    fn replace(&self, base: &mut Base, spared: impl Fn(char) -> bool) {
        let OnInvalid::Replace(with) = self.settings.on_invalid else { return };
        let is_bad = |c: char| !self.settings.charset.holds(c) && !spared(c);
        if base.text.contains(is_bad) {
            base.text = base.text.chars().map(|c| if is_bad(c) { with } else { c }).collect();
            base.is_lossy = true;
        }
    }

    fn keep_to_scripts(&self, text: &str) -> Result<(), Refusal> {
        let limit = match self.settings.restriction {
            _ if text.is_ascii() => return Ok(()),
            Restriction::Ascii => return Err(self.settings.no(CHARSET)),
            Restriction::SingleScript => enlist_names::Restriction::SingleScript,
            Restriction::HighlyRestrictive => enlist_names::Restriction::HighlyRestrictive,
        };
        restrict(text, limit).map_err(|why| self.settings.disallowed(why))
    }

    /// The name, if it can be one and nobody has reserved it.
    fn usable(&self, name: String) -> Result<String, Refusal> {
        let name = self.fitting(name)?;
        if self.reserved.hold(&name) { Err(self.settings.no(RESERVED)) } else { Ok(name) }
    }

    /// The name, if it can be one.
    fn fitting(&self, name: String) -> Result<String, Refusal> {
        let settings = &self.settings;
        let length = name.chars().count();
        let short = length < settings.min_length.get();
        if short || length > settings.max_length.get() || name.len() > NAME_BYTES {
            return Err(settings.no(LENGTH));
        }
        let begins =
            name.chars().next().is_some_and(|c| !c.is_ascii() || settings.start().holds(c));
        let ends =
            name.chars().next_back().is_some_and(|c| !c.is_ascii() || settings.end().holds(c));
        if !begins || !ends {
            return Err(settings.no(CHARSET));
        }
        if settings.pattern.as_ref().is_some_and(|pattern| !pattern.matches(&name)) {
            return Err(settings.no(PATTERN));
        }
        Ok(name)
    }

    /// The name with something behind it, as much of it as there is room for.
    fn suffixed(&self, base: &str, with: &str) -> String {
        let tail = format!("{}{with}", self.settings.suffix_sep);
        let room = self.settings.max_length.get().saturating_sub(tail.chars().count());
        let mut name: String = base.chars().take(room).collect();
        while name.len() + tail.len() > NAME_BYTES && name.pop().is_some() {}
        name + &tail
    }

    fn looks_hashed(&self, name: &str) -> bool {
        let settings = &self.settings;
        let start = name.len().checked_sub(settings.hash_len.get());
        let hash = start.and_then(|start| name.get(start..).zip(name.get(..start)));
        hash.is_some_and(|(hash, before)| {
            hash.chars().all(|c| ALPHABET.contains(c)) && before.ends_with(&settings.suffix_sep)
        })
    }
}

/// Leaves out at either end what cannot stand there.
fn trim(base: &mut Base, begins: impl Fn(char) -> bool, ends: impl Fn(char) -> bool) {
    let kept = base.text.trim_start_matches(|c: char| c.is_ascii() && !begins(c));
    let kept = kept.trim_end_matches(|c: char| c.is_ascii() && !ends(c));
    if kept.len() != base.text.len() {
        base.text = kept.to_owned();
        base.is_lossy = true;
    }
}
