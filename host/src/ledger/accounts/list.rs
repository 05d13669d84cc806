//! Accounts looked at: one by its name, or a page of a tenant's, in the order of their folded names.
//! Refuses to hold a reader for long: a search looks at some rows, gives the connection back, and goes on from there.

use crate::domain::{Account, FoldKey, Page, TenantId};
use crate::ledger::accounts::rows::{COLUMNS, account, by_name};
use crate::ledger::{Book, LedgerError};
use rusqlite::{Connection, Row};

/// Rows that are looked at before others may read.
const AT_A_TIME: usize = 10_000;

/// What is looked for: a part of a name, a provider username or an e-mail address, in any case.
#[derive(Clone)]
struct Part {
    folded: String,
    lower: String,
}

impl Book {
    /// The account of exactly this name.
    pub async fn account(&self, name: &str) -> Result<Option<Account>, LedgerError> {
        let (tenant, name) = (self.tenant.id, name.to_owned());
        self.ledger.database.read(move |c| by_name(c, tenant, &name)).await
    }

    /// At most `limit` accounts behind the folded name `after`; with `part`, of those that have it in name, username or e-mail.
    pub async fn accounts(
        &self,
        part: Option<&str>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Account, String>, LedgerError> {
        let part = part.map(|text| Part {
            folded: FoldKey::of(text).as_str().to_owned(),
            lower: text.to_lowercase(),
        });
        let (tenant, mut items) = (self.tenant.id, Vec::new());
        let mut after = after.unwrap_or_default();
        loop {
            // One more than is wanted says whether there is a next page.
            let (part, from, want) = (part.clone(), after.clone(), limit + 1 - items.len());
            let look = move |c: &Connection| look(c, tenant, part.as_ref(), &from, want);
            let (mut found, last) = self.ledger.database.read(look).await?;
            items.append(&mut found);
            if items.len() > limit {
                items.truncate(limit);
                let next = items.last().map(|(key, _)| key.clone());
                return Ok(page(items, next));
            }
            match last {
                Some(last) => after = last,
                None => return Ok(page(items, None)),
            }
        }
    }
}

fn page(items: Vec<(String, Account)>, next: Option<String>) -> Page<Account, String> {
    Page { items: items.into_iter().map(|(_, account)| account).collect(), next }
}

/// What was found, and, if there may be more, the folded name that was looked at last.
type Looked = (Vec<(String, Account)>, Option<String>);

fn look(
    connection: &Connection,
    tenant: TenantId,
    part: Option<&Part>,
    after: &str,
    want: usize,
) -> Result<Looked, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS}, name_key FROM accounts WHERE tenant = ?1 AND name_key > ?2 ORDER BY name_key"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((tenant.0, after))?;
    let (mut found, mut looked) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        looked += 1;
        if part.is_none_or(|part| part.is_in(row)) {
            found.push((row.get("name_key")?, account(row)?));
        }
        if looked == AT_A_TIME || found.len() == want {
            return Ok((found, Some(row.get("name_key")?)));
        }
    }
    Ok((found, None))
}

impl Part {
    fn is_in(&self, row: &Row<'_>) -> bool {
        let text = |column: &str| row.get_ref(column).ok().and_then(|value| value.as_str().ok());
        let in_text =
            |column| text(column).is_some_and(|text| text.to_lowercase().contains(&self.lower));
        let in_name = !self.folded.is_empty()
            && text("name_key").is_some_and(|key| key.contains(&self.folded));
        in_name || in_text("username") || in_text("email")
    }
}
