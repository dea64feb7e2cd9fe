//! A registry's tools for programs that speak the protocol.
//!
//! Tools with state keep one a connection, and so do the files that calls make: they
//! are resources of it, and gone when it ends. Since the protocol has no connections
//! from its version 2026-07-28 on, the versions before are offered.

use std::{
    borrow::Cow,
    fmt, fs,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use glm_agent_model::ToolSpec;
use rmcp::{
    Peer, RoleServer, ServerHandler, ServiceExt,
    model::{
        self, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
        Implementation, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ProgressToken, ProtocolVersion, ReadResourceRequestParams,
        ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, ServerCapabilities,
        ServerConfig, ToolAnnotations,
    },
    service::RequestContext,
    transport::{
        io::stdio,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
        },
    },
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Artifact, Misfit, Progress, Registry, Tool, ToolContext, ToolOutput};

/// How long a connection by HTTP may be idle: what Python keeps is gone then.
const IDLE: std::time::Duration = std::time::Duration::from_secs(3600);

/// Images up to this size go along with a result, in bytes.
const INLINE: u64 = 4 << 20;

type Gate = Arc<dyn Fn(&Tool, &Value) -> Result<(), String> + Send + Sync>;

/// Tools on offer to clients.
#[derive(Clone)]
pub struct Service {
    registry: Arc<Registry>,
    gate: Gate,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

/// The tools by HTTP, for a router to serve.
pub type HttpService = StreamableHttpService<Connection, LocalSessionManager>;

impl Service {
    /// Offers all tools of a registry but those that are only
    /// [declared](Tool::external).
    pub fn new(registry: Registry) -> Self {
        Self {
            registry: Arc::new(registry),
            gate: Arc::new(|_, _| Ok(())),
        }
    }

    /// Has `gate` look at each call before it is made; what it returns instead is for
    /// the model that made it.
    #[must_use]
    pub fn gate(
        mut self,
        gate: impl Fn(&Tool, &Value) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.gate = Arc::new(gate);
        self
    }

    /// Serves one client on standard input and output, until it leaves or `stop` is
    /// cancelled.
    ///
    /// # Errors
    /// When the client does not begin as the protocol has it.
    pub async fn stdio(self, stop: CancellationToken) -> Result<(), crate::Error> {
        let broken = |reason: String| crate::Error::McpClient { reason };
        let connection = self.connect().map_err(|error| broken(error.to_string()))?;
        let (registry, session) = (Arc::clone(&self.registry), connection.session.clone());
        let serving = connection.serve_with_ct(stdio(), stop).await;
        let serving = serving.map_err(|error| broken(error.to_string()))?;
        let ended = serving.waiting().await;
        registry.close(&session).await;
        ended.map(|_| ()).map_err(|error| broken(error.to_string()))
    }

    /// The same for many clients by streamable HTTP. `hosts` are the names by which
    /// they may ask for it, which keeps pages in browsers from asking by a name of
    /// theirs; without any, all may.
    pub fn http(self, hosts: Vec<String>, stop: CancellationToken) -> HttpService {
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.keep_alive = Some(IDLE);
        let config = StreamableHttpServerConfig::default().with_cancellation_token(stop);
        let config = if hosts.is_empty() {
            config.disable_allowed_hosts()
        } else {
            config.with_allowed_hosts(hosts)
        };
        // A page of any origin has no business here.
        let config = config.enforce_origin_validation();
        StreamableHttpService::new(move || self.connect(), Arc::new(sessions), config)
    }

    fn connect(&self) -> std::io::Result<Connection> {
        let files = tempfile::Builder::new().prefix("glm-mcp-").tempdir()?;
        let name = files.path().file_name().unwrap_or_default();
        Ok(Connection {
            session: name.to_string_lossy().into_owned(),
            service: self.clone(),
            files,
            made: Mutex::default(),
        })
    }
}

/// A client, with what its calls made.
pub struct Connection {
    service: Service,
    session: String,
    /// The files of its calls, as long as it lasts.
    files: TempDir,
    made: Mutex<Vec<Artifact>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (registry, session) = (Arc::clone(&self.service.registry), self.session.clone());
            runtime.spawn(async move { registry.close(&session).await });
        }
    }
}

impl ServerHandler for Connection {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("glm-agent", env!("CARGO_PKG_VERSION")))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        let last = ProtocolVersion::LATEST_WITH_INITIALIZE;
        Cow::Borrowed(ProtocolVersion::known_up_to(&last))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(
            self.tools().map(described).collect(),
        ))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (registry, name) = (&self.service.registry, request.name.as_ref());
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let arguments = match registry.check(name, arguments) {
            Ok(arguments) => arguments,
            Err(Misfit::Name(reason)) => return Err(ErrorData::invalid_params(reason, None)),
            Err(Misfit::Arguments(reason)) => return Ok(failed(reason).into()),
        };
        let Some(tool) = self.tools().find(|tool| tool.name() == name) else {
            let reason = format!("`{name}` cannot be called from here");
            return Err(ErrorData::invalid_params(reason, None));
        };
        if let Err(reason) = (self.service.gate)(tool, &arguments) {
            return Ok(failed(reason).into());
        }
        let cx = ToolContext {
            cancel: context.ct.clone(),
            call: format!("call-{}", context.id),
            session: self.session.clone(),
            directory: Some(self.files.path().to_owned()),
            progress: match context.meta.get_progress_token() {
                Some(token) => told(context.peer.clone(), token),
                None => Progress::default(),
            },
            ..ToolContext::default()
        };
        let result = match registry.call(name, arguments, cx).await {
            Ok(output) => self.result(output),
            Err(error) => failed(error.to_string()),
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let resources = made.iter().filter_map(|artifact| self.resource(artifact));
        Ok(ListResourcesResult::with_all_items(resources.collect()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        let artifact = {
            let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.iter()
                .find(|artifact| self.uri(artifact).as_deref() == Some(&uri))
                .cloned()
        };
        let content = artifact.as_ref().and_then(|artifact| self.read(artifact));
        let (Some(artifact), Some(content)) = (artifact, content) else {
            let reason = format!("there is no resource `{uri}`");
            return Err(ErrorData::resource_not_found(reason, None));
        };
        let content = match String::from_utf8(content) {
            Ok(text) if artifact.media_type.starts_with("text/") => {
                ResourceContents::text(text, uri)
            }
            Ok(text) => ResourceContents::blob(STANDARD.encode(text), uri),
            Err(bytes) => ResourceContents::blob(STANDARD.encode(bytes.as_bytes()), uri),
        };
        let content = content.with_mime_type(artifact.media_type);
        Ok(ReadResourceResult::new(vec![content]).into())
    }
}

impl Connection {
    /// Those that a client may call.
    fn tools(&self) -> impl Iterator<Item = &Tool> {
        let registry = &self.service.registry;
        let tools = registry.names().filter_map(|name| registry.get(name));
        tools.filter(|tool| !tool.is_external())
    }

    /// A result as the protocol has it: images go along, other files are named.
    fn result(&self, output: ToolOutput) -> CallToolResult {
        let mut content = Vec::new();
        if !output.text.is_empty() || output.artifacts.is_empty() {
            content.push(ContentBlock::text(output.text));
        }
        // The pages that one call of the browser opens.
        content.extend(
            output
                .more
                .into_iter()
                .map(|seen| ContentBlock::text(seen.text)),
        );
        for artifact in output.artifacts {
            let is_image = artifact.media_type.starts_with("image/") && artifact.size <= INLINE;
            let image = is_image.then(|| self.read(&artifact)).flatten();
            if let Some(image) = image {
                content.push(ContentBlock::image(
                    STANDARD.encode(image),
                    &artifact.media_type,
                ));
            } else if let Some(resource) = self.resource(&artifact) {
                content.push(ContentBlock::resource_link(resource));
            }
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.retain(|older| older.name != artifact.name);
            made.push(artifact);
        }
        let mut result = if output.failed {
            CallToolResult::error(content)
        } else {
            CallToolResult::success(content)
        };
        result.structured_content = output.json.filter(Value::is_object);
        result
    }

    fn uri(&self, artifact: &Artifact) -> Option<String> {
        artifact.url(self.files.path()).map(String::from)
    }

    fn resource(&self, artifact: &Artifact) -> Option<Resource> {
        let mut resource = Resource::new(self.uri(artifact)?, &artifact.name);
        resource.mime_type = Some(artifact.media_type.clone());
        resource.size = Some(artifact.size);
        Some(resource)
    }

    /// What is in a file. No link is followed: what runs in the sandbox may have made
    /// one that leads out of it.
    fn read(&self, artifact: &Artifact) -> Option<Vec<u8>> {
        let root = self.files.path().canonicalize().ok()?;
        let path = root.join(&artifact.name);
        let is_itself = path.canonicalize().is_ok_and(|found| found == path);
        is_itself.then(|| fs::read(path).ok()).flatten()
    }
}

fn failed(reason: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(reason)])
}

/// A tool as the protocol describes it. One that takes text takes it as its only
/// argument.
fn described(tool: &Tool) -> model::Tool {
    let (description, parameters) = match tool.spec() {
        ToolSpec::Function { function } => {
            let description = function.object().get("description");
            let description = description.and_then(Value::as_str).unwrap_or_default();
            let parameters = function.parameters().and_then(Value::as_object);
            (description, parameters.cloned().unwrap_or_default())
        }
        ToolSpec::Python => (
            "Runs Python code in a sandbox and returns what it prints, and the value of its last \
             line. Variables and the files in /mnt/data are kept from call to call.",
            text_as("code", "The code."),
        ),
        ToolSpec::SimpleBrowser => (
            "Searches the web and opens pages.",
            text_as(
                "call",
                "One call: search(...), mclick([...]) or open_url(...).",
            ),
        ),
        ToolSpec::Cogview => (
            "Makes an image.",
            text_as("description", "What it shows, in English."),
        ),
    };
    let effects = tool.declared_effects();
    let acts = effects.writes || effects.host;
    let annotations = ToolAnnotations::new()
        .read_only(!acts)
        .idempotent(tool.is_idempotent())
        .open_world(effects.network);
    let described = model::Tool::new(
        tool.name().to_owned(),
        description.to_owned(),
        Arc::new(parameters),
    );
    described.with_annotations(annotations)
}

fn text_as(name: &str, description: &str) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    let property = json!({ name: {"type": "string", "description": description} });
    schema.insert("properties".to_owned(), property);
    schema.insert("required".to_owned(), json!([name]));
    schema
}

/// Tells a client what a call says, in order.
fn told(peer: Peer<RoleServer>, token: ProgressToken) -> Progress {
    let (say, mut said) = mpsc::unbounded_channel::<String>();
    tokio::spawn(async move {
        let mut pieces = 0.0;
        while let Some(text) = said.recv().await {
            pieces += 1.0;
            let progress = ProgressNotificationParam::new(token.clone(), pieces);
            if peer
                .notify_progress(progress.with_message(text))
                .await
                .is_err()
            {
                break;
            }
        }
    });
    Progress::new(move |text| {
        // Nobody hears it any more once the client is gone.
        let _ = say.send(text.to_owned());
    })
}
