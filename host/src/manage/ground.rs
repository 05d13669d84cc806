//! The ground that tenants' homes stand on: where each one's are, and which places are out of the question.
//! Refuses a home root that shares a folder with another tenant's, by whichever links the two are reached, and one that has the
//! server's own files below it.

use crate::domain::TenantName;
use crate::homes::Style;
use crate::ledger::Site;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Where things are on this machine, as the settings say.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Where the homes of tenants are that have no place of their own.
    pub data_dir: PathBuf,
    /// The database's folder.
    pub database_dir: PathBuf,
    /// Homes of tenant `default`.
    pub home_root: PathBuf,
    /// How homes are made.
    pub style: Style,
    /// The ankisyncd database of tenant `default`, if it has one by the settings.
    pub auth_db: Option<PathBuf>,
}

impl Ground {
    /// Where the homes of a tenant are: in its own place, or in the one that follows from its name.
    pub fn root_of(&self, name: &TenantName, own: Option<&Path>) -> PathBuf {
        match own {
            Some(own) => own.to_owned(),
            None if *name == TenantName::default_tenant() => self.home_root.clone(),
            None => self.tenants().join(name.as_str()).join("homes"),
        }
    }

    /// The ankisyncd database of a tenant: its own, or for tenant `default` the one of the settings.
    pub fn auth_db_of(&self, name: &TenantName, own: Option<&Path>) -> Option<PathBuf> {
        let said = self.auth_db.as_deref().filter(|_| *name == TenantName::default_tenant());
        own.or(said).map(Path::to_owned)
    }

    /// Where tenants have their homes that follow from their names.
    pub fn tenants(&self) -> PathBuf {
        self.data_dir.join("tenants")
    }

    /// Which of the server's own folders would be `root`, without links, or below it. Inside the data folder is where homes
    /// belong; the other way round they would hold the server's own files.
    pub fn ours_below(&self, root: &Path) -> io::Result<Option<String>> {
        for (own, what) in [
            (&self.data_dir, "the data folder"),
            (&self.database_dir, "the folder of the database"),
        ] {
            if resolved(own)?.starts_with(root) {
                return Ok(Some(format!("{what}, {}", own.display())));
            }
        }
        Ok(None)
    }

    /// What a home root at `root` for the tenant `name` would overlap with, if with anything. Links are followed; what is not
    /// there yet counts as what it would be.
    pub fn overlap(
        &self,
        name: &TenantName,
        root: &Path,
        sites: &[Site],
    ) -> io::Result<Option<String>> {
        let found = resolved(root)?;
        if let Some(ours) = self.ours_below(&found)? {
            return Ok(Some(ours));
        }
        self.meets(name, root, sites)
    }

    /// The same of other tenants' home roots alone.
    pub fn meets(
        &self,
        name: &TenantName,
        root: &Path,
        sites: &[Site],
    ) -> io::Result<Option<String>> {
        let found = resolved(root)?;
        for site in sites.iter().filter(|site| site.name != *name) {
            let theirs = self.root_of(&site.name, site.home.as_deref());
            // A place that cannot be followed now is nowhere that anybody could go.
            let Ok(taken) = resolved(&theirs) else { continue };
            if taken.starts_with(&found) || found.starts_with(&taken) {
                let removed = if site.removed { "removed " } else { "" };
                let (name, place) = (&site.name, theirs.display());
                return Ok(Some(format!("the home root of {removed}tenant {name}, {place}")));
            }
        }
        Ok(None)
    }
}

/// A file, by whichever path it is reached: links and hard links lead to one.
#[derive(Clone, Debug)]
pub struct SameFile {
    path: PathBuf,
    /// Device and number; none while it is not there.
    inode: Option<(u64, u64)>,
}

impl SameFile {
    /// The file that this path leads to, or will.
    pub fn at(path: &Path) -> io::Result<Self> {
        let path = resolved(path)?;
        let inode = match path.metadata() {
            Ok(found) => Some((found.dev(), found.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path, inode })
    }

    /// Whether both are one.
    pub fn is(&self, other: &Self) -> bool {
        self.path == other.path || (self.inode.is_some() && self.inode == other.inode)
    }
}

/// The path without links, as far as it is there; the rest as it is spelt.
pub fn resolved(path: &Path) -> io::Result<PathBuf> {
    let mut missing: Vec<OsString> = Vec::new();
    let mut there = path;
    loop {
        match there.canonicalize() {
            Ok(mut found) => {
                found.extend(missing.iter().rev());
                return Ok(found);
            }
            // A link to nothing is in the way of whatever would be made there.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !there.is_symlink() => {
                match (there.parent(), there.components().next_back()) {
                    (Some(parent), Some(Component::Normal(last))) => {
                        missing.push(last.to_owned());
                        there = parent;
                    }
                    _ => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ground, SameFile, Style};
    use crate::domain::{TenantId, TenantName};
    use crate::ledger::Site;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn name(text: &str) -> TenantName {
        TenantName::parse(text).expect("a name")
    }

    fn site(tenant: &str, home: Option<&Path>) -> Site {
        Site {
            id: TenantId(1),
            name: name(tenant),
            home: home.map(Path::to_owned),
            auth_db: None,
            auth_db_there: None,
            has_accounts: true,
            removed: false,
        }
    }

    #[test]
    fn no_home_root_overlaps_with_another_or_holds_the_servers_own_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path();
        let ground = Ground {
            data_dir: top.join("data"),
            database_dir: top.join("base/deep"),
            home_root: top.join("data/collections"),
            style: Style { mode: 0o750, group: None },
            auth_db: None,
        };
        std::fs::create_dir_all(top.join("data/collections")).expect("a home root");
        symlink(top.join("data/collections"), top.join("link")).expect("a link");
        symlink(top, top.join("round")).expect("a link");
        let sites = [site("default", None), site("own", Some(&top.join("own/place")))];
        let overlap = |tenant: &str, root: &Path| {
            ground.overlap(&name(tenant), root, &sites).expect("an answer")
        };
        for (root, with) in [
            ("data/collections", "tenant default"),
            ("data/collections/deeper/down", "tenant default"),
            ("link", "tenant default"),
            ("link/below", "tenant default"),
            ("round/data/collections/x", "tenant default"),
            ("own", "tenant own"),
            ("own/place", "tenant own"),
            ("own/place/x", "tenant own"),
            ("data", "the data folder"),
            ("", "the data folder"),
            ("base", "the folder of the database"),
            ("base/deep", "the folder of the database"),
        ] {
            let found = overlap("new", &top.join(root)).unwrap_or_default();
            assert!(found.contains(with), "{root}: {found}");
        }
        for root in ["data/collections2", "data/tenants/new/homes", "own/place2", "elsewhere"] {
            assert_eq!(overlap("new", &top.join(root)), None, "{root}");
        }
        assert_eq!(
            overlap("own", &top.join("own/place/x")),
            None,
            "a tenant's own place is its own"
        );
    }

    #[test]
    fn a_file_is_one_by_whichever_path_it_is_reached() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| SameFile::at(&folder.path().join(name)).expect("an answer");
        std::fs::write(folder.path().join("file"), "x").expect("a file");
        std::fs::write(folder.path().join("other"), "x").expect("a file");
        symlink("file", folder.path().join("link")).expect("a link");
        symlink(folder.path(), folder.path().join("round")).expect("a link");
        std::fs::hard_link(folder.path().join("file"), folder.path().join("hard")).expect("a link");
        for same in ["file", "link", "round/file", "hard"] {
            assert!(at("file").is(&at(same)), "{same}");
        }
        assert!(at("missing").is(&at("round/missing")));
        assert!(!at("file").is(&at("other")) && !at("missing").is(&at("gone")));
    }

    #[test]
    fn a_link_to_nothing_is_no_place() {
        let folder = tempfile::tempdir().expect("a folder");
        symlink(folder.path().join("nothing"), folder.path().join("link")).expect("a link");
        assert!(super::resolved(&folder.path().join("link/x")).is_err());
    }
}
