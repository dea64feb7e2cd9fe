//! Puts entries to a model.

use std::{sync::Arc, time::Instant};

use futures::StreamExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Entry, Error, Fault, Log, Outcome, Source, multi_turn};
use crate::model::{
    self, Conversation, Delta, Engine, Finish, Reply, Request, Sampling, ToolChoice, ToolSpec,
};

/// A model, and how it is asked.
#[derive(Clone)]
pub struct Evaluation {
    engine: Arc<dyn Engine>,
    source: Source,
    sampling: Sampling,
    max_tokens: usize,
    skip_thoughts: bool,
    jobs: usize,
}

/// A reply, or why there can be none.
pub(super) enum Answer {
    Reply(Reply),
    /// The model cannot take the prompt: what it lacks is room.
    Refused(Fault),
    /// Nobody waits for it any more.
    Cancelled,
}

impl Evaluation {
    /// Has this model asked one entry after the other, with the likeliest tokens. The
    /// tools of entries with several turns are the source's.
    pub fn new(engine: Arc<dyn Engine>, source: Source) -> Self {
        Self {
            engine,
            source,
            sampling: Sampling::default(),
            max_tokens: 1024,
            skip_thoughts: false,
            jobs: 1,
        }
    }

    /// How tokens are chosen.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// The longest reply, in tokens.
    #[must_use]
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = tokens;
        self
    }

    /// Has a model that thinks reply without.
    #[must_use]
    pub fn without_thoughts(mut self, without: bool) -> Self {
        self.skip_thoughts = without;
        self
    }

    /// How many entries are put to the model at the same time, one at least.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Puts those entries to the model that have no outcome in the log yet, and adds what
    /// comes of them. When `stop` is cancelled, replies under way are given up.
    ///
    /// # Errors
    /// When the engine fails, or the official tools do, or an outcome cannot be written.
    /// A prompt that is too long for the model is an outcome.
    pub async fn run(
        &self,
        entries: &[Entry],
        log: &mut Log,
        watch: &(dyn Fn(&Outcome) + Sync),
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let stop = stop.child_token();
        let todo = entries.iter().filter(|entry| log.get(&entry.id).is_none());
        let mut todo = todo.cloned().collect::<Vec<_>>().into_iter();
        let mut running = JoinSet::new();
        let mut failed = Ok(());
        loop {
            while running.len() < self.jobs && !stop.is_cancelled() {
                let Some(entry) = todo.next() else { break };
                let (evaluation, stop) = (self.clone(), stop.clone());
                running.spawn(async move { evaluation.outcome(&entry, &stop).await });
            }
            let Some(done) = running.join_next().await else {
                return failed;
            };
            let added = match done {
                Ok(Ok(Some(outcome))) => {
                    watch(&outcome);
                    log.add(outcome)
                }
                Ok(Ok(None)) => Ok(()),
                Ok(Err(error)) => Err(error),
                Err(error) => {
                    tracing::warn!("an entry was given up: {error}");
                    Ok(())
                }
            };
            if added.is_err() && failed.is_ok() {
                // What the others have so far is kept.
                stop.cancel();
                failed = added;
            }
        }
    }

    async fn outcome(
        &self,
        entry: &Entry,
        stop: &CancellationToken,
    ) -> Result<Option<Outcome>, Error> {
        let begun = Instant::now();
        let outcome = if entry.is_multi_turn() {
            multi_turn::play(self, &self.source, entry, stop).await?
        } else {
            let mut conversation = self.conversation(entry.tools());
            conversation.messages = entry.turns.concat();
            match self.ask(entry, conversation, stop).await? {
                Answer::Reply(reply) => Some(Outcome::of(entry, &reply, self.engine.profile())),
                Answer::Refused(fault) => Some(Outcome::new(entry, Err(fault))),
                Answer::Cancelled => None,
            }
        };
        Ok(outcome.map(|outcome| Outcome {
            seconds: begun.elapsed().as_secs_f64(),
            ..outcome
        }))
    }

    /// A conversation that nobody has said anything in.
    pub(super) fn conversation(&self, tools: Vec<ToolSpec>) -> Conversation {
        Conversation {
            tools,
            skip_thoughts: self.skip_thoughts,
            ..Conversation::default()
        }
    }

    /// Asks for one reply.
    pub(super) async fn ask(
        &self,
        entry: &Entry,
        conversation: Conversation,
        stop: &CancellationToken,
    ) -> Result<Answer, Error> {
        let request = Request {
            conversation,
            sampling: self.sampling,
            max_tokens: self.max_tokens,
            tool_choice: ToolChoice::Auto,
            answer_schema: None,
            cancel: stop.clone(),
        };
        match self.reply(request).await {
            Ok(reply) if reply.finish == Finish::Cancelled => Ok(Answer::Cancelled),
            Ok(reply) => Ok(Answer::Reply(reply)),
            Err(crate::Error::Model(error @ model::Error::PromptTooLong { .. })) => {
                let message = error.to_string();
                let message = message.lines().next().unwrap_or_default();
                Ok(Answer::Refused(Fault::new(
                    "reply:prompt_too_long",
                    message,
                )))
            }
            Err(_) if stop.is_cancelled() => Ok(Answer::Cancelled),
            Err(source) => Err(Error::Reply {
                id: entry.id.clone(),
                source,
            }),
        }
    }

    async fn reply(&self, request: Request) -> Result<Reply, crate::Error> {
        let mut deltas = self.engine.generate(request).await?;
        while let Some(delta) = deltas.next().await {
            if let Delta::Finished(reply) = delta? {
                return Ok(reply);
            }
        }
        Err(crate::Error::Unfinished {
            model: self.engine.model().to_owned(),
        })
    }
}
