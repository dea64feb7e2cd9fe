//! An engine that writes as slowly as it is told, and counts what it has in hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream, stream::BoxStream};
use glm_agent::{
    async_trait,
    model::{
        Conversation, Delta, Engine, Error, Finish, Message, Profile, Reply, Request, Segment,
        Usage,
    },
};

/// Replies with as many words as the last message says, a pause before each: `5` gives
/// `w0 w1 w2 w3 w4`. A message of `forever` is never done.
pub struct Slow {
    pub pause: Duration,
    /// How long a word is, in bytes.
    pub size: usize,
    pub live: Arc<AtomicUsize>,
}

/// A reply in hand.
struct Live(Arc<AtomicUsize>);

impl Live {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Slow {
    pub fn new(pause: Duration) -> Self {
        Self {
            pause,
            size: 1,
            live: Arc::default(),
        }
    }
}

/// The words of a whole reply.
pub fn words(count: usize) -> String {
    let words: Vec<String> = (0..count).map(|n| format!("w{n}")).collect();
    words.join(" ")
}

#[async_trait]
impl Engine for Slow {
    fn model(&self) -> &str {
        "slow"
    }

    fn profile(&self) -> &Profile {
        Profile::by_name("glm4").unwrap()
    }

    fn context_length(&self) -> usize {
        1 << 20
    }

    fn count_tokens(&self, _conversation: &Conversation) -> Result<usize, Error> {
        Ok(1)
    }

    async fn generate(
        &self,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error> {
        let Some(Message::User { content }) = request.conversation.messages.last() else {
            panic!("{request:?}");
        };
        let most = match content.as_str() {
            "forever" => usize::MAX,
            count => count.parse().unwrap(),
        };
        let live = Live::new(&self.live);
        let (pause, size, cancel) = (self.pause, self.size, request.cancel);
        let begun = (0, false, live);
        let deltas = stream::unfold(begun, move |(count, ended, live)| {
            let cancel = cancel.clone();
            async move {
                if ended {
                    return None;
                }
                let paused = cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
                if count == most || paused.is_none() {
                    let finish = if paused.is_none() {
                        Finish::Cancelled
                    } else {
                        Finish::Stop
                    };
                    let reply = Reply {
                        segments: vec![Segment::text(if size == 1 {
                            words(count)
                        } else {
                            String::new()
                        })],
                        errors: vec![],
                        raw: String::new(),
                        finish,
                        usage: Usage {
                            prompt_tokens: 1,
                            cached_tokens: 0,
                            completion_tokens: count as u64,
                        },
                    };
                    return Some((Ok(Delta::Finished(reply)), (count, true, live)));
                }
                let space = if count == 0 { "" } else { " " };
                let word = format!("{space}{}{count}", "w".repeat(size));
                Some((Ok(Delta::Text(word)), (count + 1, false, live)))
            }
        });
        Ok(deltas.boxed())
    }
}
