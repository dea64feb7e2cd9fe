//! A list of tasks done unattended, each with a structured result.
//!
//! `cargo run --release --example automate`

use std::time::Duration;

use glm_agent::{Agent, Budget, engine, paths, tools::python::Python};
use serde_json::json;

const TASKS: [(&str, &str); 3] = [
    ("product", "What is 37 * 41? Use python."),
    ("sum", "What is 1250 + 875? Use python."),
    ("greeting", "Hello!"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Python runs in a process of its own, which is this program started again.
    glm_agent::run_if_worker();
    tokio::runtime::Runtime::new()?.block_on(work())
}

async fn work() -> Result<(), Box<dyn std::error::Error>> {
    let agent = Agent::builder()
        .engine(engine::load("smol-glm").await?)
        .tool(Python::new(paths::cache_dir()?).tool())
        .sessions(paths::sessions_dir()?)
        .budget(Budget {
            steps: 4,
            time: Some(Duration::from_secs(120)),
            ..Budget::default()
        })
        .build()?;
    for (id, task) in TASKS {
        // A run that fails is a result too: the list goes on.
        let result = match agent.run(task).await {
            Ok(run) => json!({
                "id": id, "status": run.reason, "answer": run.answer,
                "steps": run.steps, "usage": run.usage,
            }),
            Err(error) => json!({ "id": id, "status": "failed", "error": error.to_string() }),
        };
        println!("{result}");
    }
    Ok(())
}
