//! `glm serve`: tools for other programs.

use std::{io::Write, path::Path, sync::Arc};

use anyhow::{Context, anyhow};
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
    tools::{Registry, Tool, mcp::Service},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

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
    let mut offer = args.tools.clone();
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
    let host = args.host.as_str();
    let key = args.api_key_file.as_deref().map(key).transpose()?;
    let listener = TcpListener::bind((host, port))
        .await
        .with_context(|| format!("cannot listen at {host}:{port}"))?;
    let address = listener.local_addr().context("cannot listen")?;
    if !address.ip().is_loopback() && key.is_none() {
        return Err(Failure::usage(anyhow!(
            "other machines reach {host}, and could run these tools\n\
             hint: pass --api-key-file, or leave --host out"
        )));
    }
    let names = match key {
        // Who has the key is no page in a browser.
        Some(_) => Vec::new(),
        None => ["localhost", "127.0.0.1", "::1"]
            .map(str::to_owned)
            .to_vec(),
    };
    let mut router = Router::new().nest_service(PATH, service.http(names, stop.clone()));
    if let Some(key) = key {
        router = router.layer(middleware::from_fn(move |request, next| {
            with_key(key, request, next)
        }));
    }
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "serving at http://{address}{PATH}");
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
        .context("cannot serve")?;
    Ok(())
}

/// A key by its hash, so that comparing takes as long for every wrong one.
type Key = [u8; 32];

fn hashed(key: &str) -> Key {
    Sha256::digest(key).into()
}

fn key(file: &Path) -> Result<Key, Failure> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the key in `{}`", file.display()))
        .map_err(Failure::usage)?;
    match text.lines().next().map(str::trim) {
        Some(key) if !key.is_empty() => Ok(hashed(key)),
        _ => Err(Failure::usage(anyhow!(
            "the first line of `{}` is empty: it should be the key",
            file.display()
        ))),
    }
}

async fn with_key(key: Key, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION);
    let header = header.and_then(|value| value.to_str().ok());
    let given = header.and_then(|header| header.strip_prefix("Bearer "));
    match given {
        Some(given) if hashed(given.trim()) == key => next.run(request).await,
        _ => (StatusCode::UNAUTHORIZED, "the key is missing or wrong\n").into_response(),
    }
}
