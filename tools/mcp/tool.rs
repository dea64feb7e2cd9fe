//! Tools and resources of a server, as tools.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use glm_agent_model::ToolSpec;
use rmcp::{
    Peer, RoleClient,
    model::{
        self, CallToolRequestParams, CancelledNotification, CancelledNotificationParam,
        ClientRequest, ReadResourceRequestParams, RequestId, ServerResult,
    },
    service::{PeerRequestOptions, ServiceError},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    client::Server,
    content::{self, Output},
    pins::Said,
};
use crate::{Effects, Invoke, Tool, ToolContext, ToolError, ToolOutput, schema, text};

/// Longest name that a model is offered.
const NAME: usize = 64;
/// Resources that are listed.
const RESOURCES: usize = 200;

/// A server's tool as a tool.
pub(super) fn tool(server: &Arc<Server>, theirs: &model::Tool) -> Tool {
    let description = theirs.description.as_deref().unwrap_or_default();
    let mut parameters = Value::Object(theirs.input_schema.as_ref().clone());
    show_descriptions(&mut parameters);
    let spec = ToolSpec::function(
        &name(server.name(), &theirs.name),
        &visible(description),
        schema::readable(&parameters),
    );
    let hints = theirs.annotations.as_ref();
    let reads_only = hints.and_then(|h| h.read_only_hint) == Some(true);
    let effects = Effects {
        reads: true,
        network: hints.and_then(|h| h.open_world_hint) != Some(false),
        writes: !reads_only,
        host: false,
    };
    let call = Call {
        server: Arc::downgrade(server),
        what: What::Tool(theirs.name.to_string()),
    };
    of_server(server, spec, call)
        .effects(effects)
        .idempotent(reads_only || hints.and_then(|h| h.idempotent_hint) == Some(true))
}

/// What all tools of a server have in common.
fn of_server(server: &Server, spec: ToolSpec, call: Call) -> Tool {
    let tool = Tool::with_state(spec, call)
        .outside(true)
        .timeout(server.time_limit());
    server.secrets().fold(tool, |tool, name| tool.secret(name))
}

/// The tools by which a model finds and reads a server's resources.
pub(super) fn of_resources(server: &Arc<Server>) -> [Tool; 2] {
    let make = |own: &str, description: String, parameters: Value, what: What| {
        let spec = ToolSpec::function(&name(server.name(), own), &description, parameters);
        let call = Call {
            server: Arc::downgrade(server),
            what,
        };
        of_server(server, spec, call)
            .effects(Effects {
                reads: true,
                ..Effects::default()
            })
            .idempotent(true)
    };
    let nothing = json!({"type": "object", "properties": {}});
    let uri = json!({
        "type": "object",
        "properties": {"uri": {"type": "string", "description": "The resource's address"}},
        "required": ["uri"],
    });
    let list = format!("List the resources that `{}` has", server.name());
    let read = format!("Read a resource of `{}`", server.name());
    [
        make("list_resources", list, nothing, What::Resources),
        make("read_resource", read, uri, What::Resource),
    ]
}

/// What a server says of a tool, for a comparison with what it said before.
pub(super) fn said(theirs: &model::Tool) -> Said {
    Said {
        tool: theirs.name.to_string(),
        description: visible(theirs.description.as_deref().unwrap_or_default()),
        whole: json!({
            "name": theirs.name,
            "description": theirs.description,
            "schema": theirs.input_schema,
            "annotations": theirs.annotations,
        }),
    }
}

/// The name by which a model calls a server's tool: `server__tool`, in letters that
/// every model writes. Names that were cut differ by a part of their hash.
fn name(server: &str, own: &str) -> String {
    let plain = |text: &str| -> String {
        let fits = |c: char| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '_'
            }
        };
        text.chars().map(fits).collect()
    };
    let whole = format!("{}__{}", plain(server), plain(own));
    if whole.len() <= NAME {
        return whole;
    }
    let hash = Sha256::digest(format!("{server}\0{own}"));
    let hash: String = hash
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (start, _) = whole.split_at(NAME - 9);
    format!("{start}_{hash}")
}

/// A description without what people cannot see and a model can.
fn visible(description: &str) -> String {
    let hidden = |c: &char| {
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    let seen: String = description.chars().filter(|c| !hidden(c)).collect();
    text::clean(&seen, text::CAP)
}

/// Makes every description in a schema one that people can see.
fn show_descriptions(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(show_descriptions),
        Value::Object(members) => {
            if let Some(Value::String(description)) = members.get_mut("description") {
                *description = visible(description);
            }
            members.values_mut().for_each(show_descriptions);
        }
        _ => {}
    }
}

struct Call {
    /// The server keeps its tools, so these must not keep it.
    server: Weak<Server>,
    what: What,
}

enum What {
    /// The tool of this name, as the server has it.
    Tool(String),
    Resources,
    Resource,
}

#[async_trait]
impl Invoke for Call {
    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let server = self.server.upgrade();
        let server = server.ok_or_else(|| ToolError::User("its server was closed".to_owned()))?;
        for name in server.secrets() {
            // The server has them, and may say them; one that is not set has a default.
            let _ = cx.secret(name);
        }
        let peer = server.peer().await?;
        let done = match &self.what {
            What::Tool(name) => call(&server, &peer, name, arguments, &cx).await,
            What::Resources => resources(&peer).await,
            What::Resource => resource(&peer, &arguments, &cx).await,
        };
        match done {
            Ok(output) => Ok(output),
            Err(ServiceError::McpError(error)) => Err(ToolError::Model(error.message.into_owned())),
            Err(error) => Err(server.broken(&error).await),
        }
    }

    fn addresses(&self, arguments: &Value) -> Vec<String> {
        let uri = arguments.get("uri").and_then(Value::as_str);
        match (&self.what, uri.map(Url::parse)) {
            // The server may fetch it.
            (What::Resource, Some(Ok(uri))) if matches!(uri.scheme(), "http" | "https") => {
                vec![uri.into()]
            }
            _ => Vec::new(),
        }
    }
}

async fn call(
    server: &Server,
    peer: &Peer<RoleClient>,
    name: &str,
    arguments: Value,
    cx: &ToolContext,
) -> Result<ToolOutput, ServiceError> {
    let mut params = CallToolRequestParams::new(name.to_owned());
    params.arguments = arguments.as_object().cloned();
    let request = ClientRequest::CallToolRequest(model::CallToolRequest::new(params));
    let request = peer.send_cancellable_request(request, PeerRequestOptions::no_options());
    let handle = request.await?;
    let mut abandoned = Abandoned {
        peer: peer.clone(),
        id: Some(handle.id.clone()),
    };
    let _listening = server.listen(handle.progress_token.clone(), cx.progress.clone());
    let answer = handle.await_response().await;
    abandoned.id = None;
    match answer? {
        ServerResult::CallToolResult(result) => Ok(content::of_call(result, cx)),
        _ => Err(ServiceError::UnexpectedResponse),
    }
}

/// A call that nobody waits for any more, once this is dropped with its id: the
/// server is told.
struct Abandoned {
    peer: Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(id) = self.id.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let peer = self.peer.clone();
            let params = CancelledNotificationParam::new(Some(id), None);
            runtime.spawn(async move {
                let told = peer.send_notification(CancelledNotification::new(params).into());
                // A server that is gone need not know.
                let _ = told.await;
            });
        }
    }
}

async fn resources(peer: &Peer<RoleClient>) -> Result<ToolOutput, ServiceError> {
    let resources = peer.list_all_resources().await?;
    // Templates are a refinement that not every server knows.
    let templates = peer.list_all_resource_templates().await.unwrap_or_default();
    let line = |uri: &str, name: &str, description: Option<&str>| {
        let about = description
            .map(|text| format!(": {text}"))
            .unwrap_or_default();
        format!("{uri} ({name}){about}")
    };
    let listed = resources
        .iter()
        .map(|r| line(&r.uri, &r.name, r.description.as_deref()));
    let patterns = templates
        .iter()
        .map(|t| line(&t.uri_template, &t.name, t.description.as_deref()));
    let mut lines: Vec<String> = patterns.chain(listed).collect();
    let left_out = lines.len().saturating_sub(RESOURCES);
    lines.truncate(RESOURCES);
    if left_out > 0 {
        lines.push(format!("... and {left_out} more"));
    }
    Ok(lines.join("\n").into())
}

async fn resource(
    peer: &Peer<RoleClient>,
    arguments: &Value,
    cx: &ToolContext,
) -> Result<ToolOutput, ServiceError> {
    let uri = arguments
        .get("uri")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let result = peer
        .read_resource(ReadResourceRequestParams::new(uri))
        .await?;
    let mut output = Output::default();
    for contents in result.contents {
        output.resource(contents, cx);
    }
    Ok(output.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_every_model_writes_and_stay_apart() {
        assert_eq!(name("my files", "read.file"), "my_files__read_file");
        let long = |end: &str| name("server", &format!("{}{end}", "x".repeat(80)));
        assert_eq!(long("a").len(), NAME);
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn what_people_cannot_see_is_left_out_of_descriptions() {
        assert_eq!(
            visible("Adds\u{e0041}\u{e0042} two\u{200b} num\u{202e}bers\u{1b}[8m."),
            "Adds two numbers."
        );
    }
}
