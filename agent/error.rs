//! What can go wrong in the agent itself.

use std::{fmt, path::PathBuf};

/// An error that ends a run or keeps it from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model, its checkpoint or its engine.
    #[error(transparent)]
    Model(#[from] glm_agent_model::Error),
    /// The tools on offer.
    #[error(transparent)]
    Tools(#[from] glm_agent_tools::Error),
    /// Tools were given to a model that cannot call any.
    #[error("the model `{model}` only continues texts and cannot call tools\nhint: `--tools none`")]
    NoTools {
        /// The model.
        model: String,
    },
    /// The tool that must be called is not on offer.
    #[error("the tool `{name}` must be called and is not on offer\nhint: offer it with `--tools`")]
    NotOffered {
        /// The tool.
        name: String,
    },
    /// A tool must be called and there are none.
    #[error("a tool must be called and none is on offer\nhint: offer some with `--tools`")]
    NothingToCall,
    /// A picture of a session is not there as it was shown.
    #[error(
        "the image `{name}` is not in the session's files any more, or was changed\nhint: begin a new session, and show it again"
    )]
    ImageGone {
        /// Its name there.
        name: String,
    },
    /// A session's log could not be read or written.
    #[error("cannot use the session log `{path}`: {source}", path = path.display())]
    Session {
        /// The log or its folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// An event could not be written to a session's log. What the log holds is safe.
    #[error(
        "cannot write the session log `{path}`: {source}\nhint: nothing that it holds is lost; when it can be written, `glm session resume {id}` goes on",
        path = path.display()
    )]
    NotLogged {
        /// The session's id.
        id: String,
        /// The log.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The schema of an answer is none.
    #[error("the answer's schema cannot be used: {reason}")]
    AnswerSchema {
        /// What is wrong with it.
        reason: String,
    },
    /// A run ended without an answer in the form that was asked for.
    #[error("there is no answer: {reason}\nhint: `glm session show {id}` shows how far it came")]
    NoAnswer {
        /// Why not.
        reason: String,
        /// The session's id.
        id: String,
    },
    /// A line of a log is not an event.
    #[error("the session log `{path}` is damaged at line {line}: {reason}", path = path.display())]
    DamagedLog {
        /// The log.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no session of this id.
    #[error("there is no session `{id}`\nhint: `glm session list` shows them")]
    NoSession {
        /// The id asked for.
        id: String,
    },
    /// Two processes wanted one session.
    #[error("session `{id}` is open in another process")]
    SessionInUse {
        /// The session's id.
        id: String,
    },
    /// A name was asked for that another session has.
    #[error("there is a session `{id}` already\nhint: choose another name")]
    SessionExists {
        /// The session's id.
        id: String,
    },
    /// A session cannot begin with so many events of another.
    #[error(
        "session `{id}` has {most} events; a fork begins with 1 to {most} of them, not {count}"
    )]
    NoSuchPrefix {
        /// The session's id.
        id: String,
        /// How many were asked for.
        count: usize,
        /// How many there are.
        most: usize,
    },
    /// No session waits for anybody, and none was left in the middle.
    #[error(
        "no session waits for an answer, and no run was cut off\nhint: `glm session list` shows how each ended"
    )]
    NothingWaits,
    /// Answers were given and no call waits.
    #[error(
        "no call in session `{id}` waits for an answer\nhint: `glm --session {id}` goes on with it"
    )]
    NothingPending {
        /// The session's id.
        id: String,
    },
    /// An answer was given to a call that does not wait.
    #[error("the call `{call}` does not wait for an answer; these do: {}", pending.join(", "))]
    NotPending {
        /// The call that was named.
        call: String,
        /// Those that wait.
        pending: Vec<String>,
    },
    /// Calls wait, no answer was given and nobody is there to ask.
    #[error("calls wait for an answer: {}\nhint: --approve CALL, --deny CALL or --result CALL=TEXT", pending.join(", "))]
    StillPending {
        /// Those that wait.
        pending: Vec<String>,
    },
    /// An answer that a call cannot be given.
    #[error("the answer to `{call}` does not fit: {reason}")]
    Answer {
        /// The call.
        call: String,
        /// Why not.
        reason: String,
    },
    /// A run came to no end that the log tells of.
    #[error("the run in session `{id}` has no end")]
    Unended {
        /// The session's id.
        id: String,
    },
    /// A session's name cannot be a folder's.
    #[error(
        "`{name}` cannot name a session\nhint: use letters, digits, `-`, `_` and `.`, at most 100 of them"
    )]
    BadSessionName {
        /// The name asked for.
        name: String,
    },
    /// A session belongs to another model.
    #[error(
        "session `{id}` was held with {then}, not with {now}\nhint: pass `--model {then}`, or start another session"
    )]
    OtherModel {
        /// The session's id.
        id: String,
        /// Its model.
        then: String,
        /// The model asked for.
        now: String,
    },
    /// A file to be copied could not be read or written.
    #[error("cannot {action} `{path}`: {source}", path = path.display())]
    File {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something that is not copied into a session's folder.
    #[error("cannot copy `{path}` into the session's folder: {reason}", path = path.display())]
    FileRefused {
        /// The user's path, or what is below it.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// Two files of one name.
    #[error(
        "another file of the session is or would be `{name}`\nhint: rename yours, or start another session"
    )]
    FilesClash {
        /// Its name in the session's folder.
        name: String,
    },
    /// More files than the sandbox is given room for.
    #[error(
        "the session would have {count} files and folders with {bytes}, and its folder holds at most {most} with {most_bytes}"
    )]
    FilesTooLarge {
        /// All of its files, as people write it.
        bytes: String,
        /// How many there would be.
        count: u64,
        /// The limit on the bytes.
        most_bytes: String,
        /// The limit on how many.
        most: u64,
    },
    /// A copy would overwrite something.
    #[error("`{path}` exists\nhint: `--force` replaces it", path = path.display())]
    FileExists {
        /// Where the copy was to be.
        path: PathBuf,
    },
    /// The session's folder holds no such file.
    #[error("session `{id}` has no file `{name}`\nhint: `glm session files {id}` lists them")]
    NoFile {
        /// The session's id.
        id: String,
        /// The name asked for.
        name: String,
    },
    /// A session's folder could not be read.
    #[error(transparent)]
    Sandbox(#[from] glm_agent_sandbox::Error),
    /// A task without words.
    #[error("the task is empty\nhint: glm run \"What is 37 * 41? Use python.\"")]
    EmptyTask,
    /// The tasks of a batch could not be read.
    #[error("cannot read the tasks from `{name}`: {source}")]
    Tasks {
        /// The file.
        name: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Lines of a batch's tasks are none.
    #[error("`{name}` has lines that are no tasks, and nothing was run\n{faults}")]
    BadTasks {
        /// The file.
        name: String,
        /// What is wrong with which lines.
        faults: Faults,
    },
    /// A batch without a task.
    #[error(
        "there are no tasks in `{name}`\nhint: one a line: {{\"id\": \"a\", \"task\": \"What is 37 * 41?\"}}"
    )]
    NoTasks {
        /// The file.
        name: String,
    },
    /// A task asks for what whoever does it has no say in.
    #[error("the task `{id}` asks for {what}, which it cannot be given here")]
    TaskRefused {
        /// The task's id.
        id: String,
        /// What it asks for.
        what: String,
    },
    /// A batch's results could not be read or written.
    #[error("cannot {action} `{path}`: {source}", path = path.display())]
    Results {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line of a batch's results is none.
    #[error("line {line} of `{path}` is no result of a batch: {reason}\nhint: name another file with --out", path = path.display())]
    DamagedResults {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Two processes wanted to write to one file of results.
    #[error("another process writes its results to `{path}`", path = path.display())]
    ResultsInUse {
        /// The file.
        path: PathBuf,
    },
    /// The address of a queue is none. It is not repeated: it may hold a password.
    #[error(
        "the queue must be an address of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE\nhint: write special characters of the password as %XX, or set PGPASSWORD; of parameters, sslmode is known, among others"
    )]
    QueueAddress,
    /// The queue in PostgreSQL cannot be used.
    #[error("cannot use the queue at {name}: {reason}")]
    Queue {
        /// Its address without the password.
        name: String,
        /// What the server or the connection says.
        reason: String,
    },
    /// A file of keys for clients holds none.
    #[error("`{path}` holds no key\nhint: write one a line", path = path.display())]
    NoKeys {
        /// The file.
        path: PathBuf,
    },
    /// The user's directories are unknown.
    #[error("cannot find your {what} directory\nhint: set {variable}")]
    NoDirectory {
        /// Which one.
        what: &'static str,
        /// The variable that says where it is.
        variable: &'static str,
    },
    /// Traces are asked for in a way that cannot be.
    #[error("traces cannot be sent: {reason}")]
    Telemetry {
        /// What is wrong.
        reason: String,
    },
    /// A collector did not take a session's traces.
    #[error("the traces were not sent to {endpoint}: {reason}")]
    NotSent {
        /// The collector's address.
        endpoint: String,
        /// What it says, or the network.
        reason: String,
    },
    /// An agent was described without a model.
    #[error("an agent needs an engine\nhint: `Agent::builder().engine(...)`")]
    NoEngine,
    /// An engine's stream ended without a reply.
    #[error("{model} stopped in the middle of a reply")]
    Unfinished {
        /// The model.
        model: String,
    },
    /// A tool ended the run.
    #[error("tool `{name}` failed: {reason}")]
    Tool {
        /// The tool.
        name: String,
        /// What it says.
        reason: String,
    },
}

/// What is wrong with lines of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<(usize, String)>);

impl Faults {
    /// Lines that are told.
    const SHOWN: usize = 20;

    /// Adds what is wrong with a line, from 1.
    pub(crate) fn add(&mut self, line: usize, fault: String) {
        self.0.push((line, fault));
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = self
            .0
            .iter()
            .take(Self::SHOWN)
            .map(|(line, fault)| format!("line {line}: {fault}"))
            .collect();
        if let Some(more @ 1..) = self.0.len().checked_sub(Self::SHOWN) {
            lines.push(format!("and {more} more"));
        }
        f.write_str(&lines.join("\n"))
    }
}

impl Error {
    /// Whether the same may go well later: what failed is an engine, or a network.
    pub fn is_transient(&self) -> bool {
        use glm_agent_model::Error as Model;
        match self {
            Self::Unfinished { .. } => true,
            Self::Model(error @ Model::Refused { .. }) => !error.is_input(),
            Self::Model(error) => matches!(
                error,
                Model::Inference { .. }
                    | Model::Fetch { .. }
                    | Model::Unreachable { .. }
                    | Model::BrokenOff { .. }
                    | Model::TooSlow { .. }
            ),
            _ => false,
        }
    }

    /// For `map_err` on operations with a batch's results.
    pub(crate) fn results(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Results {
            action,
            path,
            source,
        }
    }

    /// For `map_err` on file operations.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
