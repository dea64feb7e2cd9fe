//! What can go wrong between a conversation and a reply.

use std::path::PathBuf;

/// An error of the model crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No profile has this name.
    #[error("there is no profile `{name}`\nhint: known are {known}")]
    UnknownProfile {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A model was to be told not to think, and there is no way to.
    #[error("the profile `{profile}` has no switch for thoughts\nhint: {known} have one")]
    NoThinkingSwitch {
        /// The name of its profile.
        profile: &'static str,
        /// The names of those that have one.
        known: String,
    },
    /// A list of messages is not of the expected form.
    #[error("message {index} cannot be read: {reason}")]
    Transcript {
        /// The message, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A tool was asked for that is not on offer.
    #[error("the tool `{name}` is not on offer")]
    NoSuchTool {
        /// Its name.
        name: String,
    },
    /// A file could not be read or written.
    #[error("cannot use `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A script of replies has a line that is none.
    #[error(
        "`{path}` is not a script of replies: line {line}: {reason}\nhint: one JSON string a line, each the raw text of one reply",
        path = path.display()
    )]
    BadScript {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder is not a checkpoint that can run.
    #[error("cannot use the checkpoint `{path}`: {reason}", path = path.display())]
    BadCheckpoint {
        /// The folder, or the file in it that is wrong.
        path: PathBuf,
        /// What is wrong, with the name of the tensor, token or key.
        reason: String,
    },
    /// A file is not a reference that a checkpoint can be compared with.
    #[error(
        "cannot compare with `{path}`: {reason}\nhint: make it from this model's published files with model/checkpoint/reference.py",
        path = path.display()
    )]
    BadReference {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No model has this name.
    #[error(
        "there is no model `{name}`\nhint: known are {known}; fetch one with `glm model pull OWNER/REPO`, or import a downloaded one with `glm model import FOLDER`"
    )]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A model is known but not on this machine.
    #[error("the model `{name}` is not on this machine yet\nhint: {hint}")]
    NotPulled {
        /// The model.
        name: String,
        /// How to get it.
        hint: String,
    },
    /// A name cannot be a folder's.
    #[error(
        "`{name}` cannot name a model\nhint: use letters, digits, `-`, `_` and `.`, at most 100 of them"
    )]
    BadModelName {
        /// The name asked for.
        name: String,
    },
    /// A model of this name is there already.
    #[error("there is a model `{name}` already, in `{path}`\nhint: choose another name, or `glm model rm {name}`", path = path.display())]
    ModelExists {
        /// Its name.
        name: String,
        /// Where it is.
        path: PathBuf,
    },
    /// Another process is fetching, making or removing the model.
    #[error(
        "the model `{name}` is being worked on by another `glm`\nhint: wait for it to end, or stop it"
    )]
    ModelBusy {
        /// Its name.
        name: String,
    },
    /// A name is not that of a repository.
    #[error(
        "`{id}` at `{revision}` is no repository of the hub\nhint: OWNER/REPO, as in THUDM/glm-4-9b-chat-hf, and a branch, tag or commit of it"
    )]
    BadRepository {
        /// The name asked for.
        id: String,
        /// Its branch, tag or commit.
        revision: String,
    },
    /// There is too little room on the disk.
    #[error(
        "not enough room in `{path}`: {needed} are needed and {free} free\nhint: remove models with `glm model rm NAME`, or name folders on another disk in GLM_CACHE_DIR (models) and HF_HOME (downloads)",
        path = path.display(), needed = bytes(*needed), free = bytes(*free)
    )]
    DiskFull {
        /// The folder that was to be written.
        path: PathBuf,
        /// Bytes to be written.
        needed: u64,
        /// Bytes that can be written.
        free: u64,
    },
    /// No type of rounded weights has this name.
    #[error("weights cannot be rounded to `{name}`\nhint: known are {known}")]
    UnknownQuantization {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Something could not be fetched.
    #[error("cannot fetch {what}: {reason}\nhint: {hint}")]
    Fetch {
        /// What was to be fetched.
        what: String,
        /// What went wrong, in one line.
        reason: String,
        /// What to do next.
        hint: String,
    },
    /// A prompt leaves no room for a reply.
    #[error(
        "the prompt has {tokens} tokens and the model's context {limit}\nhint: begin a new session, or offer fewer or shorter tools and texts"
    )]
    PromptTooLong {
        /// The prompt's length.
        tokens: usize,
        /// The context's length.
        limit: usize,
    },
    /// The engine cannot continue a text of this kind.
    #[error("`{model}` cannot continue {what}\nhint: ask it as a conversation")]
    CannotComplete {
        /// The model.
        model: String,
        /// What it was given: "texts", "tokens".
        what: &'static str,
    },
    /// The engine failed.
    #[error("`{model}` {action}: {reason}")]
    Inference {
        /// The model.
        model: String,
        /// What failed: "cannot be loaded", "cannot be quantised", "cannot go on".
        action: &'static str,
        /// What the engine says.
        reason: String,
    },
    /// A model that repeats recorded replies was asked something else.
    #[error("request {number} is not the one that was recorded (-), but (+):\n{difference}")]
    OtherRequest {
        /// The request, from 1.
        number: usize,
        /// The lines that differ.
        difference: String,
    },
    /// The address of a server cannot be used.
    #[error("`{url}` cannot be used as an engine: {reason}")]
    BadEndpoint {
        /// The address, without what may be secret in it.
        url: String,
        /// Why not, and what to do about it.
        reason: String,
    },
    /// A server has several models, and none was named.
    #[error("{url} serves {}, and none was chosen\nhint: --model with one of these: {known}", match known.as_str() { "" => "no model that it tells of", _ => "several models" })]
    WhichModel {
        /// The server.
        url: String,
        /// The models.
        known: String,
    },
    /// A server does not have the model that was named.
    #[error("{url} does not serve `{model}`\nhint: --model with one of these: {known}")]
    NotServed {
        /// The server.
        url: String,
        /// The model.
        model: String,
        /// Those that it has.
        known: String,
    },
    /// Prompts cannot be made for a model, since its family is not known.
    #[error(
        "cannot tell by which profile `{model}` is prompted\nhint: name one as `profile` below [remote] in glm.toml, or have the server make the prompts: template = \"server\""
    )]
    WhichProfile {
        /// The model.
        model: String,
    },
    /// A server cannot be reached.
    #[error("cannot reach {url}: {reason}\nhint: {hint}")]
    Unreachable {
        /// The server.
        url: String,
        /// What went wrong.
        reason: String,
        /// What to do next.
        hint: String,
    },
    /// A server refused a request.
    #[error("{url} answered with status {status}: {reason}\nhint: {hint}")]
    Refused {
        /// The server.
        url: String,
        /// The status of HTTP.
        status: u16,
        /// What it says.
        reason: String,
        /// What to do next.
        hint: String,
    },
    /// A server answered in another format than OpenAI's.
    #[error(
        "{url} answered in another format than OpenAI's: {received}\nhint: is it the address of an OpenAI-compatible API? It often ends in /v1"
    )]
    OtherFormat {
        /// The server.
        url: String,
        /// What came instead, shortened.
        received: String,
    },
    /// A reply had begun and did not come to its end.
    #[error(
        "the reply of {url} broke off {place}: {reason}\nhint: no call of it was made; try again"
    )]
    BrokenOff {
        /// The server.
        url: String,
        /// Where: "in the middle of a call of `get_weather`".
        place: String,
        /// What went wrong.
        reason: String,
    },
    /// A server took too long.
    #[error("{url} took longer than {seconds} s {what}\nhint: {hint}")]
    TooSlow {
        /// The server.
        url: String,
        /// What for: "to begin a reply".
        what: &'static str,
        /// The limit.
        seconds: f64,
        /// What to do next.
        hint: &'static str,
    },
    /// An image was given to a model that has no eyes.
    #[error("`{model}` cannot see images\nhint: {hint}")]
    CannotSee {
        /// The model.
        model: String,
        /// What to do next.
        hint: String,
    },
    /// A file is no image that can be shown to a model.
    #[error("cannot show the image `{path}`: {reason}", path = path.display())]
    BadImage {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A script of replies has no more.
    #[error("the script {source_name} has {replies} replies, and one more was asked for")]
    ScriptOver {
        /// Where the script came from.
        source_name: String,
        /// How many replies it has.
        replies: usize,
    },
}

impl Error {
    /// Whether the user can mend it by giving other input.
    pub fn is_input(&self) -> bool {
        match self {
            Self::UnknownProfile { .. }
            | Self::NoThinkingSwitch { .. }
            | Self::Transcript { .. }
            | Self::NoSuchTool { .. }
            | Self::BadScript { .. }
            | Self::BadCheckpoint { .. }
            | Self::BadReference { .. }
            | Self::UnknownModel { .. }
            | Self::NotPulled { .. }
            | Self::BadModelName { .. }
            | Self::UnknownQuantization { .. }
            | Self::ModelExists { .. }
            | Self::ModelBusy { .. }
            | Self::BadRepository { .. }
            | Self::CannotComplete { .. }
            | Self::BadEndpoint { .. }
            | Self::WhichModel { .. }
            | Self::NotServed { .. }
            | Self::WhichProfile { .. }
            | Self::CannotSee { .. }
            | Self::BadImage { .. }
            | Self::PromptTooLong { .. } => true,
            // A request that is wrong as it is, or whose key is.
            Self::Refused { status, .. } => {
                matches!(status, 400..=499) && !matches!(status, 408 | 425 | 429)
            }
            Self::Io { .. }
            | Self::DiskFull { .. }
            | Self::ScriptOver { .. }
            | Self::OtherRequest { .. }
            | Self::Fetch { .. }
            | Self::Unreachable { .. }
            | Self::OtherFormat { .. }
            | Self::BrokenOff { .. }
            | Self::TooSlow { .. }
            | Self::Inference { .. } => false,
        }
    }
}

/// A number of bytes as people read it.
pub(crate) fn bytes(count: u64) -> String {
    let (unit, name) = match count {
        1_000_000_000.. => (1e9, "GB"),
        1_000_000.. => (1e6, "MB"),
        _ => (1e3, "kB"),
    };
    format!("{:.2} {name}", count as f64 / unit)
}
