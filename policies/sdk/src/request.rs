//! Short ways to read a request, and to make one for a test. Nothing is normalised: what the provider sent is what is read.

use crate::{Applicant, Assurance, Attribute, Email, Occasion, Request};

impl Request {
    /// The first value of an attribute, e.g. `custom:plan`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let mut all = self.applicant.attributes.iter();
        all.find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_str())
    }

    /// Every value of an attribute, in the provider's order.
    pub fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named =
            self.applicant.attributes.iter().filter(move |attribute| attribute.name == name);
        named.map(|attribute| attribute.value.as_str())
    }

    /// The e-mail address as sent, verified or not.
    pub fn email(&self) -> Option<&str> {
        self.applicant.email.as_ref().map(|email| email.address.as_str())
    }

    /// The e-mail's domain, if the provider verified the address or is about to: what an allowlist may go by.
    pub fn trusted_domain(&self) -> Option<&str> {
        let email = self.applicant.email.as_ref()?;
        (email.assurance != Assurance::Unverified).then_some(email.domain.as_str())
    }

    /// A request for a test: someone entered by hand, of whom nothing is known but the name.
    pub fn by_hand(username: &str) -> Self {
        Self {
            applicant: Applicant {
                issuer: String::new(),
                subject: None,
                username: username.to_owned(),
                email: None,
                groups: Vec::new(),
                attributes: Vec::new(),
            },
            occasion: Occasion::Opening,
            source: "manual".to_owned(),
            now: 0,
        }
    }

    /// The same with a verified e-mail; the domain is what follows the last `@`.
    pub fn with_email(mut self, address: &str) -> Self {
        let domain = address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let assurance = Assurance::Verified;
        self.applicant.email = Some(Email { address: address.to_owned(), domain, assurance });
        self
    }

    /// The same with one attribute more.
    pub fn with_attribute(mut self, name: &str, value: &str) -> Self {
        let attribute = Attribute { name: name.to_owned(), value: value.to_owned() };
        self.applicant.attributes.push(attribute);
        self
    }
}
