//! Files that calls make.

use std::path::Path;

use serde::{Deserialize, Serialize};
use url::Url;

/// A file that a call made or changed in its session's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl Artifact {
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
