//! A worker process of the sandbox, for programs that cannot be their own.

use std::process::ExitCode;

fn main() -> ExitCode {
    glm_agent_sandbox::run_if_worker();
    eprintln!("this program is started by the sandbox, and does nothing by itself");
    ExitCode::from(2)
}
