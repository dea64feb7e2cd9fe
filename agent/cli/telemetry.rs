//! Traces of what an agent does, where somebody collects them.

use std::{
    io::Write,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use glm_agent::{
    Event, EventKind, Session,
    model::{Profile, Sampling},
    render::otel::{self, Exporter, Setup},
};
use url::Url;

use crate::{
    args::{AgentArgs, ExportArgs},
    exit::{self, Failure},
    remote, resume,
    settings::Settings,
    setup,
};

/// How long the end of the program waits for a collector.
const PATIENCE: Duration = Duration::from_secs(5);

/// The program's exporter, once there is one.
pub type Shared = Arc<OnceLock<Arc<Exporter>>>;

/// The exporter, if traces are asked for. It is made for the first agent; all that one
/// program makes send their traces together.
pub fn exporter(
    settings: &Settings,
    args: &AgentArgs,
    sampling: Sampling,
) -> Result<Option<Arc<Exporter>>, glm_agent::Error> {
    if let Some(exporter) = settings.exporter.get() {
        return Ok(Some(Arc::clone(exporter)));
    }
    let Some(destination) = settings.telemetry.destination()? else {
        return Ok(None);
    };
    let setup = described(settings, args, sampling);
    let made = Arc::new(Exporter::new(&destination, setup)?);
    Ok(Some(Arc::clone(settings.exporter.get_or_init(|| made))))
}

/// Sends what is left, and does not wait for long.
pub async fn finish(settings: &Settings) {
    if let Some(exporter) = settings.exporter.get().cloned() {
        // A thread that panicked has lost traces, and nothing else.
        let _ = tokio::task::spawn_blocking(move || exporter.finish(PATIENCE)).await;
    }
}

/// Sends the traces of a session that is over, or as far as it came.
pub async fn send(root: &Path, args: &ExportArgs, settings: &Settings) -> Result<u8, Failure> {
    let endpoint = args.otlp.as_ref().and_then(Option::as_deref);
    let destination = settings.telemetry.named(endpoint)?;
    let events = Session::read(root, &args.id)?;
    let setup = recorded(settings, &args.id, &events)?;
    let spans = otel::spans(&args.id, &events, &Arc::new(setup));
    let count = otel::send(&destination, spans).await?;
    writeln!(std::io::stderr(), "{count} spans sent")?;
    Ok(exit::ANSWERED)
}

/// How a session was set up when it was begun.
fn recorded(settings: &Settings, id: &str, events: &[Event]) -> Result<Setup, Failure> {
    let profile = events.iter().find_map(|event| match &event.kind {
        EventKind::SessionStarted { profile, .. } => Some(profile.as_str()),
        _ => None,
    });
    let Some(profile) = profile else {
        return Ok(Setup::default());
    };
    let args = resume::recorded(id, events)?;
    let makers = Profile::by_name(profile)?.sampling();
    let sampling = setup::sampling(&args, makers);
    Ok(described(settings, &args, sampling))
}

fn described(settings: &Settings, args: &AgentArgs, sampling: Sampling) -> Setup {
    // Of several, the traces name the first.
    let servers = remote::urls(&args.engine);
    let server = servers.iter().flatten().find_map(|url| {
        let url = Url::parse(url).ok()?;
        let port = url.port_or_known_default()?;
        Some((url.host_str()?.to_owned(), port))
    });
    let ours = Setup::default();
    Setup {
        provider: match server {
            // Whoever computes there, it is asked as OpenAI's servers are.
            Some(_) => "openai".to_owned(),
            None => ours.provider,
        },
        server,
        sampling: Some(sampling),
        max_tokens: Some(args.max_tokens as usize),
        content: settings.telemetry.captures_content(),
        parent: otel::parent(),
    }
}
