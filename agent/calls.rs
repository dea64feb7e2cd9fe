//! Calls as they run: what they say meanwhile, and what comes of them.

use futures::{StreamExt, future::BoxFuture, stream};
use glm_agent_tools::{Effects, Progress, Registry, ToolContext, ToolError, ToolOutput};
use tokio::sync::mpsc;

use crate::{
    event::{CallId, EventKind, Status},
    state::PlannedCall,
};

/// Calls of one reply that run at the same time.
const AT_ONCE: usize = 8;

/// Calls that run at the same time. Dropped, they are stopped.
pub(crate) struct Calls<'a> {
    /// Ends when all of them have; `None` after that.
    work: Option<BoxFuture<'a, ()>>,
    /// What happens to each call, in the order in which it does.
    news: mpsc::UnboundedReceiver<News>,
}

/// Something that happened to a call.
pub(crate) enum News {
    /// It said something.
    Said(CallId, String),
    /// It came to an end. Nothing follows for this call.
    Ended(Ended),
}

/// A call that came to an end.
pub(crate) struct Ended {
    pub id: CallId,
    pub name: String,
    pub result: Result<ToolOutput, ToolError>,
}

impl<'a> Calls<'a> {
    /// Starts calls once they are [waited for](Self::next).
    pub fn new(registry: &'a Registry, calls: Vec<PlannedCall>, cx: ToolContext) -> Self {
        let (sender, news) = mpsc::unbounded_channel();
        // Only a receiver that is gone does not take what is sent.
        let call = move |PlannedCall { id, call }: PlannedCall| {
            let (said, ended) = (sender.clone(), sender.clone());
            let of = id.clone();
            let progress = Progress::new(move |text| {
                let _ = said.send(News::Said(of.clone(), text.to_owned()));
            });
            let cx = ToolContext {
                progress,
                ..cx.clone()
            };
            async move {
                let result = registry.call(&call.name, call.arguments, cx).await;
                let name = call.name;
                let _ = ended.send(News::Ended(Ended { id, name, result }));
            }
        };
        let work = stream::iter(calls).for_each_concurrent(AT_ONCE, call);
        Self {
            work: Some(Box::pin(work)),
            news,
        }
    }

    /// Waits for the next thing that happens; `None` when all calls have ended.
    pub async fn next(&mut self) -> Option<News> {
        while let Some(work) = &mut self.work {
            tokio::select! {
                biased;
                news = self.news.recv() => return news,
                () = work => self.work = None,
            }
        }
        self.news.try_recv().ok()
    }
}

impl Ended {
    /// The event that tells of it.
    pub fn into_event(self, effects: Effects) -> EventKind {
        let (status, output) = match self.result {
            Ok(output) if output.failed => (Status::Failed, output),
            Ok(output) => (Status::Ok, output),
            Err(error) => (Status::Error, ToolOutput::from(format!("error: {error}"))),
        };
        EventKind::ToolResult {
            id: self.id,
            name: self.name,
            status,
            outside: effects.network,
            output,
        }
    }
}

/// What the tool of this name touches.
pub(crate) fn effects_of(registry: &Registry, name: &str) -> Effects {
    registry
        .get(name)
        .map(glm_agent_tools::Tool::declared_effects)
        .unwrap_or_default()
}
