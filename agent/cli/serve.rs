//! `glm serve`: a model, an agent, or tools for other programs.

mod mcp;
mod openai;

use std::io::Write;

use anyhow::{Context, anyhow};
use glm_agent::serve::Keys;
use tokio::net::TcpListener;

use crate::{args::ServeArgs, exit::Failure, settings::Settings};

/// Serves until it is told to stop.
pub async fn serve(args: ServeArgs, settings: &Settings) -> Result<u8, Failure> {
    if args.is_mcp() {
        mcp::serve(args, settings).await
    } else {
        openai::serve(args, settings).await
    }
}

/// The keys of clients, where there are some.
fn keys(args: &ServeArgs) -> Result<Keys, Failure> {
    let file = args.api_key_file.as_deref();
    let keys = file.map(Keys::read).transpose();
    Ok(keys.map_err(Failure::usage)?.unwrap_or_default())
}

/// Listens where the flags say. Where other machines reach, that takes a key.
async fn listen(
    args: &ServeArgs,
    port: u16,
    keys: &Keys,
    danger: &str,
) -> Result<TcpListener, Failure> {
    let host = args.host.as_str();
    let listener = TcpListener::bind((host, port))
        .await
        .with_context(|| format!("cannot listen at {host}:{port}"))?;
    let address = listener.local_addr().context("cannot listen")?;
    if !address.ip().is_loopback() && keys.is_empty() {
        return Err(Failure::usage(anyhow!(
            "other machines reach {host}, and could {danger}\n\
             hint: pass --api-key-file, or leave --host out"
        )));
    }
    Ok(listener)
}

/// Says on stderr where it is.
fn announce(listener: &TcpListener, path: &str) -> Result<(), Failure> {
    let address = listener.local_addr().context("cannot listen")?;
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "serving at http://{address}{path}");
    Ok(())
}
