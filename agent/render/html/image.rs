//! Images that calls made, as part of the page.

use std::{io::Read, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use glm_agent_sandbox::files;
use glm_agent_tools::Artifact;

/// Largest image, and all of a page's, in bytes.
const LARGEST: u64 = 4_000_000;
const ALL: u64 = 24_000_000;

/// What browsers show as an image. A drawing in SVG is an image here and no document:
/// what it would run or load, it does not.
const TYPES: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/svg+xml",
];

/// The images of a session's folder.
pub(super) struct Images<'f> {
    folder: Option<&'f Path>,
    room: u64,
}

pub(super) enum Image {
    /// It is no image, or there are no files.
    None,
    /// Its address, which holds all of it.
    Shown(String),
    /// Why it is not in the page.
    LeftOut(&'static str),
}

impl<'f> Images<'f> {
    pub fn new(folder: Option<&'f Path>) -> Self {
        Self { folder, room: ALL }
    }

    /// A file that a call made, as the call left it.
    pub fn of(&mut self, artifact: &Artifact) -> Image {
        let media_type = TYPES
            .into_iter()
            .find(|known| *known == artifact.media_type);
        let Some((folder, media_type)) = self.folder.zip(media_type) else {
            return Image::None;
        };
        if artifact.size > LARGEST {
            return Image::LeftOut("it is too large");
        }
        if artifact.size > self.room {
            return Image::LeftOut("the page has enough images");
        }
        // Links are not followed: what is there was named by a model's code.
        let Ok(file) = files::open(folder, &artifact.name) else {
            return Image::LeftOut("it is not there any more");
        };
        let mut bytes = Vec::new();
        if file.take(LARGEST + 1).read_to_end(&mut bytes).is_err() {
            return Image::LeftOut("it cannot be read");
        }
        if bytes.len() as u64 != artifact.size {
            return Image::LeftOut("it was changed later");
        }
        self.room -= artifact.size;
        let data = BASE64_STANDARD.encode(bytes);
        Image::Shown(format!("data:{media_type};base64,{data}"))
    }
}
