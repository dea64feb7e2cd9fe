//! How the program ends: exit codes, and errors as people read them.

use std::process::ExitCode;

use glm_agent::{Error, StopReason, tools};

/// The task was answered, or the command did what it was asked.
pub const ANSWERED: u8 = 0;
/// Something broke.
pub const FAILED: u8 = 1;
/// The command line or its input was wrong.
pub const USAGE: u8 = 2;
/// A limit was reached; the answer is the best so far.
pub const LIMIT: u8 = 3;
/// A call waits for consent, or for its result, and nobody could be asked.
pub const APPROVAL: u8 = 4;
/// Stopped by Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// The exit code of a run.
pub fn code_of(reason: StopReason) -> u8 {
    match reason {
        StopReason::Answered => ANSWERED,
        StopReason::ApprovalNeeded | StopReason::ResultNeeded => APPROVAL,
        StopReason::Interrupted => INTERRUPTED,
        limit if limit.is_limit() => LIMIT,
        _ => FAILED,
    }
}

/// An error with the exit code it deserves.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// What the user must change in what they typed or gave.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            code: USAGE,
            error: error.into(),
        }
    }

    /// Somebody's consent is missing.
    pub fn approval(error: impl Into<anyhow::Error>) -> Self {
        Self {
            code: APPROVAL,
            error: error.into(),
        }
    }

    /// The same, told of something in particular.
    pub fn of(self, what: &str) -> Self {
        let error = anyhow::anyhow!("{what}: {}", self.error);
        Self { error, ..self }
    }

    /// What went wrong, with its causes on the same line.
    pub fn text(&self) -> String {
        let mut text = self.error.to_string();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            // Many errors say their cause themselves.
            if !text.contains(&cause) {
                text += &format!(": {cause}");
            }
        }
        format!("error: {text}")
    }

    /// Says it on stderr.
    pub fn report(self) -> ExitCode {
        use std::io::Write;
        // Nothing is left to do when stderr is gone too.
        let _ = writeln!(std::io::stderr(), "{}", self.text());
        ExitCode::from(self.code)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            code: FAILED,
            error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Model(error) if error.is_input() => USAGE,
            Error::Tools(tools::Error::McpServer { .. } | tools::Error::Pins { .. }) => FAILED,
            Error::Tools(_)
            | Error::EmptyTask
            | Error::Tasks { .. }
            | Error::BadTasks { .. }
            | Error::NoTasks { .. }
            | Error::TaskRefused { .. }
            | Error::QueueAddress
            | Error::DamagedResults { .. }
            | Error::ImageGone { .. }
            | Error::NoTools { .. }
            | Error::NotOffered { .. }
            | Error::NothingToCall
            | Error::Telemetry { .. }
            | Error::AnswerSchema { .. }
            | Error::NoKeys { .. }
            | Error::NothingPending { .. }
            | Error::NotPending { .. }
            | Error::Answer { .. }
            | Error::NoSession { .. }
            | Error::SessionExists { .. }
            | Error::NoSuchPrefix { .. }
            | Error::NothingWaits
            | Error::BadSessionName { .. }
            | Error::OtherModel { .. }
            | Error::File { .. }
            | Error::FileRefused { .. }
            | Error::FilesClash { .. }
            | Error::FilesTooLarge { .. }
            | Error::FileExists { .. }
            | Error::NoFile { .. } => USAGE,
            Error::StillPending { .. } => APPROVAL,
            _ => FAILED,
        };
        Self {
            code,
            error: error.into(),
        }
    }
}

impl From<glm_agent::model::Error> for Failure {
    fn from(error: glm_agent::model::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<glm_agent::sandbox::Error> for Failure {
    fn from(error: glm_agent::sandbox::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}
