//! What is decided about a model once its server was looked at.

use super::{
    RemoteOptions, Template, family,
    probe::{Found, Model},
    server::Server,
};
use crate::{Error, Profile};

/// How a model is spoken to.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model's name at the server.
    pub model: String,
    pub server: Server,
    /// The family's format, or [`Profile::chat`] where the server makes the prompts; tokens
    /// are chosen as the family's makers do.
    pub profile: Profile,
    /// Whether texts leave out the family's prefix, because the server adds it.
    pub leaves_out_prefix: bool,
    pub context: usize,
    /// Who says so.
    pub context_from: &'static str,
    pub sees_images: bool,
    /// Why prompts are made where they are.
    pub why: &'static str,
}

impl Plan {
    /// Decides, by what the user says and then by what was found.
    pub fn new(options: &RemoteOptions, found: &Found) -> Result<Self, Error> {
        let model = chosen(options, found)?;
        let names = || {
            [Some(model.id.as_str()), model.root.as_deref()]
                .into_iter()
                .flatten()
        };
        let own = options
            .profile
            .as_deref()
            .map(Profile::by_name)
            .transpose()?;
        // That the server makes prompts of messages is a profile, too.
        let own = own.filter(|profile| *profile != Profile::chat());
        let family = own.or_else(|| names().find_map(family::profile_of));
        let sees_images = options
            .images
            .or_else(|| names().find_map(family::sees_images));
        let sees_images = sees_images.unwrap_or(false);
        let (is_ours, why) = match options.template {
            Template::Server => (false, "as the settings say"),
            Template::Ours => (true, "as the settings say"),
            Template::Auto if own.is_some() => (true, "since a profile is set"),
            Template::Auto if sees_images => (false, "since images go with messages"),
            Template::Auto if family.is_none() => (false, "since the model's family is not known"),
            Template::Auto if !found.completes => (false, "since it completes no texts"),
            Template::Auto => (
                true,
                "since the model's family is known, and the server completes texts",
            ),
        };
        let profile = match family {
            Some(family) if is_ours => family.clone(),
            Some(family) => Profile {
                sampling: family.sampling(),
                ..Profile::chat().clone()
            },
            None if is_ours => return Err(Error::WhichProfile { model: model.id }),
            None => Profile::chat().clone(),
        };
        let published = family.unwrap_or(&profile).positions();
        let (context, context_from) = match (options.context, model.context) {
            (Some(tokens), _) => (tokens, "the settings"),
            (None, Some(tokens)) => (tokens, "the server"),
            (None, None) if family.is_some() => (published, "the model's family"),
            (None, None) => (published, "a guess"),
        };
        let adds_prefix = found
            .adds_prefix
            .unwrap_or_else(|| found.server.adds_prefix() && profile.published.adds_prefix);
        Ok(Self {
            server: found.server,
            profile,
            leaves_out_prefix: adds_prefix,
            context,
            context_from,
            sees_images,
            why,
            model: model.id,
        })
    }

    /// Whether prompts are made here.
    pub fn is_ours(&self) -> bool {
        self.profile.name() != Profile::chat().name()
    }
}

/// The model that the user named, or the only one.
fn chosen(options: &RemoteOptions, found: &Found) -> Result<Model, Error> {
    let url = || found.base.to_string();
    let known = || {
        let names: Vec<&str> = found
            .models
            .iter()
            .map(|m| m.id.as_str())
            .take(20)
            .collect();
        names.join(", ")
    };
    match (&options.model, found.models.as_slice()) {
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Error::WhichModel {
            url: url(),
            known: known(),
        }),
        (Some(name), models) => {
            if let Some(model) = models.iter().find(|model| model.id == *name) {
                return Ok(model.clone());
            }
            // These list what they must have; others list what they like.
            let is_complete = matches!(
                found.server,
                Server::Vllm { .. } | Server::Sglang | Server::LlamaCppPython
            );
            if is_complete && !models.is_empty() {
                return Err(Error::NotServed {
                    url: url(),
                    model: name.clone(),
                    known: known(),
                });
            }
            Ok(Model {
                id: name.clone(),
                root: None,
                // llama.cpp's server has one model, whatever it is called.
                context: match models {
                    [only] if found.server == Server::LlamaCpp => only.context,
                    _ => None,
                },
            })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reqwest::Url;

    use super::*;

    fn found(server: Server, models: &[(&str, Option<usize>)]) -> Found {
        Found {
            base: Url::parse("http://a/v1").unwrap(),
            server,
            version: None,
            models: models
                .iter()
                .map(|(id, context)| Model {
                    id: (*id).to_owned(),
                    root: None,
                    context: *context,
                })
                .collect(),
            completes: !matches!(server, Server::Zhipu | Server::OpenAi),
            adds_prefix: None,
        }
    }

    const VLLM: Server = Server::Vllm {
        has_structured_outputs: true,
    };

    fn plan(server: Server, model: &str) -> Plan {
        Plan::new(
            &RemoteOptions::new(["http://a"]),
            &found(server, &[(model, None)]),
        )
        .unwrap()
    }

    #[test]
    fn who_makes_prompts_is_told_by_server_and_name() {
        for (server, model, profile, leaves_out_prefix) in [
            (VLLM, "THUDM/glm-4-9b-chat", "glm4", false),
            (Server::Sglang, "THUDM/glm-4-9b-chat", "glm4", true),
            (Server::Transformers, "smol-glm", "smol-glm", false),
            (Server::LlamaCpp, "smol-glm.gguf", "smol-glm", false),
            (VLLM, "zai-org/GLM-4.5-Air", "glm4.5", false),
            (VLLM, "zai-org/GLM-4.1V-9B-Thinking", "chat", false),
            (VLLM, "Qwen/Qwen3-8B", "chat", false),
            (Server::Zhipu, "glm-4.5", "chat", false),
        ] {
            let plan = plan(server, model);
            assert_eq!(
                (plan.profile.name(), plan.leaves_out_prefix),
                (profile, leaves_out_prefix),
                "{model}"
            );
        }
    }

    #[test]
    fn what_the_user_says_goes_before() {
        let found = found(VLLM, &[("mine", Some(4096)), ("other", None)]);
        let options = RemoteOptions {
            model: Some("mine".into()),
            ..RemoteOptions::new(["http://a"])
        };
        let plan = Plan::new(&options, &found).unwrap();
        assert_eq!((plan.profile.name(), plan.context), ("chat", 4096));
        let options = RemoteOptions {
            profile: Some("glm4-0414".into()),
            context: Some(2048),
            ..options
        };
        let plan = Plan::new(&options, &found).unwrap();
        assert_eq!((plan.profile.name(), plan.context), ("glm4-0414", 2048));
    }

    #[test]
    fn what_cannot_be_told_is_asked_for() {
        let found = found(VLLM, &[("a", None), ("b", None)]);
        let error = |options: &RemoteOptions| Plan::new(options, &found).unwrap_err().to_string();
        let options = RemoteOptions::new(["http://a"]);
        assert_eq!(
            error(&options),
            "http://a/v1 serves several models, and none was chosen\nhint: --model with one of these: a, b"
        );
        let options = RemoteOptions {
            model: Some("c".into()),
            ..options
        };
        assert_eq!(
            error(&options),
            "http://a/v1 does not serve `c`\nhint: --model with one of these: a, b"
        );
        let options = RemoteOptions {
            model: Some("a".into()),
            template: Template::Ours,
            ..options
        };
        assert!(error(&options).starts_with("cannot tell by which profile `a` is prompted"));
    }
}
