//! What stands in a home root, read a part at a time on the file system's own thread, so that whoever looks for one name does not
//! wait for all of them.
//! Refuses to follow a link, and to say what a folder holds: only whether it is an empty one of ours.

use crate::domain::TenantId;
use crate::homes::{HomeError, Homes, Opened, Site, storage};
use rustix::fs::Dir;
use rustix::io::Errno;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Names of one part: short enough that nobody notices the thread being away.
const PART: usize = 256;

/// A home root that is being read.
#[derive(Debug)]
pub struct Listing {
    tenant: TenantId,
    opened: Opened,
    /// None at the end.
    rest: Option<Dir>,
}

impl Homes {
    /// Begins to read what stands in a tenant's home root.
    pub async fn listing(&self, tenant: TenantId) -> Result<Listing, HomeError> {
        let opened = self.open(tenant).await?;
        let root = Arc::clone(&opened.root);
        let rest = opened.file_system.look(tenant, move || root.entries()).await?;
        Ok(Listing { tenant, opened, rest: Some(rest) })
    }

    /// When something was last put into a tenant's home root, or taken away.
    pub async fn changed_at(&self, tenant: TenantId) -> Result<SystemTime, HomeError> {
        let Opened { root, file_system } = self.open(tenant).await?;
        file_system.look(tenant, move || root.changed_at()).await
    }

    /// Whether the tenant has a home root at all, open or not.
    pub fn knows(&self, tenant: TenantId) -> bool {
        self.read().contains_key(&tenant)
    }
}

impl Listing {
    /// The root that is read.
    pub fn path(&self) -> &Path {
        self.opened.root.path()
    }

    /// Some more names; none at the end. A name that is no text is left out: nobody can ask for it.
    pub async fn next(&mut self) -> Result<Vec<String>, HomeError> {
        let mut names = Vec::new();
        // A part may be of such names alone.
        while names.is_empty()
            && let Some(mut rest) = self.rest.take()
        {
            let root = Arc::clone(&self.opened.root);
            let read = move || {
                let mut part = Vec::with_capacity(PART);
                while part.len() < PART {
                    let Some(entry) = rest.read() else { return Ok((part, None)) };
                    let entry = entry.map_err(|errno: Errno| storage(root.path(), errno))?;
                    part.push(entry.file_name().to_bytes().to_vec());
                }
                Ok((part, Some(rest)))
            };
            let (part, rest) = self.opened.file_system.look(self.tenant, read).await?;
            self.rest = rest;
            let texts = part.into_iter().filter_map(|name| String::from_utf8(name).ok());
            names.extend(texts.filter(|name| name != "." && name != ".."));
        }
        Ok(names)
    }

    /// Those of these names under which something stands that is not an empty folder of ours.
    pub async fn occupied(&self, names: Vec<String>) -> Result<Vec<String>, HomeError> {
        let root = Arc::clone(&self.opened.root);
        let look = move || {
            let mut occupied = Vec::new();
            for name in names {
                if root.site(&name)? == Site::Occupied {
                    occupied.push(name);
                }
            }
            Ok(occupied)
        };
        self.opened.file_system.look(self.tenant, look).await
    }
}
