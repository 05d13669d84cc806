//! Which facts and attributes nobody writes of themselves: only by those a rule may let somebody in.

use crate::settings::Settings;

/// What is trusted when the settings do not say. `domain`, `groups`, `issuer`, `source` and `occasion` come from the host.
const USUAL: [&str; 10] = [
    "email",
    "email_verified",
    "domain",
    "sub",
    "identities",
    "groups",
    "cognito:groups",
    "issuer",
    "source",
    "occasion",
];

/// What the host says, whatever the settings do.
const HOST: &str = "enlist:";

pub(crate) struct Trust<'s>(Option<&'s [String]>);

impl<'s> Trust<'s> {
    pub(crate) fn of(settings: &'s Settings) -> Self {
        Self(settings.trusted_attributes.as_deref())
    }

    pub(crate) fn covers(&self, name: &str) -> bool {
        let named = match self.0 {
            Some(names) => names.iter().any(|trusted| trusted == name),
            None => USUAL.contains(&name),
        };
        named || name.starts_with(HOST)
    }
}
