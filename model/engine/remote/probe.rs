//! A look at a server: what it is, which models it has, and what it can do.

use reqwest::Url;
use serde_json::{Value, json};

use super::{
    address::{self, beside, within},
    client::{Answer, Client},
    failure::Failure,
    server::Server,
};
use crate::Error;

/// The first version of vLLM that has `structured_outputs`.
const STRUCTURED_OUTPUTS: (u32, u32) = (0, 11);
/// A window that a server can mean.
const WINDOWS: std::ops::RangeInclusive<u64> = 256..=100_000_000;

/// What was found at an address.
#[derive(Debug, Clone)]
pub struct Found {
    /// What the paths of the API follow.
    pub base: Url,
    pub server: Server,
    /// The server's version, where it tells.
    pub version: Option<String>,
    /// The models it tells of.
    pub models: Vec<Model>,
    /// Whether texts can be completed.
    pub completes: bool,
    /// Whether its tokenizer puts the family's prefix before a text, where it was asked.
    pub adds_prefix: Option<bool>,
}

/// A model that a server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub id: String,
    /// What it was made of, where its name is another.
    pub root: Option<String>,
    /// How many tokens prompt and reply may have together.
    pub context: Option<usize>,
}

/// Looks at the server at an address that a user gave.
pub async fn look(client: &Client, address: &str) -> Result<Found, Error> {
    let candidates = address::candidates(address)?;
    let mut last = None;
    for base in &candidates {
        match models(client, base).await {
            Ok(list) => return Ok(describe(client, base.clone(), &list).await),
            Err(failure) => {
                // Where no connection stands, another path is no better.
                let is_over = matches!(
                    failure.error,
                    Error::Unreachable { .. } | Error::TooSlow { .. }
                );
                last = last.or(Some(failure.error));
                if is_over {
                    break;
                }
            }
        }
    }
    // Some APIs do not list their models, and `transformers serve` fails to without a
    // hub's cache.
    let lists_none = matches!(
        last,
        Some(Error::Refused {
            status: 404 | 405 | 500,
            ..
        })
    );
    if let Some(base) = candidates.last().filter(|_| lists_none)
        && speaks(client, &within(base, "chat/completions")).await
    {
        return Ok(describe(client, base.clone(), &json!({})).await);
    }
    Err(last.unwrap_or_else(|| Error::BadEndpoint {
        url: address.to_owned(),
        reason: "nothing was found there".to_owned(),
    }))
}

/// The list of models.
async fn models(client: &Client, base: &Url) -> Result<Value, Failure> {
    let url = within(base, "models");
    let answer = client.get(&url).await?;
    if !(200..300).contains(&answer.status) {
        let status = reqwest::StatusCode::from_u16(answer.status).unwrap_or_default();
        let none = reqwest::header::HeaderMap::new();
        let said = client.redact(&answer.text);
        return Err(Failure::of_status(&url, status, &none, &said));
    }
    let list = answer
        .json()
        .filter(|list| list.get("data").is_some_and(Value::is_array));
    list.ok_or_else(|| Failure::of_format(&url, &client.redact(&answer.text)))
}

async fn describe(client: &Client, base: Url, list: &Value) -> Found {
    let data = list.get("data").and_then(Value::as_array);
    let mut models: Vec<Model> = data.into_iter().flatten().filter_map(Model::of).collect();
    let owners: Vec<&str> = data
        .into_iter()
        .flatten()
        .filter_map(|model| model.get("owned_by")?.as_str())
        .collect();
    let owned_by = |name: &str| owners.contains(&name);
    let mut found = Found {
        server: Server::Other,
        version: None,
        models: Vec::new(),
        completes: false,
        adds_prefix: None,
        base: base.clone(),
    };
    if let Some(server) = Server::known(&base) {
        found.server = server;
    } else if owned_by("vllm") {
        found.version = version(client, &beside(&base, "version"), "/version").await;
        found.server = Server::Vllm {
            has_structured_outputs: found.version.as_deref().is_none_or(is_recent),
        };
    } else if owned_by("sglang") {
        found.server = Server::Sglang;
        found.version = version(client, &beside(&base, "get_server_info"), "/version").await;
    } else if let Some(props) = json(client, &beside(&base, "props")).await
        && props.get("default_generation_settings").is_some()
    {
        found.server = Server::LlamaCpp;
        let build = props.get("build_info").and_then(Value::as_str);
        found.version = build.map(str::to_owned);
        let window = props
            .pointer("/default_generation_settings/n_ctx")
            .and_then(window);
        for model in &mut models {
            model.context = window.or(model.context);
        }
        found.adds_prefix = adds_prefix(client, &base).await;
    } else if let Some(api) = json(client, &beside(&base, "openapi.json")).await {
        let has = |path: &str| {
            api.pointer("/paths")
                .is_some_and(|paths| paths.get(path).is_some())
        };
        if has("/extras/tokenize") {
            found.server = Server::LlamaCppPython;
            let version = api.pointer("/info/version").and_then(Value::as_str);
            found.version = version.map(str::to_owned);
        } else if has("/load_model") && has("/reset") {
            found.server = Server::Transformers;
        }
    } else if let Some(api) = json(client, &beside(&base, "api-doc/openapi.json")).await
        && api.pointer("/paths/~1re_isq").is_some()
    {
        found.server = Server::Mistralrs;
    }
    found.completes = match found.server {
        Server::Zhipu | Server::OpenAi => false,
        // Only who is not known is asked: to some, an empty request is one for an empty
        // prompt.
        Server::Other => speaks(client, &within(&base, "completions")).await,
        _ => true,
    };
    found.models = models;
    found
}

/// Whether something at a path answers to a request, if only that it is wrong.
async fn speaks(client: &Client, url: &Url) -> bool {
    // Nothing is computed for a request without a model or a prompt.
    match client.ask(url, &json!({})).await {
        Ok(Answer { status, .. }) => {
            !matches!(status, 404 | 405 | 501) && !(300..400).contains(&status)
        }
        Err(_) => false,
    }
}

async fn json(client: &Client, url: &Url) -> Option<Value> {
    client.get(url).await.ok()?.json()
}

async fn version(client: &Client, url: &Url, pointer: &str) -> Option<String> {
    let answer = json(client, url).await?;
    answer.pointer(pointer)?.as_str().map(str::to_owned)
}

/// Whether a version of vLLM has `structured_outputs`.
fn is_recent(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= STRUCTURED_OUTPUTS,
        _ => true,
    }
}

/// Whether llama.cpp's server begins each prompt with tokens of its own.
async fn adds_prefix(client: &Client, base: &Url) -> Option<bool> {
    let url = beside(base, "tokenize");
    let mut counts = Vec::new();
    for adds in [true, false] {
        let body = json!({ "content": "a", "add_special": adds });
        let answer = client.ask(&url, &body).await.ok()?.json()?;
        counts.push(answer.get("tokens")?.as_array()?.len());
    }
    Some(counts.first() != counts.last())
}

fn window(value: &Value) -> Option<usize> {
    let tokens = value.as_u64().filter(|tokens| WINDOWS.contains(tokens))?;
    usize::try_from(tokens).ok()
}

impl Model {
    fn of(model: &Value) -> Option<Self> {
        let text = |key: &str| model.get(key).and_then(Value::as_str).map(str::to_owned);
        // vLLM and SGLang, OpenRouter, llama.cpp's server.
        let windows = ["/max_model_len", "/context_length", "/meta/n_ctx"];
        Some(Self {
            id: text("id")?,
            root: text("root"),
            context: windows
                .iter()
                .find_map(|place| window(model.pointer(place)?)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (version, recent) in [
            ("0.9.2", false),
            ("0.10.1.1", false),
            ("0.11.0", true),
            ("1.0", true),
            ("dev", true),
        ] {
            assert_eq!(is_recent(version), recent, "{version}");
        }
    }

    #[test]
    fn windows_out_of_reason_are_not_believed() {
        let model = |value: Value| Model::of(&json!({"id": "m", "max_model_len": value}));
        assert_eq!(model(json!(131_072)).and_then(|m| m.context), Some(131_072));
        for nonsense in [
            json!(0),
            json!(-1),
            json!("many"),
            json!(u64::MAX),
            json!(null),
        ] {
            assert_eq!(model(nonsense).and_then(|m| m.context), None);
        }
    }
}
