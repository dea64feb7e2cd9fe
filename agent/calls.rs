//! Calls as they run: what they say meanwhile, and what comes of them.

use std::{collections::VecDeque, future::pending, time::Duration};

use futures::{StreamExt, future::BoxFuture, stream};
use glm_agent_tools::{Progress, Registry, ToolContext, ToolError, ToolOutput};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    event::{CallId, EventKind, Status},
    state::PlannedCall,
};

/// Of calls that end this soon after they began to say something, people are
/// shown the result only.
pub(crate) const QUICK: Duration = Duration::from_millis(500);

/// Calls that run at the same time. Dropped, they are stopped.
pub(crate) struct Calls<'a> {
    /// Ends when all of them have; `None` after that.
    work: Option<BoxFuture<'a, ()>>,
    /// What happens to each call, in the order in which it does.
    news: mpsc::UnboundedReceiver<News>,
    patience: Patience,
    /// What the calls said while there was patience.
    held: VecDeque<News>,
}

/// Something that happened to a call.
#[derive(Debug, PartialEq)]
pub(crate) enum News {
    /// It said something.
    Said(CallId, String),
    /// It came to an end. Nothing follows for this call.
    Ended(Box<Ended>),
}

/// A call that came to an end.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    pub id: CallId,
    pub name: String,
    pub result: Result<ToolOutput, ToolError>,
}

/// How long what calls say is held back, in case that they are quick.
enum Patience {
    /// For so long once something is said.
    Full(Duration),
    Until(Option<Instant>),
    Spent,
}

impl<'a> Calls<'a> {
    /// Starts calls once they are [waited for](Self::next), at most `jobs` at the same
    /// time. What calls say that end within `quick` of the first words is dropped.
    pub fn new(
        registry: &'a Registry,
        calls: Vec<PlannedCall>,
        cx: ToolContext,
        jobs: usize,
        quick: Duration,
    ) -> Self {
        let (sender, news) = mpsc::unbounded_channel();
        // Only a receiver that is gone does not take what is sent.
        let call = move |PlannedCall { id, call, .. }: PlannedCall| {
            let (said, ended) = (sender.clone(), sender.clone());
            let of = id.clone();
            let progress = Progress::new(move |text| {
                let _ = said.send(News::Said(of.clone(), text.to_owned()));
            });
            let cx = ToolContext {
                progress,
                call: id.clone(),
                ..cx.clone()
            };
            async move {
                let result = registry.call(&call.name, call.arguments, cx).await;
                let name = call.name;
                let _ = ended.send(News::Ended(Box::new(Ended { id, name, result })));
            }
        };
        let work = stream::iter(calls).for_each_concurrent(jobs, call);
        Self {
            work: Some(Box::pin(work)),
            news,
            patience: if quick.is_zero() {
                Patience::Spent
            } else {
                Patience::Full(quick)
            },
            held: VecDeque::new(),
        }
    }

    /// Waits for the next thing that happens; `None` when all calls have ended.
    pub async fn next(&mut self) -> Option<News> {
        loop {
            if matches!(self.patience, Patience::Spent)
                && let Some(news) = self.held.pop_front()
            {
                return Some(news);
            }
            tokio::select! {
                biased;
                news = self.news.recv() => match news? {
                    said @ News::Said(..) => self.hold(said),
                    News::Ended(ended) => {
                        let of_others = |news: &News| !matches!(news, News::Said(id, _) if *id == ended.id);
                        self.held.retain(of_others);
                        return Some(News::Ended(ended));
                    }
                },
                () = out_of(&self.patience) => self.patience = Patience::Spent,
                () = all_of(&mut self.work) => {
                    self.work = None;
                    self.news.close();
                }
            }
        }
    }

    fn hold(&mut self, said: News) {
        if let Patience::Full(quick) = self.patience {
            self.patience = Patience::Until(Instant::now().checked_add(quick));
        }
        self.held.push_back(said);
    }
}

async fn out_of(patience: &Patience) {
    match patience {
        Patience::Until(Some(end)) => sleep_until(*end).await,
        _ => pending().await,
    }
}

async fn all_of(work: &mut Option<BoxFuture<'_, ()>>) {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}

impl Ended {
    /// The event that tells of it.
    pub fn into_event(self, registry: &Registry) -> EventKind {
        let tool = registry.get(&self.name);
        let (status, output) = match self.result {
            Ok(output) if output.failed => (Status::Failed, output),
            Ok(output) => (Status::Ok, output),
            Err(error) => (Status::Error, ToolOutput::from(format!("error: {error}"))),
        };
        EventKind::ToolResult {
            id: self.id,
            name: self.name,
            status,
            outside: tool.is_some_and(glm_agent_tools::Tool::is_outside),
            output,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use glm_agent_model::ToolCall;
    use glm_agent_tools::Tool;
    use serde_json::{Value, json};

    use super::*;

    /// What happens to a call that says two things, and what it ends with.
    async fn talk(quick: Duration) -> Vec<News> {
        let talker = Tool::new("talk", "d", |_: Value, cx: ToolContext| async move {
            cx.progress.say("one\n");
            tokio::task::yield_now().await;
            cx.progress.say("two\n");
            Ok("one\ntwo")
        });
        let registry = Registry::new(vec![talker]).unwrap();
        let call = PlannedCall {
            id: "call_1".into(),
            call: ToolCall {
                name: "talk".into(),
                arguments: json!({}),
            },
            allowed_by: None,
        };
        let mut calls = Calls::new(&registry, vec![call], ToolContext::default(), 1, quick);
        let mut all = Vec::new();
        while let Some(news) = calls.next().await {
            all.push(news);
        }
        all
    }

    fn ended() -> News {
        News::Ended(Box::new(Ended {
            id: "call_1".into(),
            name: "talk".into(),
            result: Ok("one\ntwo".into()),
        }))
    }

    #[tokio::test]
    async fn what_a_call_says_comes_before_its_end() {
        let said = |text: &str| News::Said("call_1".into(), text.into());
        assert_eq!(
            talk(Duration::ZERO).await,
            [said("one\n"), said("two\n"), ended()]
        );
    }

    #[tokio::test]
    async fn a_quick_call_is_heard_of_once() {
        assert_eq!(talk(Duration::MAX).await, [ended()]);
    }
}
