//! What a model's name tells of it.

use crate::Profile;

/// The profile by which a model of this name is prompted, if its family is known. The
/// name may be a path, an owner's, or that of a file.
pub fn profile_of(name: &str) -> Option<&'static Profile> {
    let name = plain(name);
    let has = |part: &str| name.contains(part);
    let profile = if has("smol-glm") {
        "smol-glm"
    } else if !has("glm") {
        return None;
    } else if has("glm-z1") {
        "glm-z1"
    } else if has("glm-edge") {
        "glm-edge"
    } else if has("glm-4.7") {
        "glm4.7"
    } else if has("glm-4.5") || has("glm-4.6") {
        "glm4.5"
    } else if has("0414") {
        "glm4-0414"
    } else if has("glm-4-9b") || has("glm4-9b") {
        match has("chat") {
            true => "glm4",
            // The base model's own name has nothing behind it but perhaps a form.
            false => "base",
        }
    } else {
        return None;
    };
    Profile::by_name(profile).ok()
}

/// Whether a model of this name sees images, if the name tells.
pub fn sees_images(name: &str) -> Option<bool> {
    let name = plain(name);
    let has = |part: &str| name.contains(part);
    if has("glm") {
        let versions = ["4v", "4.1v", "4.5v", "4.6v", "5v", "edge-v"];
        return Some(versions.iter().any(|version| has(version)));
    }
    let seeing = [
        "-vl",
        "vision",
        "llava",
        "pixtral",
        "internvl",
        "minicpm-v",
        "gemma-3",
        "gpt-4o",
        "gpt-4.1",
        "gpt-5",
        "smolvlm",
    ];
    seeing.iter().any(|part| has(part)).then_some(true)
}

/// A name in small letters, with `-` between its parts.
fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace(['_', ' '], "-");
    // `glm4-9b` and `glm45` are written, too.
    name.replace("glm4.", "glm-4.").replace("glm4v", "glm-4v")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_families() {
        for (name, expected) in [
            ("THUDM/glm-4-9b-chat", Some("glm4")),
            ("zai-org/glm-4-9b-chat-hf", Some("glm4")),
            ("/models/glm-4-9b-chat-1m.Q4_K_M.gguf", Some("glm4")),
            ("GLM-4-32B-0414", Some("glm4-0414")),
            ("zai-org/GLM-4-9B-0414", Some("glm4-0414")),
            ("THUDM/GLM-Z1-9B-0414", Some("glm-z1")),
            ("zai-org/GLM-4.5-Air-FP8", Some("glm4.5")),
            ("zai-org/GLM-4.6", Some("glm4.5")),
            ("glm4.7", Some("glm4.7")),
            ("glm-edge-1.5b-chat", Some("glm-edge")),
            ("THUDM/glm-4-9b", Some("base")),
            ("smol_glm.gguf", Some("smol-glm")),
            ("glm-4-plus", None),
            ("Qwen/Qwen3-8B", None),
        ] {
            assert_eq!(profile_of(name).map(Profile::name), expected, "{name}");
        }
    }

    #[test]
    fn names_tell_who_sees() {
        for (name, expected) in [
            ("THUDM/glm-4v-9b", Some(true)),
            ("zai-org/GLM-4.1V-9B-Thinking", Some(true)),
            ("zai-org/GLM-4.5V", Some(true)),
            ("THUDM/glm-4-9b-chat", Some(false)),
            ("smol-glm", Some(false)),
            ("Qwen/Qwen2.5-VL-7B", Some(true)),
            ("some-model", None),
        ] {
            assert_eq!(sees_images(name), expected, "{name}");
        }
    }
}
