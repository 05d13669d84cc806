//! Folders against accounts, both ways: every account has its home, and what has no account is told.
//! Refuses to say whose a folder is.

use crate::homes::{HomeError, Kind, Standing, View};
use crate::kill_point;
use crate::ledger::{HeldName, LedgerFile, ReservedName, Site, SurveyedTenant};
use crate::upkeep::doctor::{Cure, Report};
use crate::upkeep::restore::is_the_systems;
use crate::upkeep::{Place, UpkeepError, at};
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

/// Homes that were taken over, told of one note.
const SHOWN: usize = 5;

/// What to do with a folder that is nobody's.
const WHOSE: &str =
    "if you know whose it is: enlist account create NAME --username … --adopt. Else move it away";

pub(super) fn look(
    place: &Place,
    ledger: LedgerFile,
    tenants: &[SurveyedTenant],
    report: &mut Report,
) -> Result<(), UpkeepError> {
    let fail = || at(&place.database);
    let sites: Vec<_> = tenants.iter().map(|tenant| tenant.site.clone()).collect();
    overlaps(place, &sites, report);
    let mut known = Vec::new();
    for site in sites.iter().filter(|site| !site.removed) {
        let held = ledger.held(site.id).map_err(fail())?;
        known.push((site, held, ledger.reserved(site.id).map_err(fail())?));
    }
    // Folders are looked at after the accounts, for a folder is there first. What a server opens meanwhile is looked up again.
    ledger.let_go().map_err(fail())?;
    kill_point::reach("doctor_accounts_read");
    for (site, held, reserved) in known {
        root(&Tree { place, ledger: &ledger, site, held, reserved }, report)?;
    }
    Ok(())
}

/// A tenant's names, and where their folders are.
struct Tree<'a> {
    place: &'a Place,
    ledger: &'a LedgerFile,
    site: &'a Site,
    held: Vec<HeldName>,
    reserved: Vec<ReservedName>,
}

/// Two tenants in one folder would take each other's homes for their own: the server opens only the older one's.
fn overlaps(place: &Place, sites: &[Site], report: &mut Report) {
    for (at, site) in sites.iter().enumerate().filter(|(_, site)| !site.removed) {
        let root = place.root_of(site);
        if let Ok(Some(what)) = place.ground.meets(&site.name, &root, &sites[..at]) {
            let found =
                format!("{}: its home root {} overlaps with {what}", site.name, root.display());
            let advice = "give it another: enlist tenant set --home DIR";
            report.fault("home_roots_overlap", found, advice);
        }
    }
}

fn root(tree: &Tree<'_>, report: &mut Report) -> Result<(), UpkeepError> {
    let path = tree.place.root_of(tree.site);
    let tenant = tree.site.name.as_str();
    let living = tree.held.iter().filter(|held| !held.erased).count();
    let view = match View::open(&path) {
        Ok(view) => view,
        Err(HomeError::Storage { source, .. }) => {
            if living > 0 || source.kind() != io::ErrorKind::NotFound {
                let found = format!(
                    "{tenant}: {}, the home root of {living} accounts, cannot be read: {source}",
                    path.display()
                );
                report.fault("home_root", found, "is its file system mounted?");
            }
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let names = view.names()?;
    let expected = living + tree.reserved.len();
    // Where there are accounts the server opens it no more than this mends it; a reserved name alone is given back.
    if !bears_out(tree, &view)? && (living > 0 || names.is_empty() && expected > 1) {
        let found = format!(
            "{tenant}: {} holds none of the {expected} folders that should be there",
            view.path().display()
        );
        let advice = "is its file system mounted? Nothing is mended there: mount it, or copy a folder back, or make one";
        report.fault("home_root", found, advice);
        return Ok(());
    }
    let mut others = Vec::new();
    for held in tree.held.iter().filter(|held| !held.erased) {
        home(tree, &view, held, &mut others, report)?;
    }
    as_others_made_them(tree, &others, report);
    reservations(tree, &view, report)?;
    let held: HashSet<_> = tree.held.iter().map(|held| held.name.as_str()).collect();
    let reserved: HashSet<_> = tree.reserved.iter().map(|name| name.name.as_str()).collect();
    for name in names {
        let text = name.to_str();
        if text.is_some_and(|t| held.contains(t) || reserved.contains(t) || is_the_systems(t)) {
            continue;
        }
        // Opened since the accounts were read.
        let opened = |text| tree.ledger.is_held(tree.site.id, text);
        if text.map(opened).transpose().map_err(at(&tree.place.database))? == Some(true) {
            continue;
        }
        nobodys(&view, tenant, view.path().join(name), report)?;
    }
    Ok(())
}

/// Whether something stands at least at one place where something should: else this may be the empty folder that a disk belongs on.
fn bears_out(tree: &Tree<'_>, view: &View) -> Result<bool, UpkeepError> {
    let living = tree.held.iter().filter(|held| !held.erased).map(|held| &held.name);
    for name in living.chain(tree.reserved.iter().map(|reserved| &reserved.name)) {
        if view.standing(name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The home of an account. One that was taken over and is not as configured goes to `others`.
fn home<'a>(
    tree: &Tree<'_>,
    view: &View,
    held: &'a HeldName,
    others: &mut Vec<&'a str>,
    report: &mut Report,
) -> Result<(), UpkeepError> {
    let (tenant, root) = (tree.site.name.as_str(), view.path().to_owned());
    let name = held.name.as_str();
    let path = root.join(name);
    let shown = path.display();
    let style = tree.place.ground.style;
    match view.standing(name)? {
        None => {
            let found = format!("{tenant}: {name} has no folder: nothing is at {shown}");
            let advice =
                "copy it back from a backup of the folders; enlist doctor --fix makes an empty one";
            let name = name.to_owned();
            report.fault("home_missing", found, advice).cured_by(Cure::MakeHome { root, name });
        }
        Some(Standing { kind: Kind::Folder, mode, group }) => {
            let group = (group, style.group.unwrap_or(group));
            let is_dressed = mode == style.mode && group.0 == group.1;
            if !is_dressed && held.adopted {
                others.push(name);
            } else if !is_dressed {
                let found = format!(
                    "{tenant}: {shown} has mode {mode:04o} and group {}, configured are {:04o} and {}",
                    group.0, style.mode, group.1
                );
                let name = name.to_owned();
                report
                    .fault("home_mode", found, "enlist doctor --fix sets them")
                    .cured_by(Cure::DressHome { root, name });
            }
        }
        Some(Standing { kind, .. }) => {
            let what = if kind == Kind::Link { "a link" } else { "no folder" };
            let found = format!("{tenant}: the home of {name} is {what}: {shown}");
            report.fault(
                "home_not_a_folder",
                found,
                "put the folder itself there: homes are never reached through a link",
            );
        }
    }
    Ok(())
}

/// The program that made them may have no other way in than by the mode that it gave them.
fn as_others_made_them(tree: &Tree<'_>, names: &[&str], report: &mut Report) {
    if names.is_empty() {
        return;
    }
    let some = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let (tenant, count, mode) = (&tree.site.name, names.len(), tree.place.ground.style.mode);
    let found = format!(
        "{tenant}: {count} homes were taken over as they were and have another mode or group than configured, {mode:04o}: {some}{more}"
    );
    let advice = "nothing, if whoever made them still uses them. Else chmod and chgrp them by hand";
    report.note("home_mode", found, advice);
}

fn reservations(tree: &Tree<'_>, view: &View, report: &mut Report) -> Result<(), UpkeepError> {
    let tenant = tree.site.name.as_str();
    for reserved in &tree.reserved {
        let (name, path) = (&reserved.name, view.path().join(&reserved.name));
        let there = view.standing(name)?.is_some();
        let found = format!(
            "{tenant}: nobody gets the name {name}: {} {} there when an older backup was restored",
            path.display(),
            if there { "is newer, and was" } else { "is gone, and was" }
        );
        if there {
            report.note("name_reserved", found, WHOSE);
        } else {
            let advice = "enlist doctor --fix gives the name back";
            let (tenant, key) = (tree.site.id, reserved.key.clone());
            report.note("name_reserved", found, advice).cured_by(Cure::Release { tenant, key });
        }
    }
    Ok(())
}

/// Something that has no account and no reservation.
fn nobodys(
    view: &View,
    tenant: &str,
    path: PathBuf,
    report: &mut Report,
) -> Result<(), UpkeepError> {
    let name = path.file_name().unwrap_or_default();
    let Some(standing) = view.standing(name)? else { return Ok(()) };
    let shown = path.display();
    if standing.kind == Kind::Folder && view.is_empty(name)? {
        let found = format!("{tenant}: {shown} is empty and has no account");
        let advice = "nothing: it was left by a crash or by hand, and the next request for its name takes it over";
        report.note("folder_empty", found, advice);
    } else {
        let found = format!("{tenant}: {shown} has no account, and nobody gets its name");
        report.note("folder_without_account", found, WHOSE);
    }
    Ok(())
}
