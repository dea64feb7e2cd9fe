//! Files that calls make.

use std::{io::Write, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// A file that a call made or changed in its session's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// Its path below the session's folder, with `/` between the parts. The tool
    /// chose it, so it may hold whatever a name of a file may.
    pub name: String,
    /// Its media type, such as `image/png`.
    pub media_type: String,
    /// In bytes.
    pub size: u64,
}

impl From<glm_agent_sandbox::Artifact> for Artifact {
    fn from(file: glm_agent_sandbox::Artifact) -> Self {
        let glm_agent_sandbox::Artifact {
            name,
            media_type,
            size,
        } = file;
        Self {
            name,
            media_type,
            size,
        }
    }
}

/// The folder below the session's for what tools return and cannot say.
const OUTPUTS: &str = "outputs";

impl Artifact {
    /// Keeps what a call returned as a file in its session's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(
        directory: &Path,
        call: &str,
        media_type: &str,
        content: &[u8],
    ) -> std::io::Result<Self> {
        let folder = directory.join(OUTPUTS);
        std::fs::create_dir_all(&folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(&format!("{call}-"))
            .suffix(suffix(media_type))
            .rand_bytes(4)
            .tempfile_in(&folder)?;
        file.write_all(content)?;
        let (_, path) = file.keep().map_err(|error| error.error)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            name: format!("{OUTPUTS}/{name}"),
            media_type: media_type.to_owned(),
            size: content.len() as u64,
        })
    }

    /// Whether a file of this name keeps what a call returned, and was not made by it.
    pub fn is_output(name: &str) -> bool {
        Path::new(name).starts_with(OUTPUTS)
    }

    /// Whether a file of this name keeps what this call returned.
    pub fn is_output_of(name: &str, call: &str) -> bool {
        let kept = name.strip_prefix(OUTPUTS).and_then(|n| n.strip_prefix('/'));
        let rest = kept.and_then(|name| name.strip_prefix(call));
        rest.is_some_and(|rest| rest.starts_with('-'))
    }

    /// Its address below the session's folder, for people to open; `None` where
    /// there is none, as for a name that does not lead below it.
    pub fn url(&self, folder: &Path) -> Option<Url> {
        let below = Path::new(&self.name).components();
        let leads_down = below
            .into_iter()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        let path = std::path::absolute(folder.join(&self.name)).ok()?;
        Url::from_file_path(path).ok().filter(|_| leads_down)
    }
}

/// What names of files of this type end in.
fn suffix(media_type: &str) -> &'static str {
    match media_type.split(';').next().unwrap_or_default().trim() {
        "application/json" => ".json",
        "application/pdf" => ".pdf",
        "application/zip" => ".zip",
        "audio/mpeg" => ".mp3",
        "audio/wav" | "audio/x-wav" => ".wav",
        "image/gif" => ".gif",
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/svg+xml" => ".svg",
        "image/webp" => ".webp",
        "text/csv" => ".csv",
        "text/html" => ".html",
        media_type if media_type.starts_with("text/") => ".txt",
        _ => ".bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_escaped_and_below_the_folder() {
        let url = |name: &str| {
            let artifact = Artifact {
                name: name.into(),
                media_type: "image/png".into(),
                size: 1,
            };
            artifact.url(Path::new("/s/files")).map(String::from)
        };
        assert_eq!(
            url("a b/ü\u{1b}.png").as_deref(),
            Some("file:///s/files/a%20b/%C3%BC%1B.png")
        );
        assert_eq!(url("../../etc/passwd"), None);
        assert_eq!(url("/etc/passwd"), None);
    }
}
