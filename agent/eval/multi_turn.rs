//! Entries of several turns, whose tools have a state: the official ones, in Python.
//!
//! The model is asked here. A process for each entry (`multi_turn.py`) makes the calls on
//! the official tools, and asks the official checker for its verdict in the end. A turn
//! ends with a reply that calls nothing; an entry is given up after as many replies in a
//! turn as the official code allows.

use std::{process::Stdio, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    Call, Entry, Error, Evaluation, Fault, Outcome, Source,
    entry::Expected,
    outcome::{Step, calls},
    run::Answer,
};
use crate::model::{Message, Usage};

const SCRIPT: &str = include_str!("multi_turn.py");

/// How long the tools may take for the calls of a reply, and the checker for all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Holds a conversation, and has it judged; `None` when it was given up.
pub(super) async fn play(
    evaluation: &Evaluation,
    source: &Source,
    entry: &Entry,
    stop: &CancellationToken,
) -> Result<Option<Outcome>, Error> {
    let (mut tools, rules) = Tools::start(source, entry).await?;
    let mut conversation = evaluation.conversation(entry.tools());
    let mut usage = Usage::default();
    let mut turns: Vec<Vec<Step>> = Vec::new();
    let checked = 'entry: {
        'turns: for (number, said) in entry.turns.iter().enumerate() {
            match entry.more_tools(number) {
                None => conversation.messages.extend(said.iter().cloned()),
                Some(more) => {
                    conversation.tools.extend(more);
                    conversation.messages.push(Message::User {
                        content: rules.more_functions.clone(),
                    });
                }
            }
            turns.push(Vec::new());
            loop {
                let answer = evaluation.ask(entry, conversation.clone(), stop).await?;
                let reply = match answer {
                    Answer::Reply(reply) => reply,
                    Answer::Refused(fault) => break 'entry Err(fault),
                    Answer::Cancelled => return Ok(None),
                };
                usage += reply.usage;
                let mut step = Step {
                    calls: calls(&reply),
                    raw: reply.raw,
                    results: Vec::new(),
                };
                if !reply.segments.is_empty() {
                    conversation.messages.push(Message::Assistant {
                        segments: reply.segments,
                    });
                }
                let is_over = step.calls.is_empty();
                if !is_over {
                    match tools.call(&step.calls).await? {
                        Ok(results) => step.results = results,
                        Err(fault) => break 'entry Err(fault),
                    }
                }
                let observations = step.results.iter().map(|result| Message::Observation {
                    metadata: String::new(),
                    content: result.clone(),
                });
                conversation.messages.extend(observations);
                let Some(steps) = turns.last_mut() else { break };
                steps.push(step);
                if is_over {
                    break;
                }
                if steps.len() > rules.most_steps {
                    break 'turns;
                }
            }
        }
        tools.verdict(entry, &turns).await?
    };
    Ok(Some(Outcome {
        turns,
        usage,
        ..Outcome::new(entry, checked)
    }))
}

/// Judges the turns of a conversation that was held elsewhere.
pub(super) async fn judge(
    source: &Source,
    entry: &Entry,
    turns: Vec<Vec<Step>>,
) -> Result<Outcome, Error> {
    let (mut tools, _) = Tools::start(source, entry).await?;
    let checked = tools.verdict(entry, &turns).await?;
    Ok(Outcome {
        turns,
        ..Outcome::new(entry, checked)
    })
}

/// A process with the tools of one entry.
struct Tools {
    id: String,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Ends with this.
    _process: Child,
}

/// What the process is asked.
#[derive(Serialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Question<'a> {
    /// Get the tools ready.
    Begin { entry: &'a Value },
    /// Make these calls.
    Call { calls: &'a [Call] },
    /// Judge the calls of each reply of each turn.
    Verdict { turns: Vec<Vec<&'a [Call]>> },
}

/// What it says.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said<T> {
    Ok(T),
    /// The package's code cannot be run.
    Missing(String),
    Failed(String),
}

/// What the official code has of conversations.
#[derive(Deserialize)]
struct Rules {
    /// The most replies in one turn.
    most_steps: usize,
    /// What the user says when there are more functions.
    more_functions: String,
}

impl Tools {
    async fn start(source: &Source, entry: &Entry) -> Result<(Self, Rules), Error> {
        let mut python = tokio::process::Command::from(source.python());
        // Ctrl-C is for this process, which ends that one.
        #[cfg(unix)]
        python.process_group(0);
        let process = python
            .args(["-c", SCRIPT])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONIOENCODING", "utf-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut process = process.map_err(|error| missing(entry, error.to_string()))?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(missing(entry, "it cannot be spoken with".to_owned()));
        };
        let mut tools = Self {
            id: entry.id.clone(),
            stdin,
            answers: BufReader::new(stdout).lines(),
            _process: process,
        };
        let Expected::State(whole) = &entry.expected else {
            return Err(tools.failed("the entry has one turn".to_owned()));
        };
        match tools.ask(Question::Begin { entry: whole }).await? {
            Some(rules) => Ok((tools, rules)),
            None => Err(tools.failed("they do not get ready".to_owned())),
        }
    }

    /// What the calls return, in their order.
    async fn call(&mut self, calls: &[Call]) -> Result<Result<Vec<String>, Fault>, Error> {
        let results: Option<Vec<String>> = self.ask(Question::Call { calls }).await?;
        match results {
            Some(results) if results.len() == calls.len() => Ok(Ok(results)),
            Some(_) => Err(self.failed("they do not say what each call returned".to_owned())),
            None => Ok(Err(too_slow())),
        }
    }

    async fn verdict(
        &mut self,
        entry: &Entry,
        turns: &[Vec<Step>],
    ) -> Result<Result<(), Fault>, Error> {
        if turns.len() != entry.turns.len() {
            return Ok(Err(given_up(entry, turns)));
        }
        let turns = turns.iter().map(|steps| {
            let calls = steps.iter().map(|step| step.calls.as_slice());
            calls.filter(|calls| !calls.is_empty()).collect()
        });
        let turns = turns.collect();
        let fault: Option<Option<Fault>> = self.ask(Question::Verdict { turns }).await?;
        Ok(match fault {
            Some(None) => Ok(()),
            Some(Some(fault)) => Err(fault),
            None => Err(too_slow()),
        })
    }

    /// Asks, and waits for what is said; `None` when that takes too long.
    async fn ask<T: DeserializeOwned>(
        &mut self,
        question: Question<'_>,
    ) -> Result<Option<T>, Error> {
        let mut line = serde_json::to_vec(&question).map_err(|e| self.failed(e.to_string()))?;
        line.push(b'\n');
        let said = async {
            self.stdin.write_all(&line).await?;
            self.stdin.flush().await?;
            self.answers.next_line().await
        };
        let Ok(said) = timeout(PATIENCE, said).await else {
            return Ok(None);
        };
        let said = said.map_err(|error| self.failed(error.to_string()))?;
        let said = said.ok_or_else(|| self.failed("they ended".to_owned()))?;
        match serde_json::from_str(&said).map_err(|error| self.failed(error.to_string()))? {
            Said::Ok(said) => Ok(Some(said)),
            Said::Missing(reason) => Err(Error::Driver {
                id: self.id.clone(),
                reason,
                hint: MISSING,
            }),
            Said::Failed(reason) => Err(self.failed(reason)),
        }
    }

    fn failed(&self, reason: String) -> Error {
        Error::Driver {
            id: self.id.clone(),
            reason,
            hint: "what was measured is kept; the same command goes on",
        }
    }
}

const MISSING: &str = "`pip install --no-deps bfcl-eval==2026.3.23 mpmath==1.3.0` into the Python \
    that GLM_PYTHON names, or into a virtual environment that --data names";

fn missing(entry: &Entry, reason: String) -> Error {
    Error::Driver {
        id: entry.id.clone(),
        reason: format!("Python cannot be run: {reason}"),
        hint: "install Python 3, or name an interpreter in GLM_PYTHON",
    }
}

/// There were too many replies in the last of these turns.
fn given_up(entry: &Entry, turns: &[Vec<Step>]) -> Fault {
    let replies = turns.last().map_or(0, Vec::len);
    let (turn, all) = (turns.len(), entry.turns.len());
    Fault::new(
        "multi_turn:force_terminated",
        format!("given up in turn {turn} of {all}, after {replies} replies"),
    )
}

fn too_slow() -> Fault {
    Fault::new(
        "multi_turn:too_slow",
        format!("the tools took longer than {} seconds", PATIENCE.as_secs()),
    )
}
