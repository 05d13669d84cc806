//! What a server has: the tenant's accounts, the names that nobody gets, and empty folders, which keep nobody and may be somebody's.
//! Refuses to take for a verified e-mail what the server does not call one.

use crate::cli::Ending;
use crate::cli::client::{Client, Patience};
use reqwest::{Method, Url};
use serde_json::Value;
use std::collections::BTreeMap;

/// A tenant's names.
pub(super) struct There {
    /// The tenant's.
    pub(super) issuer: String,
    /// Every name, and what is behind it.
    pub(super) names: BTreeMap<String, Holder>,
}

/// What is behind a name.
pub(super) enum Holder {
    Account(Account),
    /// A folder that holds something, a row, or a restore.
    Reserved,
    /// An empty folder alone.
    Empty,
}

/// What is needed of an account.
pub(super) struct Account {
    pub(super) issuer: String,
    pub(super) subject: Option<String>,
    /// The provider's name for its person.
    pub(super) username: String,
    /// A verified one.
    pub(super) email: Option<String>,
}

impl There {
    /// Asks for the tenant's issuer, the names that no account has, and the accounts.
    pub(super) async fn look(client: &Client, patience: &Patience) -> Result<Self, Ending> {
        let tenant = client.tenant_url(&[])?;
        let tenant = client.insist(patience, || client.begin(Method::GET, tenant.clone())).await?;
        patience.renew();
        let mut names = BTreeMap::new();
        let mut reserved = client.tenant_url(&["reserved"])?;
        reserved.query_pairs_mut().append_pair("empty", "true");
        pages(client, patience, &reserved, |name| {
            let keeps = ["folder", "row", "restored"].iter().any(|what| name[*what] == true);
            let holder = if keeps { Holder::Reserved } else { Holder::Empty };
            names.extend(text(&name["name"]).map(|name| (name, holder)));
        })
        .await?;
        let accounts = client.tenant_url(&["accounts"])?;
        pages(client, patience, &accounts, |account| {
            let has = Holder::Account(Account::read(account));
            names.extend(text(&account["name"]).map(|name| (name, has)));
        })
        .await?;
        Ok(Self { issuer: text(&tenant["issuer"]).unwrap_or_default(), names })
    }
}

impl Account {
    fn read(account: &Value) -> Self {
        Self {
            issuer: text(&account["issuer"]).unwrap_or_default(),
            subject: text(&account["subject"]),
            username: text(&account["username"]).unwrap_or_default(),
            email: text(&account["email"]).filter(|_| account["email_verified"] == true),
        }
    }
}

impl Holder {
    pub(super) fn account(&self) -> Option<&Account> {
        match self {
            Self::Account(account) => Some(account),
            Self::Reserved | Self::Empty => None,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

async fn pages(
    client: &Client,
    patience: &Patience,
    list: &Url,
    mut put: impl FnMut(&Value),
) -> Result<(), Ending> {
    let mut after = None::<String>;
    loop {
        let mut url = list.clone();
        url.query_pairs_mut().append_pair("limit", "500");
        if let Some(after) = &after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let page = client.insist(patience, || client.begin(Method::GET, url.clone())).await?;
        page["items"].as_array().into_iter().flatten().for_each(&mut put);
        patience.renew();
        match page["next"].as_str() {
            Some(next) if after.as_deref() != Some(next) => after = Some(next.to_owned()),
            _ => return Ok(()),
        }
    }
}
