//! How much stands in a home: files and their bytes, counted by walking it, a little at a time.
//! Refuses to follow a link, to leave the file system, and to keep others waiting: after every piece of the walk it queues up again.

use crate::domain::TenantId;
use crate::homes::{HomeError, Homes, Opened, Root, storage};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What stands in a home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Of all files together; one with several names counts once for each.
    pub bytes: u64,
    /// Files; folders and links are none.
    pub files: u64,
    /// False where there is more: what could not be read, lies too deep, is on another file system, or is too much to be counted now.
    pub complete: bool,
}

/// Entries that are looked at before others have their turn, and how long that may take.
const PIECE: usize = 1024;
const PIECE_WITHIN: Duration = Duration::from_millis(20);

/// Entries that are looked at in all.
const ENTRIES: usize = 200_000;

/// Folders inside of each other: each holds a descriptor.
const DEPTH: usize = 32;

/// A walk that was begun: the folders on the way to where it stands.
#[derive(Debug)]
struct Walk {
    path: Vec<(OwnedFd, Dir)>,
    device: u64,
    found: Stored,
    entries: usize,
}

impl Homes {
    /// What stands in the home of `name`, as far as it is counted until then.
    pub async fn stored(
        &self,
        tenant: TenantId,
        name: &str,
        until: Instant,
    ) -> Result<Stored, HomeError> {
        let Opened { root, file_system } = self.open(tenant).await?;
        let own = name.to_owned();
        let begin = move || {
            let walk = Walk::begin(&root, &own);
            walk.map_err(|errno| storage(&root.path().join(&own), errno))
        };
        let mut walk = file_system.look(tenant, begin).await?;
        while !walk.path.is_empty() && walk.entries < ENTRIES && Instant::now() < until {
            walk = file_system.look(tenant, move || Ok(walk.go_on())).await?;
        }
        let complete = walk.found.complete && walk.path.is_empty();
        Ok(Stored { complete, ..walk.found })
    }
}

impl Walk {
    fn begin(root: &Arc<Root>, name: &str) -> Result<Self, Errno> {
        let folder = root.enter(name)?;
        let listing = Dir::read_from(&folder)?;
        let found = Stored { complete: true, ..Stored::default() };
        Ok(Self { path: vec![(folder, listing)], device: root.device(), found, entries: 0 })
    }

    /// A piece of the walk.
    fn go_on(mut self) -> Self {
        let began = Instant::now();
        for _ in 0..PIECE {
            let Some((folder, listing)) = self.path.last_mut() else { break };
            let Some(entry) = listing.read() else {
                self.path.pop();
                continue;
            };
            self.entries += 1;
            let inside = entry.and_then(|entry| match entry.file_name().to_bytes() {
                b"." | b".." => Ok(None),
                _ => look(folder, entry.file_name(), self.device, &mut self.found),
            });
            match inside {
                Ok(None) => {}
                Ok(Some(inside)) if self.path.len() < DEPTH => self.path.push(inside),
                // It may have gone meanwhile: then there is nothing to count.
                Err(Errno::NOENT) => {}
                Ok(Some(_)) | Err(_) => self.found.complete = false,
            }
            if began.elapsed() > PIECE_WITHIN {
                break;
            }
        }
        self
    }
}

/// Counts a file; a folder is given back, open.
fn look(
    folder: &OwnedFd,
    name: &std::ffi::CStr,
    device: u64,
    found: &mut Stored,
) -> Result<Option<(OwnedFd, Dir)>, Errno> {
    let entry = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(entry.st_mode) {
        FileType::RegularFile => {
            found.files += 1;
            found.bytes = found.bytes.saturating_add(entry.st_size.unsigned_abs());
            Ok(None)
        }
        FileType::Directory if entry.st_dev != device => Err(Errno::XDEV),
        FileType::Directory => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let inside = rustix::fs::openat(folder, name, flags, Mode::empty())?;
            let listing = Dir::read_from(&inside)?;
            Ok(Some((inside, listing)))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPTH, Stored};
    use crate::domain::TenantId;
    use crate::homes::{Homes, Root, Style};
    use std::fs;
    use std::time::{Duration, Instant};

    #[tokio::test]
    async fn files_are_counted_links_are_not_followed_and_what_lies_too_deep_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().join("homes/ann");
        fs::create_dir_all(home.join("a/b")).expect("folders");
        fs::write(home.join("one"), "12345").expect("a file");
        fs::write(home.join("a/b/two"), "123").expect("a file");
        fs::write(folder.path().join("outside"), "1234567").expect("a file");
        std::os::unix::fs::symlink(folder.path(), home.join("link")).expect("a link");
        std::os::unix::fs::symlink("../../outside", home.join("a/file")).expect("a link");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("homes/all")).expect("a link");
        for i in 0..3000 {
            fs::write(home.join(format!("a/{i}")), "x").expect("a file");
        }
        let style = Style { mode: 0o750, group: None };
        let root = Root::make(&folder.path().join("homes"), style).expect("a root");
        let (homes, tenant) = (Homes::default(), TenantId(1));
        homes.settle(tenant, root).expect("a home root");
        let later = || Instant::now() + Duration::from_secs(60);

        let found = homes.stored(tenant, "ann", later()).await.expect("a count");
        assert_eq!(found, Stored { bytes: 3008, files: 3002, complete: true });
        assert!(homes.stored(tenant, "nobody", later()).await.is_err());
        assert!(homes.stored(tenant, "all", later()).await.is_err(), "a link is no home");
        let hurried = homes.stored(tenant, "ann", Instant::now()).await.expect("a count");
        assert!(!hurried.complete, "{hurried:?}");

        let mut deep = home.join("deep");
        (0..DEPTH).for_each(|_| deep.push("d"));
        fs::create_dir_all(&deep).expect("folders");
        fs::write(deep.join("three"), "1").expect("a file");
        let found = homes.stored(tenant, "ann", later()).await.expect("a count");
        assert_eq!(found, Stored { bytes: 3008, files: 3002, complete: false });
    }
}
