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

/// So many failures in a row are the engine's, and not that of one entry.
const IN_A_ROW: usize = 3;

/// Failures of the engine since it last replied.
#[derive(Default)]
struct Failures {
    recent: Vec<(Outcome, Error)>,
    /// Whether it has replied at all.
    is_alive: bool,
}

impl Failures {
    /// What an engine's failure comes to, for now.
    fn add(&mut self, entry: &Entry, error: Error) -> Result<Vec<Outcome>, Error> {
        let Error::Reply { source, .. } = &error else {
            return Err(error);
        };
        let said = source.to_string();
        let said = said.lines().next().unwrap_or_default();
        let outcome = Outcome::new(entry, Err(Fault::new(Fault::ENGINE, said)));
        self.recent.push((outcome, error));
        if self.recent.len() < IN_A_ROW {
            return Ok(Vec::new());
        }
        Err(self.recent.swap_remove(0).1)
    }

    /// There was a reply, or nothing follows: what failed before is what it is, unless
    /// the engine has never replied.
    fn settle(&mut self, reply: Option<Outcome>) -> Result<Vec<Outcome>, Error> {
        self.is_alive |= reply.is_some();
        let recent = std::mem::take(&mut self.recent);
        if self.is_alive {
            return Ok(recent
                .into_iter()
                .map(|(outcome, _)| outcome)
                .chain(reply)
                .collect());
        }
        recent
            .into_iter()
            .next()
            .map_or(Ok(Vec::new()), |(_, error)| Err(error))
    }
}

fn keep(
    done: Result<Vec<Outcome>, Error>,
    log: &mut Log,
    watch: &(dyn Fn(&Outcome) + Sync),
) -> Result<(), Error> {
    for outcome in done? {
        watch(&outcome);
        log.add(outcome)?;
    }
    Ok(())
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
    /// A prompt that is too long for the model is an outcome, and so is an engine's
    /// failure, if the engine goes on with other entries.
    ///
    /// # Errors
    /// When the engine fails several times in a row, or the official tools do, or an
    /// outcome cannot be written.
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
        let mut failures = Failures::default();
        let mut ended = Ok(());
        loop {
            while running.len() < self.jobs && !stop.is_cancelled() {
                let Some(entry) = todo.next() else { break };
                let (evaluation, stop) = (self.clone(), stop.clone());
                running.spawn(async move {
                    let outcome = evaluation.outcome(&entry, &stop).await;
                    outcome.map_err(|error| (entry, error))
                });
            }
            let done = match running.join_next().await {
                Some(Ok(Ok(Some(outcome)))) => failures.settle(Some(outcome)),
                Some(Ok(Ok(None))) => Ok(Vec::new()),
                Some(Ok(Err((entry, error)))) => failures.add(&entry, error),
                Some(Err(error)) => {
                    tracing::warn!("an entry was given up: {error}");
                    Ok(Vec::new())
                }
                None if ended.is_ok() => return keep(failures.settle(None), log, watch),
                None => return ended,
            };
            let kept = keep(done, log, watch);
            if kept.is_err() && ended.is_ok() {
                // What the others have so far is kept.
                stop.cancel();
                ended = kept;
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
                Ok(Answer::Refused(Fault::new(Fault::TOO_LONG, message)))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use async_trait::async_trait;
    use futures::stream::BoxStream;

    use super::*;
    use crate::{
        eval::{Category, Expected, How, RunInfo},
        model::{Message, Profile, engine::scripted::Scripted},
    };

    /// Fails where the user says so.
    struct Moody(Scripted);

    #[async_trait]
    impl Engine for Moody {
        fn model(&self) -> &str {
            "moody"
        }

        fn profile(&self) -> &Profile {
            self.0.profile()
        }

        fn context_length(&self) -> usize {
            self.0.context_length()
        }

        fn count_tokens(&self, conversation: &Conversation) -> Result<usize, model::Error> {
            self.0.count_tokens(conversation)
        }

        async fn generate(
            &self,
            request: Request,
        ) -> Result<BoxStream<'static, Result<Delta, model::Error>>, model::Error> {
            let fails = Message::User {
                content: "fail".to_owned(),
            };
            if request.conversation.messages.contains(&fails) {
                return Err(model::Error::Inference {
                    model: "moody".to_owned(),
                    action: "cannot go on",
                    reason: "no".to_owned(),
                });
            }
            self.0.generate(request).await
        }
    }

    /// Runs entries in which this is said: the outcomes' kinds of faults in their order,
    /// and how it ended.
    async fn run(said: &[&str]) -> (Vec<Option<String>>, Result<(), Error>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("BFCL_v4_simple_python.json"), "").unwrap();
        let source = Source::named(folder.path()).unwrap();
        let entries = said.iter().enumerate().map(|(number, said)| Entry {
            id: format!("irrelevance_{number}"),
            category: Category::Irrelevance,
            turns: vec![vec![Message::User {
                content: (*said).to_owned(),
            }]],
            functions: Vec::new(),
            later: Vec::new(),
            expected: Expected::ACall(false),
        });
        let entries: Vec<Entry> = entries.collect();
        let info = RunInfo {
            model: "moody".to_owned(),
            data: String::new(),
            seed: 0,
            how: How::Given { profile: None },
        };
        let mut log = Log::open(&folder.path().join("out"), &info).unwrap();
        let engine = Arc::new(Moody(Scripted::new(["\nNo.<|user|>"]).unwrap()));
        let ended = Evaluation::new(engine, source)
            .run(&entries, &mut log, &|_| (), &CancellationToken::new())
            .await;
        let outcomes = entries.iter().filter_map(|entry| log.get(&entry.id));
        let kinds = outcomes.map(|outcome| outcome.error.as_ref().map(|e| e.kind.clone()));
        (kinds.collect(), ended)
    }

    #[tokio::test]
    async fn a_failure_is_an_outcome_where_the_engine_goes_on() {
        let failed = || Some(Fault::ENGINE.to_owned());
        let (kinds, ended) = run(&["fail", "fail", "hi", "fail"]).await;
        assert!(ended.is_ok());
        assert_eq!(kinds, [failed(), failed(), None, failed()]);
    }

    #[tokio::test]
    async fn an_engine_that_is_gone_ends_the_run() {
        let (kinds, ended) = run(&["hi", "fail", "fail", "fail", "hi"]).await;
        assert_eq!(kinds, [None]);
        let error = ended.unwrap_err().to_string();
        assert!(error.starts_with("irrelevance_1: "), "{error}");
        let (kinds, ended) = run(&["fail"]).await;
        assert!(kinds.is_empty() && ended.is_err());
    }
}
