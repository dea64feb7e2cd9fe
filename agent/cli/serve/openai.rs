//! A model or an agent by OpenAI's API.

use std::{io::Write, sync::Arc};

use glm_agent::{
    Budget,
    model::{Engine, Sampling},
    serve::{Backend, Model, Options, Service},
    tools::mcp::Server,
};
use tokio_util::sync::CancellationToken;

use super::{announce, keys, listen};
use crate::{
    args::{PORT, ServeArgs},
    exit::{self, Failure},
    interrupt,
    progress::Progress,
    servers,
    settings::Settings,
    setup,
};

/// Serves until it is told to stop. It listens before the model is loaded, so that
/// whoever waits for it can see that it will come.
pub async fn serve(args: ServeArgs, settings: &Settings) -> Result<u8, Failure> {
    let keys = keys(&args)?;
    let port = args.port.unwrap_or(PORT);
    let listener = listen(&args, port, &keys, "use this model").await?;
    let service = Service::new(Options {
        limits: args.limits(),
        keys,
        origins: args.cors.clone(),
    });
    let stop = CancellationToken::new();
    let signal = interrupt::watch_unattended(&stop);
    announce(&listener, "/")?;
    let loading = load(&args, settings, &service);
    let served = service.run(listener, stop.clone());
    let load = async {
        // When it is told to stop, a model that is being loaded is no longer needed.
        stop.run_until_cancelled(loading)
            .await
            .unwrap_or(Ok(vec![]))
    };
    let load = async {
        let loaded = load.await;
        if loaded.is_err() {
            stop.cancel();
        }
        loaded
    };
    let (loaded, ()) = tokio::join!(load, served);
    signal.abort();
    let servers = loaded?;
    servers::close(servers).await;
    Ok(exit::ANSWERED)
}

/// Gives the service what it answers with; returns the servers that an agent gets
/// tools from.
async fn load(
    args: &ServeArgs,
    settings: &Settings,
    service: &Service,
) -> Result<Vec<Arc<Server>>, Failure> {
    let flags = &args.agent;
    if args.as_agent {
        let (builder, servers) = setup::agent(flags, settings, false).await?;
        let budget = Budget {
            // A request's time is the server's to tell.
            time: None,
            ..setup::budget(flags)
        };
        let agent = builder.budget(budget).build()?;
        say_ready(agent.model());
        service.ready(Backend::Agent(Arc::new(agent)));
        return Ok(servers);
    }
    let engine = setup::engine(flags, settings, &Progress::new(false)).await?;
    let model = model(args, engine)?;
    say_ready(model.engine.model());
    service.ready(Backend::Model(model));
    Ok(Vec::new())
}

fn say_ready(model: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "ready: {model}");
}

fn model(args: &ServeArgs, engine: Arc<dyn Engine>) -> Result<Model, Failure> {
    let flags = &args.agent;
    if flags.no_thinking {
        engine.profile().without_thoughts()?;
    }
    let usual = Model::new(engine);
    Ok(Model {
        sampling: Sampling {
            temperature: flags.temperature.unwrap_or(usual.sampling.temperature),
            seed: flags.seed,
            ..usual.sampling
        },
        max_tokens: flags.max_tokens as usize,
        max_context: flags
            .max_context
            .map_or(usual.max_context, |tokens| tokens as usize),
        thinking: !flags.no_thinking,
        ..usual
    })
}
