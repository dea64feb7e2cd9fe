//! Tools by the Model Context Protocol.

use std::sync::Arc;

use anyhow::Context;
use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use glm_agent::{
    Mode, Policy,
    policy::{Circumstances, Facts, Known, Rule, Verdict},
    serve::Keys,
    tools::{Registry, Tool, mcp::Service},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{announce, keys, listen};
use crate::{
    args::ServeArgs,
    choice::{BROWSER, Choice, PYTHON},
    exit::{self, Failure},
    interrupt,
    progress::Progress,
    settings::Settings,
    web::Form,
};

/// Where clients find the tools.
const PATH: &str = "/mcp";

/// What is offered to clients when the user names nothing: theirs are large models.
const OFFER: [&str; 3] = [PYTHON, "web_fetch", BROWSER];

/// Serves until the client leaves, or Ctrl-C.
pub async fn serve(args: ServeArgs, settings: &Settings) -> Result<u8, Failure> {
    let progress = Arc::new(Progress::new(false));
    let mut offer = args.agent.tools.own.clone();
    if offer.tools.is_empty() {
        offer.tools = OFFER.map(str::to_owned).to_vec();
    }
    let tools = Choice::new(&offer, &progress, None)?.tools(Form::Functions);
    let registry = Registry::new(tools).map_err(glm_agent::Error::from)?;
    let rules = settings.rules.clone();
    let service = Service::new(registry.with_secrets(settings.secrets()))
        .gate(move |tool, arguments| denied(&rules, tool, arguments));
    let stop = CancellationToken::new();
    let signal = interrupt::watch(&stop);
    let served = match args.port {
        Some(port) => http(service, &args, port, stop).await,
        None => service
            .stdio(stop)
            .await
            .map_err(|error| glm_agent::Error::from(error).into()),
    };
    signal.abort();
    served.map(|()| exit::ANSWERED)
}

/// What the user's rules deny. All else is for the client to ask its user about.
fn denied(rules: &[Rule], tool: &Tool, arguments: &Value) -> Result<(), String> {
    let policy = Policy {
        mode: Mode::Auto,
        rules: rules.to_vec(),
    };
    let now = Circumstances {
        outside: false,
        consented: false,
        interrupted: false,
        known: &Known::default(),
    };
    match policy.judge(&Facts::of(Some(tool), tool.name(), arguments), now) {
        Verdict::Deny(reason) => Err(reason),
        Verdict::Run(_) | Verdict::Ask(_) => Ok(()),
    }
}

async fn http(
    service: Service,
    args: &ServeArgs,
    port: u16,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let keys = keys(args)?;
    let listener = listen(args, port, &keys, "run these tools").await?;
    let names = if keys.is_empty() {
        ["localhost", "127.0.0.1", "::1"]
            .map(str::to_owned)
            .to_vec()
    } else {
        // Who has the key is no page in a browser.
        Vec::new()
    };
    let mut router = Router::new().nest_service(PATH, service.http(names, stop.clone()));
    if !keys.is_empty() {
        let keys = Arc::new(keys);
        router = router.layer(middleware::from_fn(move |request, next| {
            with_key(Arc::clone(&keys), request, next)
        }));
    }
    announce(&listener, PATH)?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
        .context("cannot serve")?;
    Ok(())
}

async fn with_key(keys: Arc<Keys>, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION);
    let header = header.and_then(|value| value.to_str().ok());
    let given = header.and_then(|header| header.strip_prefix("Bearer "));
    match given {
        Some(given) if keys.has(given.trim()) => next.run(request).await,
        _ => (StatusCode::UNAUTHORIZED, "the key is missing or wrong\n").into_response(),
    }
}
