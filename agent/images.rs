//! Pictures that a user shows: files in the session's folder, of which events hold the
//! names.

use std::{
    io::{Read, Write},
    path::Path,
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use glm_agent_model::{Conversation, Message, image::Picture};
use glm_agent_sandbox::files;
use glm_agent_tools::Artifact;
use sha2::{Digest, Sha256};

use crate::Error;

/// The folder below the session's where they are kept.
const FOLDER: &str = "images";
/// Bytes of one at most: more than a picture of the largest size takes.
const LARGEST: u64 = 16_000_000;
/// Digits of the hash in a name.
const DIGITS: usize = 16;

/// Keeps pictures in a session's folder, under names that tell their content.
pub(crate) fn keep(pictures: &[Picture], folder: &Path) -> Result<Vec<Artifact>, Error> {
    let keep = |picture: &Picture| {
        let form = picture.media_type.trim_start_matches("image/");
        let name = format!("{FOLDER}/{}.{form}", hash(&picture.bytes));
        if read(folder, &name).is_none() {
            std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
            // What else has the name is no picture of the user's.
            let _ = std::fs::remove_file(folder.join(&name));
            let written = files::create(folder, &name)?.write_all(&picture.bytes);
            written.map_err(Error::file("write", folder.join(&name)))?;
        }
        Ok(Artifact {
            name,
            media_type: picture.media_type.to_owned(),
            size: picture.bytes.len() as u64,
        })
    };
    pictures.iter().map(keep).collect()
}

/// Gives a conversation's pictures their content, for an engine.
pub(crate) fn attach(conversation: &mut Conversation, folder: Option<&Path>) -> Result<(), Error> {
    for message in &mut conversation.messages {
        if let Message::Image(image) = message {
            let bytes = folder.and_then(|folder| read(folder, &image.name));
            let bytes = bytes.ok_or_else(|| Error::ImageGone {
                name: image.name.clone(),
            })?;
            let data = BASE64_STANDARD.encode(bytes);
            let url = format!("data:{};base64,{data}", image.media_type);
            image.url = Some(Arc::from(url));
        }
    }
    Ok(())
}

/// Pictures that a session shows, to be shown again.
///
/// # Errors
/// When one is not there any more, or was changed.
pub fn shown(folder: &Path, images: &[Artifact]) -> Result<Vec<Picture>, Error> {
    let picture = |image: &Artifact| {
        let bytes = read(folder, &image.name).ok_or_else(|| Error::ImageGone {
            name: image.name.clone(),
        })?;
        Ok(Picture {
            bytes,
            media_type: match image.media_type.as_str() {
                "image/jpeg" => "image/jpeg",
                _ => "image/png",
            },
        })
    };
    images.iter().map(picture).collect()
}

/// A picture as it was kept: code that runs in the folder may have changed it.
fn read(folder: &Path, name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = files::open(folder, name).ok()?;
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    name.contains(&hash(&bytes)).then_some(bytes)
}

fn hash(bytes: &[u8]) -> String {
    let mut digits = format!("{:x}", Sha256::digest(bytes));
    digits.truncate(DIGITS);
    digits
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use glm_agent_model::message::Image;

    use super::*;

    fn picture() -> Picture {
        Picture {
            bytes: b"a picture".to_vec(),
            media_type: "image/png",
        }
    }

    fn conversation(kept: &Artifact) -> Conversation {
        Conversation {
            messages: vec![Message::Image(Image {
                name: kept.name.clone(),
                media_type: kept.media_type.clone(),
                url: None,
            })],
            ..Conversation::default()
        }
    }

    #[test]
    fn what_is_kept_is_attached() {
        let folder = tempfile::tempdir().unwrap();
        let kept = keep(&[picture(), picture()], folder.path()).unwrap();
        assert_eq!(kept[0], kept[1]);
        let mut shown = conversation(&kept[0]);
        attach(&mut shown, Some(folder.path())).unwrap();
        let Message::Image(image) = &shown.messages[0] else {
            unreachable!()
        };
        assert_eq!(
            image.url.as_deref(),
            Some("data:image/png;base64,YSBwaWN0dXJl")
        );
    }

    #[test]
    fn what_was_changed_is_not_shown_and_can_be_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let kept = keep(&[picture()], folder.path()).unwrap();
        let path = folder.path().join(&kept[0].name);
        std::fs::write(&path, "another").unwrap();
        let error = attach(&mut conversation(&kept[0]), Some(folder.path())).unwrap_err();
        assert!(matches!(error, Error::ImageGone { .. }), "{error}");
        keep(&[picture()], folder.path()).unwrap();
        attach(&mut conversation(&kept[0]), Some(folder.path())).unwrap();
        let again = shown(folder.path(), &kept).unwrap();
        assert_eq!(again, [picture()]);
    }
}
