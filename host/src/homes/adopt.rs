//! A folder that is there already and becomes a home because somebody with the right to say so says so, whatever it holds.
//! Refuses to touch it: content, mode and owner stay; and to take a link or a file for a folder.

use crate::domain::{Name, TenantId};
use crate::homes::{Home, HomeError, Homes, Root, off_the_worker, storage};
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use std::sync::Arc;

impl Homes {
    /// The folder of `name` as it is, its entry durable when this returns; none when nothing is there.
    pub async fn adopt(&self, tenant: TenantId, name: &Name) -> Result<Option<Home>, HomeError> {
        let root = self.root(tenant)?;
        let name = name.as_str().to_owned();
        off_the_worker(move || Root::adopt(root, name)).await
    }
}

impl Root {
    fn adopt(self: Arc<Self>, name: String) -> Result<Option<Home>, HomeError> {
        let path = self.path.join(&name);
        let found = match rustix::fs::statat(&self.directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(storage(&path, errno)),
        };
        if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
            return Err(HomeError::Occupied(path));
        }
        // Whoever made it may not have waited for the disk.
        rustix::fs::fsync(&self.directory).map_err(|errno| storage(&path, errno))?;
        Ok(Some(Home { root: self, name, made: false }))
    }
}
