//! Does what the state machine says: the one place where a run's model, tools
//! and log meet.

mod answers;
mod compaction;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use glm_agent_model::{
    Conversation, Delta, Finish, Reply, Request, ToolChoice, ToolSpec, image::Picture,
};
use glm_agent_tools::{Registry, ToolContext, ToolError};
use jiff::{Timestamp, ZonedDateTime};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    Agent, Error,
    answer::Form,
    calls::{Calls, News, QUICK},
    citation,
    event::{CallId, Event, EventKind, StopReason},
    images,
    policy::Facts,
    reading,
    session::Session,
    state::{Outcome, PlannedCall, Rules, State, Step},
};

/// How long the last reply of a run that ran out of time may take.
const LAST_WORD: Duration = Duration::from_secs(60);

/// Watches a run as it happens.
pub trait Observer: Send {
    /// An event was appended to the log.
    fn event(&mut self, _event: &Event) {}

    /// The model wrote something. What was written comes whole in the event
    /// that follows.
    fn delta(&mut self, _delta: &Delta) {}

    /// A call that takes longer printed something: lines, or parts of one. The
    /// result that follows holds it again.
    fn progress(&mut self, _call: &CallId, _text: &str) {}
}

/// Watches nothing.
impl Observer for () {}

pub use answers::{Answer, Approver};

/// Hears of all that happens in an agent's sessions.
pub trait Listener: Send + Sync {
    /// An event was appended to a session's log: the last of these, which are all that
    /// it has. The run waits until this returns.
    fn event(&self, session: &str, events: &[Event]);
}

/// A run in progress.
pub(crate) struct Driver<'a> {
    agent: &'a Agent,
    session: &'a mut Session,
    observer: &'a mut dyn Observer,
    state: State,
    registry: Arc<Registry>,
    /// What the answer must be, if anything.
    form: Option<Form>,
    /// Cancelled by the user.
    stop: CancellationToken,
    /// Cancelled by the user or when time is up.
    work: CancellationToken,
    _timer: Option<DropGuard>,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        agent: &'a Agent,
        session: &'a mut Session,
        observer: &'a mut dyn Observer,
        stop: CancellationToken,
    ) -> Self {
        Self {
            _timer: None,
            state: State::fold(session.events()),
            registry: agent.tools(),
            form: None,
            agent,
            session,
            observer,
            work: stop.child_token(),
            stop,
        }
    }

    /// Stops the work when the time of the run in progress is up, of which one that is
    /// gone on with has used some.
    fn start_timer(&mut self) {
        let own = self.agent.budget.time;
        let own = own.map(|limit| limit.saturating_sub(self.state.elapsed()));
        let shared = self.agent.account.as_ref().and_then(|a| a.time_left());
        let left = own.into_iter().chain(shared).min();
        self._timer = left.map(|limit| cancel_after(&self.work, limit));
    }

    /// Appends an event, and shows it. What an answer cites is known here, where all
    /// events are.
    fn append(&mut self, mut kind: EventKind) -> Result<(), Error> {
        self.keep_whole(&mut kind);
        citation::add_references(&mut kind, self.session.events());
        let event = self.session.append(kind)?;
        if let Some(account) = &self.agent.account {
            account.add(&event.kind);
        }
        self.state.apply(&event);
        self.observer.event(&event);
        for listener in &self.agent.listeners {
            listener.event(self.session.id(), self.session.events());
        }
        Ok(())
    }

    /// Keeps a result that is too long for the model's view in a file.
    fn keep_whole(&mut self, kind: &mut EventKind) {
        let chars = self.result_chars();
        if let EventKind::ToolResult { id, output, .. } = kind
            && reading::is_long(output, chars)
        {
            match self.session.make_files() {
                Ok(folder) => reading::keep(id, output, chars, &folder),
                Err(error) => tracing::warn!("cannot keep the whole result of {id}: {error}"),
            }
        }
    }

    /// Takes up the session: a new one gets its first event, and a run that a
    /// crash cut off is closed.
    pub(crate) fn take_up(&mut self) -> Result<(), Error> {
        self.begin()?;
        if self.state.is_running() {
            let cut_off = "the program ended during the run".to_owned();
            self.close(StopReason::Interrupted, Some(cut_off))?;
        }
        Ok(())
    }

    /// Gives a new session its first event; the model must be that of before.
    fn begin(&mut self) -> Result<(), Error> {
        let mut events = self.session.events().iter();
        let begun = events.find_map(|event| match &event.kind {
            EventKind::SessionStarted { model, .. } => Some(model.clone()),
            _ => None,
        });
        let Some(model) = begun else {
            let profile = self.agent.engine.profile();
            let today = || ZonedDateTime::now().date().to_string();
            let kind = EventKind::SessionStarted {
                schema: crate::event::SCHEMA,
                session: self.session.id().to_owned(),
                model: self.agent.engine.model().to_owned(),
                profile: profile.name().to_owned(),
                system: self.agent.system.clone(),
                tools: self.registry.specs(),
                date: profile.tells_date().then(today),
                skip_thoughts: self.agent.skip_thoughts,
                setup: self.agent.setup.clone(),
            };
            return self.append(kind);
        };
        if model != self.agent.engine.model() {
            return Err(Error::OtherModel {
                id: self.session.id().to_owned(),
                then: model,
                now: self.agent.engine.model().to_owned(),
            });
        }
        self.find_tools()
    }

    /// The tools on offer now, with one to read on if results were too long.
    fn find_tools(&mut self) -> Result<(), Error> {
        self.registry = self.agent.tools();
        let chars = self.result_chars();
        if let Some(more) = reading::offered(&self.registry, self.session.events(), chars)? {
            self.registry = Arc::new(more);
        }
        Ok(())
    }

    /// Has the log say which tools are on offer, where that has changed.
    fn offer(&mut self) -> Result<(), Error> {
        self.find_tools()?;
        let tools = self.registry.specs();
        if offered(self.session.events()) != Some(&tools) {
            self.append(EventKind::ToolsChanged { tools })?;
        }
        Ok(())
    }

    /// Runs until the model has answered, or something else ends the run.
    pub(crate) async fn run(
        mut self,
        message: String,
        images: &[Picture],
        answer_schema: Option<Value>,
    ) -> Result<(), Error> {
        if !images.is_empty() {
            self.agent.engine.sees_images()?;
        }
        self.take_up()?;
        self.agent.resume_tools(self.session).await;
        for kind in self.state.give_up() {
            self.append(kind)?;
        }
        let images = match images {
            [] => Vec::new(),
            images => images::keep(images, &self.session.make_files()?)?,
        };
        self.append(EventKind::UserMessage {
            content: message,
            images,
            answer_schema,
        })?;
        self.finish().await
    }

    async fn finish(mut self) -> Result<(), Error> {
        let form = self.state.answer_schema().map(Form::new).transpose();
        self.form = form.map_err(|reason| Error::AnswerSchema { reason })?;
        self.start_timer();
        match self.steps().await {
            // Once the log can be written, the run can be gone on with.
            Err(error @ Error::NotLogged { .. }) => Err(error),
            Err(error) => {
                self.close(StopReason::Failed, Some(error.to_string()))?;
                Err(error)
            }
            done => done,
        }
    }

    async fn steps(&mut self) -> Result<(), Error> {
        loop {
            if self.stop.is_cancelled() {
                return self.close(StopReason::Interrupted, None);
            }
            let mut now = Timestamp::now();
            if self.work.is_cancelled() {
                // The timer has run out. The log's clock is another one, and
                // may be behind.
                now = self
                    .state
                    .deadline(&self.agent.budget)
                    .map_or(now, |end| now.max(end));
            }
            let step = self.next(&self.state, now);
            match step {
                Step::AwaitUser => return Ok(()),
                Step::Generate { limit, tool_choice } => self.generate(limit, tool_choice).await?,
                Step::Refuse(calls) => {
                    for call in calls {
                        self.append(call.into_event())?;
                    }
                }
                Step::RejectAnswer(reason) => self.append(EventKind::AnswerRejected { reason })?,
                Step::AwaitApproval(calls) => self.ask(calls).await?,
                Step::AwaitResults(calls) => self.ask_for_results(calls).await?,
                Step::CallTools(calls) => self.call(calls).await?,
                Step::Done(outcome) => self.end(outcome)?,
            }
        }
    }

    /// What to do in this state.
    fn next(&self, state: &State, now: Timestamp) -> Step {
        let Self {
            agent, registry, ..
        } = self;
        state.next(&Rules {
            budget: &agent.budget,
            shared: agent.account.as_ref().and_then(|a| a.exceeded()),
            judge: &|_, facts, circumstances| agent.policy.judge(facts, circumstances),
            answer: &|answer| match &self.form {
                Some(form) => form.check(answer),
                None => Ok(answer.to_owned()),
            },
            tool_choice: &agent.tool_choice,
            check: &|call| registry.check(&call.name, call.arguments.clone()),
            facts: &|name, arguments| Facts::of(registry.get(name), name, arguments),
            now,
        })
    }

    /// Asks the model for a reply.
    async fn generate(
        &mut self,
        limit: Option<StopReason>,
        tool_choice: ToolChoice,
    ) -> Result<(), Error> {
        self.offer()?;
        self.make_room(limit).await?;
        let engine = &self.agent.engine;
        let conversation = self.shown()?;
        let tokens = engine.count_tokens(&conversation)?;
        let room = self.window().saturating_sub(tokens);
        if room == 0 {
            return Err(glm_agent_model::Error::PromptTooLong {
                tokens,
                limit: self.window(),
            }
            .into());
        }
        let (cancel, _timer) = if limit.is_some() {
            let last_word = self.stop.child_token();
            let timer = cancel_after(&last_word, LAST_WORD);
            (last_word, Some(timer))
        } else {
            (self.work.clone(), None)
        };
        let request = Request {
            conversation,
            sampling: self.agent.sampling,
            max_tokens: self.agent.max_tokens.min(room),
            tool_choice,
            answer_schema: self.state.answer_schema().cloned(),
            cancel,
        };
        let mut stream = engine.generate(request).await?;
        let mut reply: Option<Reply> = None;
        while let Some(delta) = stream.next().await {
            let delta = delta?;
            self.observer.delta(&delta);
            if let Delta::Finished(finished) = delta {
                reply = Some(finished);
            }
        }
        let reply = reply.ok_or_else(|| Error::Unfinished {
            model: engine.model().to_owned(),
        })?;
        self.append(EventKind::ModelTurn {
            segments: reply.segments,
            // What a stopped reply lacks at its end is no fault of the model's.
            errors: if reply.finish == Finish::Cancelled {
                Vec::new()
            } else {
                reply.errors
            },
            raw: reply.raw,
            finish: reply.finish,
            usage: reply.usage,
            cost: self.agent.price.map(|price| price.of(&reply.usage)),
            limit,
            result_chars: Some(self.result_chars()),
        })
    }

    /// What the model is shown, with the content of pictures.
    fn shown(&self) -> Result<Conversation, Error> {
        let mut conversation = self.conversation();
        images::attach(&mut conversation, self.session.files().as_deref())?;
        Ok(conversation)
    }

    /// Runs the calls of one reply at the same time.
    async fn call(&mut self, calls: Vec<PlannedCall>) -> Result<(), Error> {
        for call in &calls {
            self.append(call.requested())?;
        }
        let registry = Arc::clone(&self.registry);
        let cx = ToolContext {
            cancel: self.work.clone(),
            session: self.session.id().to_owned(),
            directory: self.session.files(),
            ..ToolContext::default()
        };
        let mut calls = Calls::new(&registry, calls, cx, self.agent.jobs, QUICK);
        let mut fatal = None;
        while let Some(news) = calls.next().await {
            match news {
                News::Said(id, text) => self.observer.progress(&id, &text),
                News::Ended(ended) => {
                    if let Err(ToolError::Fatal(reason)) = &ended.result {
                        fatal = Some(Error::Tool {
                            name: ended.name.clone(),
                            reason: reason.clone(),
                        });
                    }
                    self.append(ended.into_event(&registry))?;
                }
            }
        }
        fatal.map_or(Ok(()), Err)
    }

    fn end(&mut self, outcome: Outcome) -> Result<(), Error> {
        let kind = self.state.end(outcome, self.session.id());
        self.append(kind)
    }

    fn close(&mut self, reason: StopReason, error: Option<String>) -> Result<(), Error> {
        for kind in self.state.close(reason, error, self.session.id()) {
            self.append(kind)?;
        }
        Ok(())
    }
}

/// The tools that the log says are on offer.
fn offered(events: &[Event]) -> Option<&Vec<ToolSpec>> {
    events.iter().rev().find_map(|event| match &event.kind {
        EventKind::SessionStarted { tools, .. } | EventKind::ToolsChanged { tools } => Some(tools),
        _ => None,
    })
}

/// Cancels a token when time is up; dropping the guard stops the clock.
fn cancel_after(token: &CancellationToken, limit: Duration) -> DropGuard {
    let token = token.clone();
    let off = CancellationToken::new();
    let guard = off.clone().drop_guard();
    tokio::spawn(async move {
        tokio::select! {
            () = off.cancelled() => {}
            () = tokio::time::sleep(limit) => token.cancel(),
        }
    });
    guard
}
