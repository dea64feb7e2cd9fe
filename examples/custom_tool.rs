//! A tool of one's own: the model calls it and answers from its result.
//!
//! `cargo run --release --example custom_tool`

use glm_agent::{Agent, Tool, ToolContext, ToolError, engine};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Locker {
    /// First name of the locker's owner
    owner: String,
}

async fn locker_code(args: Locker, _cx: ToolContext) -> Result<String, ToolError> {
    match args.owner.to_lowercase().as_str() {
        "dana" => Ok("QX-7731".to_owned()),
        "omar" => Ok("BT-2094".to_owned()),
        _ => Err(ToolError::Model(format!("{} has no locker", args.owner))),
    }
}

/// The tool as the model is offered it.
pub fn tool() -> Tool {
    Tool::new("get_locker_code", "Code of a person's locker", locker_code)
}

#[tokio::main]
async fn main() -> Result<(), glm_agent::Error> {
    let engine = engine::load("smol-glm").await?;
    let agent = Agent::builder().engine(engine).tool(tool()).build()?;
    let run = agent.run("What is the code of Dana's locker?").await?;
    println!("{}", run.answer);
    Ok(())
}
