//! A model made of replies, for tests without a model.

use std::path::Path;

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};

use super::{Delta, Engine, Finish, Request, Usage, assemble::Assembler};
use crate::{Conversation, Error, Profile, parse::Parser, prompt};

/// Replays replies in order. Every conversation starts at the first: how far
/// one has come is read off the replies it contains, so any number of them can
/// go on at the same time.
#[derive(Debug, Clone)]
pub struct Scripted {
    /// Where the replies come from, for errors.
    source: String,
    profile: &'static Profile,
    replies: Vec<String>,
    context_length: usize,
}

/// GLM-4-9B-Chat's.
const CONTEXT_LENGTH: usize = 131_072;

/// Characters in a piece of the stream: few, so that whatever reads it meets
/// names and tokens that are cut.
const PIECE: usize = 5;

impl Scripted {
    /// A model that gives these replies, each the raw text of one model turn
    /// in GLM-4's syntax.
    pub fn new<T: Into<String>>(replies: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        Ok(Self {
            source: "of this program".to_owned(),
            profile: Profile::by_name("glm4")?,
            replies: replies.into_iter().map(Into::into).collect(),
            context_length: CONTEXT_LENGTH,
        })
    }

    /// Sets how many tokens prompt and reply may have together; otherwise, as many as
    /// GLM-4-9B-Chat takes.
    #[must_use]
    pub fn with_context_length(mut self, tokens: usize) -> Self {
        self.context_length = tokens;
        self
    }

    /// Reads the replies from a file: one JSON string a line.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not a JSON string.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let mut replies = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let reply: String = serde_json::from_str(line).map_err(|error| Error::BadScript {
                path: path.to_owned(),
                line: index + 1,
                reason: error.to_string(),
            })?;
            replies.push(reply);
        }
        let mut scripted = Self::new(replies)?;
        scripted.source = format!("`{}`", path.display());
        Ok(scripted)
    }
}

#[async_trait]
impl Engine for Scripted {
    fn model(&self) -> &str {
        "scripted"
    }

    fn profile(&self) -> &Profile {
        self.profile
    }

    fn context_length(&self) -> usize {
        self.context_length
    }

    /// There is no tokenizer: a token is counted for every four bytes.
    fn count_tokens(&self, conversation: &Conversation) -> Result<usize, Error> {
        let pieces = prompt::render(self.profile, conversation);
        Ok(tokens(&prompt::to_text(&pieces)))
    }

    fn can_improvise(&self) -> bool {
        false
    }

    async fn generate(
        &self,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error> {
        let prompt_tokens = self.count_tokens(&request.conversation)?;
        if prompt_tokens >= self.context_length {
            return Err(Error::PromptTooLong {
                tokens: prompt_tokens,
                limit: self.context_length,
            });
        }
        let reply = self
            .replies
            .get(request.conversation.replies())
            .ok_or_else(|| Error::ScriptOver {
                source_name: self.source.clone(),
                replies: self.replies.len(),
            })?;
        let usage = Usage {
            prompt_tokens: prompt_tokens as u64,
            cached_tokens: 0,
            completion_tokens: tokens(reply) as u64,
        };
        let finish = if request.cancel.is_cancelled() {
            Finish::Cancelled
        } else {
            Finish::Stop
        };
        let parser = Parser::new(self.profile, &request.conversation.tools);
        let mut assembler = Assembler::new(parser);
        let characters: Vec<char> = match finish {
            Finish::Cancelled => Vec::new(),
            _ => reply.chars().collect(),
        };
        let mut deltas = Vec::new();
        for piece in characters.chunks(PIECE) {
            deltas.extend(assembler.push(&piece.iter().collect::<String>()));
        }
        deltas.extend(assembler.finish(finish, usage));
        Ok(stream::iter(deltas.into_iter().map(Ok)).boxed())
    }
}

fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::{Message, Reply, Sampling, Segment, ToolChoice};
    use tokio_util::sync::CancellationToken;

    fn request(replies_so_far: usize, cancel: CancellationToken) -> Request {
        let mut conversation = Conversation::default();
        for _ in 0..replies_so_far {
            conversation.messages.push(Message::Assistant {
                segments: vec![Segment::text("an earlier reply")],
            });
        }
        Request {
            conversation,
            sampling: Sampling::default(),
            max_tokens: 100,
            tool_choice: ToolChoice::Auto,
            answer_schema: None,
            cancel,
        }
    }

    /// The deltas of a reply, as one reads them off the stream.
    fn deltas(engine: &Scripted, request: Request) -> Result<Vec<Delta>, Error> {
        futures::executor::block_on(async {
            let stream = engine.generate(request).await?;
            stream.collect::<Vec<_>>().await.into_iter().collect()
        })
    }

    fn last(deltas: Vec<Delta>) -> Reply {
        match deltas.into_iter().last() {
            Some(Delta::Finished(reply)) => reply,
            other => panic!("the stream ends with {other:?}"),
        }
    }

    #[test]
    fn the_conversation_decides_which_reply_comes() {
        let engine = Scripted::new(["\nfirst<|user|>", "\nsecond<|user|>"]).unwrap();
        for (so_far, words) in [(1, "second"), (0, "first"), (1, "second")] {
            let reply = last(deltas(&engine, request(so_far, CancellationToken::new())).unwrap());
            assert_eq!(reply.segments, [Segment::text(words)]);
            assert_eq!(reply.finish, Finish::Stop);
        }
        let error = deltas(&engine, request(2, CancellationToken::new())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the script of this program has 2 replies, and one more was asked for"
        );
    }

    #[test]
    fn a_script_goes_on_after_replies_that_are_no_longer_shown() {
        let engine = Scripted::new(["\nfirst<|user|>", "\nsecond<|user|>"]).unwrap();
        let mut request = request(0, CancellationToken::new());
        request.conversation.left_out = 1;
        let reply = last(deltas(&engine, request).unwrap());
        assert_eq!(reply.segments, [Segment::text("second")]);
    }

    #[test]
    fn a_prompt_over_the_context_length_is_refused() {
        let engine = Scripted::new(["\nfirst<|user|>"]).unwrap();
        let tokens = engine.count_tokens(&request(1, CancellationToken::new()).conversation);
        let engine = engine.with_context_length(tokens.unwrap());
        let error = deltas(&engine, request(1, CancellationToken::new())).unwrap_err();
        assert!(matches!(error, Error::PromptTooLong { .. }), "{error}");
    }

    #[test]
    fn a_cancelled_reply_says_so() {
        let engine = Scripted::new(["\nfirst<|user|>"]).unwrap();
        let cancel = CancellationToken::new();
        cancel.cancel();
        let reply = last(deltas(&engine, request(0, cancel)).unwrap());
        assert_eq!((reply.segments, reply.finish), (vec![], Finish::Cancelled));
    }

    #[test]
    fn a_line_that_is_no_string_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script");
        std::fs::write(&path, "\"\\nfine\"\n\n{}\n").unwrap();
        match Scripted::from_file(&path).unwrap_err() {
            Error::BadScript { line, .. } => assert_eq!(line, 3),
            other => panic!("{other}"),
        }
    }
}
