//! Conversations that outgrow the model's window.

use futures::StreamExt;
use glm_agent_model::{Conversation, Delta, Finish, Message, Request, ToolChoice, Usage};

use super::Driver;
use crate::{
    Error,
    compact::{ASK, Window},
    event::{Cause, EventKind, StopReason, Summarist},
    state::answer_of,
    view::view,
};

/// Compacting must free this share of the window, or it would be done again and again.
const GAIN: usize = 16;
/// Of what is allowed before the conversation is compacted, this share is left after.
const LEFT: (usize, usize) = (2, 3);

impl Driver<'_> {
    /// Tokens of prompt and reply together.
    pub(super) fn window(&self) -> usize {
        let context = self.agent.engine.context_length();
        self.agent.max_context.unwrap_or(context).min(context)
    }

    /// Characters of a result that the model is shown at most: a quarter of the
    /// window, at three characters a token.
    pub(super) fn result_chars(&self) -> usize {
        self.window() / 4 * 3
    }

    /// What the model sees now.
    pub(super) fn conversation(&self) -> Conversation {
        view(self.session.events(), self.result_chars())
    }

    /// Compacts the conversation if it takes more of the window than is allowed.
    pub(super) async fn make_room(&mut self, limit: Option<StopReason>) -> Result<(), Error> {
        let allowed = self.window() * usize::from(self.agent.compact_at) / 100;
        let tokens = self.agent.engine.count_tokens(&self.conversation())?;
        if tokens > allowed {
            let target = allowed * LEFT.0 / LEFT.1;
            self.compact(Cause::Window, tokens, target, limit.is_none())
                .await?;
        }
        Ok(())
    }

    /// Compacts the conversation because somebody asks for it. Returns whether there
    /// was anything to leave out.
    pub(crate) async fn compact_now(mut self) -> Result<bool, Error> {
        if self.session.events().is_empty() {
            return Ok(false);
        }
        self.take_up()?;
        let tokens = self.agent.engine.count_tokens(&self.conversation())?;
        // A model that waits for results would take the question for one.
        let by_model = self.state.pending().is_empty();
        self.compact(Cause::Asked, tokens, tokens / 2, by_model)
            .await
    }

    async fn compact(
        &mut self,
        cause: Cause,
        before: usize,
        target: usize,
        by_model: bool,
    ) -> Result<bool, Error> {
        let Some(rule) = self.measure(|window, driver| {
            let plan = window.plan(driver.session.events(), target)?;
            let gain = match cause {
                // At its end, every token counts.
                Cause::Window if before + window.tokens / GAIN < window.tokens => {
                    window.tokens / GAIN
                }
                Cause::Window | Cause::Asked => 1,
            };
            Ok(plan.filter(|plan| plan.tokens + gain <= before))
        })?
        else {
            return Ok(false);
        };
        let mut plan = rule;
        let mut summary_by = Summarist::Rule;
        let mut usage = Usage::default();
        if by_model && let Some((words, spent)) = self.summary(before).await {
            usage = spent;
            let other = self.measure(|window, driver| {
                window.with_summary(driver.session.events(), &plan, &words)
            })?;
            if !words.is_empty() && other.tokens <= plan.tokens.max(target) {
                plan = other;
                summary_by = Summarist::Model;
            }
        }
        self.append(EventKind::Compacted {
            from: plan.from,
            brief: plan.brief,
            result_chars: plan.result_chars,
            cause,
            summary_by,
            tokens_before: before as u64,
            tokens_after: plan.tokens as u64,
            usage,
            cost: self.agent.price.map(|price| price.of(&usage)),
        })?;
        Ok(true)
    }

    /// Does something with what views are measured with.
    fn measure<T>(
        &self,
        work: impl FnOnce(&Window<'_>, &Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let count = |conversation: &Conversation| -> Result<usize, Error> {
            Ok(self.agent.engine.count_tokens(conversation)?)
        };
        let window = Window {
            tokens: self.window(),
            result_chars: self.result_chars(),
            count: &count,
        };
        work(&window, self)
    }

    /// The model's own summary, empty if it is none, and what it took. `None` where the
    /// model cannot be asked.
    async fn summary(&mut self, before: usize) -> Option<(String, Usage)> {
        let engine = &self.agent.engine;
        let most = Window::summary_tokens(self.window());
        // The question has a token for each of its bytes at most.
        if !engine.can_improvise() || before + ASK.len() + most > self.window() {
            return None;
        }
        let mut conversation = self.shown().ok()?;
        conversation.messages.push(Message::User {
            content: ASK.to_owned(),
        });
        let request = Request {
            conversation,
            sampling: self.agent.sampling,
            max_tokens: most,
            tool_choice: ToolChoice::None,
            answer_schema: None,
            cancel: self.work.clone(),
        };
        match self.ask_once(request).await {
            Ok((words, usage)) => Some((words, usage)),
            Err(error) => {
                tracing::warn!("the model wrote no summary, a rule does: {error}");
                None
            }
        }
    }

    /// The words of a reply that is no part of the conversation, if it is whole.
    async fn ask_once(&mut self, request: Request) -> Result<(String, Usage), Error> {
        let mut stream = self.agent.engine.generate(request).await?;
        while let Some(delta) = stream.next().await {
            if let Delta::Finished(reply) = delta? {
                let is_whole = reply.finish != Finish::Cancelled && reply.errors.is_empty();
                let words = answer_of(&reply.segments);
                return Ok((if is_whole { words } else { String::new() }, reply.usage));
            }
        }
        Err(Error::Unfinished {
            model: self.agent.engine.model().to_owned(),
        })
    }
}
