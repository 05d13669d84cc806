//! Somebody who comes from elsewhere: with a name, which is theirs already, or without one, and then the policy is asked as it always is.
//! Refuses to bend a rule for them: two people never share a name or a folder, and one person never has two.

use crate::domain::{HostCode, Name, Refusal, Request, Unusable};
use crate::homes::{HomeError, Site};
use crate::ledger::{Act, Acted, Book, Claim, LedgerError, Place, Tenant};
use crate::provision::by_hand::{refuse, unusable};
use crate::provision::{Ask, Outcome, ProvisionError, Provisioner};
use tracing::error;

/// One of those who are imported.
#[derive(Clone, Debug)]
pub struct Import {
    /// `X-Request-Id` of the request that many came with.
    pub request_id: String,
    /// Who they are.
    pub request: Request,
    /// What their account is called; without it the policy decides.
    pub name: Option<String>,
    /// Whether a folder that is there becomes the home as it is, whatever it holds.
    pub adopt: bool,
    /// Whether an account that has another subject becomes theirs.
    pub relink: bool,
    /// Whether nothing shall come of it.
    pub dry_run: bool,
}

/// What became of them; the name of their account.
#[derive(Debug)]
pub enum Imported {
    /// It is there now.
    Opened(String),
    /// It was there, and theirs.
    Known(String),
    /// It was there without a subject, and has theirs now.
    Linked(String),
    /// It was another subject's, and is theirs now.
    Relinked(String),
    /// There is none.
    Refused(Refusal),
}

impl Provisioner {
    /// Gives somebody who is imported an account, or says that they have it, or why not. Run it to its end, as `provision`.
    pub async fn import(
        &self,
        tenant: &Tenant,
        import: Import,
    ) -> Result<Imported, ProvisionError> {
        if import.name.is_none() {
            return self.import_asking(tenant, import).await;
        }
        let request_id = import.request_id.clone();
        let imported = self.import_named(tenant, import).await;
        if let Err(error) = &imported {
            error!(request_id, tenant = %tenant.name(), ?error, "{error}");
        }
        imported
    }

    async fn import_asking(
        &self,
        tenant: &Tenant,
        import: Import,
    ) -> Result<Imported, ProvisionError> {
        if import.relink
            && let Some(relinked) = self.relink(tenant, &import).await?
        {
            return Ok(relinked);
        }
        let ask = Ask { request_id: import.request_id, request: import.request };
        if import.dry_run {
            return self.foresee(tenant, ask).await;
        }
        Ok(match self.provision(tenant, ask).await? {
            Outcome::Opened(held) => Imported::Opened(held.account.name),
            Outcome::Known(held) => Imported::Known(held.account.name),
            Outcome::Refused(refusal) => Imported::Refused(refusal),
        })
    }

    /// The account that was theirs under another subject, if it is plain which one.
    async fn relink(
        &self,
        tenant: &Tenant,
        import: &Import,
    ) -> Result<Option<Imported>, ProvisionError> {
        let book = self.ledger.of(tenant);
        let _turn = book.turn(&import.request.applicant).await?;
        let Some(account) = book.predecessor(&import.request.applicant)? else { return Ok(None) };
        self.give(&book, import, account.name, account.subject.is_some()).await.map(Some)
    }

    /// Makes the account theirs: it has another subject, or none.
    async fn give(
        &self,
        book: &Book,
        import: &Import,
        name: String,
        had_subject: bool,
    ) -> Result<Imported, ProvisionError> {
        let given =
            |name| if had_subject { Imported::Relinked(name) } else { Imported::Linked(name) };
        if import.dry_run {
            return Ok(given(name));
        }
        let act = Act::import(import.request_id.clone(), name.clone());
        Ok(match book.import_to(&name, &import.request, import.relink, act).await? {
            Acted::Account(account) => given(account.name),
            Acted::Refused(code) => Imported::Refused(Refusal::host(code)),
            // Accounts stay for ever: only a door that does not wait its turn could have been quicker.
            Acted::Missing => return Err(LedgerError::Busy.into()),
        })
    }

    async fn import_named(
        &self,
        tenant: &Tenant,
        import: Import,
    ) -> Result<Imported, ProvisionError> {
        let said = import.name.clone().unwrap_or_default();
        let book = self.ledger.of(tenant);
        let applicant = &import.request.applicant;
        // One that has an account already may be of any kind.
        let name = match Name::existing(said.clone()) {
            Ok(name) => name,
            Err(why) => return turn_away(&book, &import, said, unusable(why)).await,
        };
        let _turn = book.turn(applicant).await?;
        match book.place(applicant, &name, import.relink)? {
            Place::Theirs(account) => return Ok(Imported::Known(account.name)),
            Place::Linkable(account) => {
                return self.give(&book, &import, account.name, account.subject.is_some()).await;
            }
            Place::Refused(refusal) => return turn_away(&book, &import, said, refusal).await,
            Place::Free => {}
        }
        self.auth_dbs.of(tenant.id())?;
        let claim = if import.adopt { Claim::MovingOver } else { Claim::Asking };
        let Some(_reservation) = book.reserve(&name, claim).await? else {
            let taken = Refusal::host(HostCode::UsernameTaken);
            return turn_away(&book, &import, said, taken).await;
        };
        if let Some(refusal) = self.in_the_way(&book, tenant, &import, &name).await? {
            return turn_away(&book, &import, said, refusal).await;
        }
        if import.dry_run {
            return Ok(Imported::Opened(said));
        }
        let home = match self.home_by_hand(tenant, &name, import.adopt).await {
            Err(HomeError::Occupied(_)) => {
                let in_the_way = Refusal::host(HostCode::HomeExists);
                return turn_away(&book, &import, said, in_the_way).await;
            }
            home => home?,
        };
        let active = self.catalog.active(tenant.id()).ok_or(ProvisionError::NoPolicy)?;
        let act = Act::import(import.request_id.clone(), said);
        let open = book.import(&import.request, &name, claim, active.revision.number, act);
        Ok(match self.commit(tenant, home, open).await? {
            Outcome::Opened(held) => Imported::Opened(held.account.name),
            Outcome::Known(held) => Imported::Known(held.account.name),
            Outcome::Refused(refusal) => Imported::Refused(refusal),
        })
    }

    /// Why nobody may come to this name who comes with it, though no account has it.
    async fn in_the_way(
        &self,
        book: &Book,
        tenant: &Tenant,
        import: &Import,
        name: &Name,
    ) -> Result<Option<Refusal>, ProvisionError> {
        let tenant = tenant.id();
        let occupied = || Some(Refusal::host(HostCode::HomeExists));
        if import.adopt && self.strays.has(tenant, name).await? {
            // What is there and no folder shows when it is taken over; where nothing is, it is looked for.
            let blocked = import.dry_run
                && self.homes.site(tenant, name).await? == Site::Occupied
                && !self.homes.has_folder(tenant, name).await?;
            return Ok(if blocked { occupied() } else { None });
        }
        // Nothing is there to be taken over: it is a new name, as anybody's.
        if let Err(why) = Name::try_from(name.as_str().to_owned()) {
            return Ok(Some(unusable(why)));
        }
        if book.looks_alike(name)? {
            return Ok(Some(unusable(Unusable::LooksAlike)));
        }
        let kept = self.strays.keep(tenant, name, import.dry_run).await?;
        Ok(if kept { occupied() } else { None })
    }
}

/// Says no, and puts it into the record unless nothing shall come of it.
async fn turn_away(
    book: &Book,
    import: &Import,
    name: String,
    refusal: Refusal,
) -> Result<Imported, ProvisionError> {
    if !import.dry_run {
        refuse(book, Act::import(import.request_id.clone(), name), refusal.clone()).await?;
    }
    Ok(Imported::Refused(refusal))
}
