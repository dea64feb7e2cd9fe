//! A conversation in a few lines: one session, every line a message.
//!
//! `cargo run --release --example repl`

use std::io::{BufRead, Write};

use glm_agent::{
    Agent, engine, paths,
    render::{Style, Terminal},
    tools::python::Python,
};
use tokio_util::sync::CancellationToken;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Python runs in a process of its own, which is this program started again.
    glm_agent::run_if_worker();
    tokio::runtime::Runtime::new()?.block_on(talk())
}

async fn talk() -> Result<(), Box<dyn std::error::Error>> {
    let agent = Agent::builder()
        .engine(engine::load("smol-glm").await?)
        .tool(Python::new(paths::cache_dir()?).tool())
        .sessions(paths::sessions_dir()?)
        .build()?;
    let mut session = agent.session(None)?;
    let mut screen = Terminal::conversation(std::io::stdout(), Style::default());
    print!("> ");
    std::io::stdout().flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            let stop = CancellationToken::new();
            agent
                .say_watched(&mut session, &line, &mut screen, stop)
                .await?;
        }
        print!("> ");
        std::io::stdout().flush()?;
    }
    Ok(())
}
