//! New sessions from old ones, and the end of a session.

use std::{fs, path::Path};

use super::{LOG, Session};
use crate::{Error, event::EventKind};

impl Session {
    /// Starts a session that begins as another did: with its first `count` events, or
    /// all of them, and a copy of its files as they are now. Without a `name` one is
    /// made up. The other session may be open elsewhere.
    ///
    /// A prefix that ends within a run is a session whose run was cut off there.
    ///
    /// # Errors
    /// When there is no such session, it has fewer events, the new name is taken or
    /// cannot be a folder's, or something cannot be copied; nothing is left of the new
    /// session then.
    pub fn fork(
        root: &Path,
        id: &str,
        count: Option<usize>,
        name: Option<&str>,
    ) -> Result<Self, Error> {
        let mut events = Self::read(root, id)?;
        let count = count.unwrap_or(events.len());
        if count == 0 || count > events.len() {
            return Err(Error::NoSuchPrefix {
                id: id.to_owned(),
                count,
                most: events.len(),
            });
        }
        events.truncate(count);
        if let Some(name) = name
            && root.join(super::checked(name)?).exists()
        {
            return Err(Error::SessionExists {
                id: name.to_owned(),
            });
        }
        let mut fork = Self::open(root, name)?;
        let copied = fork.copy_of(
            root,
            id,
            events.into_iter().map(|event| (event.time, event.kind)),
        );
        if let Err(error) = copied {
            let new = fork.id.clone();
            drop(fork);
            Self::remove(root, &new)?;
            return Err(error);
        }
        Ok(fork)
    }

    fn copy_of(
        &mut self,
        root: &Path,
        id: &str,
        events: impl Iterator<Item = (jiff::Timestamp, EventKind)>,
    ) -> Result<(), Error> {
        let from = Self::files_of(root, id)?;
        let to = self.make_files()?;
        for entry in crate::files::list(&from)? {
            crate::files::copy_out(&from, &entry.artifact.name, &to, false)?;
        }
        for (time, mut kind) in events {
            if let EventKind::SessionStarted { session, .. } | EventKind::RunEnded { session, .. } =
                &mut kind
            {
                session.clone_from(&self.id);
            }
            self.append_at(time, kind)?;
        }
        Ok(())
    }

    /// Removes a session and its files.
    ///
    /// # Errors
    /// When there is no such session, another process has it open, or it cannot be
    /// removed.
    pub fn remove(root: &Path, id: &str) -> Result<(), Error> {
        let folder = root.join(super::checked(id)?);
        let path = folder.join(LOG);
        let fail = |source| Error::Session {
            path: path.clone(),
            source,
        };
        let log = match fs::File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NoSession { id: id.to_owned() });
            }
            other => other.map_err(fail)?,
        };
        if log.try_lock().is_err() {
            return Err(Error::SessionInUse { id: id.to_owned() });
        }
        fs::remove_dir_all(&folder).map_err(fail)
    }
}
