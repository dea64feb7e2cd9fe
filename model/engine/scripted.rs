//! A model made of replies, for tests without a model.

use std::path::Path;

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};

use super::{
    Completion, Delta, Engine, Finish, Prompt, Reply, Request, Usage, assemble::Assembler,
};
use crate::{
    Conversation, Error, Profile, Segment,
    parse::Parser,
    profile::{ASSISTANT, OBSERVATION, SYSTEM, USER},
    prompt,
};

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

    fn check_room(&self, prompt_tokens: usize) -> Result<(), Error> {
        if prompt_tokens < self.context_length {
            return Ok(());
        }
        Err(Error::PromptTooLong {
            tokens: prompt_tokens,
            limit: self.context_length,
        })
    }

    /// The reply that comes after so many.
    fn reply(&self, so_far: usize) -> Result<&String, Error> {
        self.replies.get(so_far).ok_or_else(|| Error::ScriptOver {
            source_name: self.source.clone(),
            replies: self.replies.len(),
        })
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
        self.check_room(prompt_tokens)?;
        let reply = self.reply(request.conversation.replies())?;
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

    /// The reply that comes after as many as the text has, in GLM-4's syntax.
    async fn complete(
        &self,
        completion: Completion,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error> {
        let Prompt::Text(prompt) = &completion.prompt else {
            // There is no tokenizer.
            return Err(Error::CannotComplete {
                model: self.model().to_owned(),
                what: "tokens",
            });
        };
        let prompt_tokens = tokens(prompt);
        self.check_room(prompt_tokens)?;
        let reply = self.reply(replies(prompt))?;
        let ends = self.profile.ends();
        let end = ends.iter().filter_map(|token| reply.find(token)).min();
        let mut text = reply.get(..end.unwrap_or(reply.len())).unwrap_or_default();
        let mut finish = Finish::Stop;
        if completion.cancel.is_cancelled() {
            (text, finish) = ("", Finish::Cancelled);
        }
        let mut text = text.to_owned();
        if !completion.special_tokens {
            for token in self.profile.special_tokens() {
                text = text.replace(token, "");
            }
        }
        let characters: Vec<char> = text.chars().collect();
        let pieces = characters.chunks(PIECE).map(|piece| piece.iter().collect());
        let mut deltas: Vec<Delta> = pieces.map(Delta::Text).collect();
        deltas.push(Delta::Finished(Reply {
            usage: Usage {
                prompt_tokens: prompt_tokens as u64,
                cached_tokens: 0,
                completion_tokens: tokens(&text) as u64,
            },
            raw: text.clone(),
            segments: match text.is_empty() {
                true => Vec::new(),
                false => vec![Segment::text(text)],
            },
            errors: Vec::new(),
            finish,
        }));
        Ok(stream::iter(deltas.into_iter().map(Ok)).boxed())
    }
}

/// How many replies a prompt has before the one that it asks for: a reply begins at
/// the first of its segments.
fn replies(prompt: &str) -> usize {
    const ROLES: [&str; 4] = [SYSTEM, USER, OBSERVATION, ASSISTANT];
    let mut begun = 0;
    let mut last = SYSTEM;
    for (at, _) in prompt.match_indices("<|") {
        let rest = prompt.get(at..).unwrap_or_default();
        if let Some(role) = ROLES.into_iter().find(|role| rest.starts_with(role)) {
            begun += usize::from(role == ASSISTANT && last != ASSISTANT);
            last = role;
        }
    }
    begun.saturating_sub(1)
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
    fn a_text_is_continued_by_the_reply_after_those_that_it_has() {
        let engine = Scripted::new(["\nfirst<|user|>", "\nso<|assistant|>f\n{}<|observation|>"]);
        let engine = engine.unwrap();
        let complete = |prompt: &str, special_tokens| {
            let completion = Completion {
                prompt: Prompt::Text(prompt.to_owned()),
                sampling: Sampling::default(),
                max_tokens: 10,
                special_tokens,
                cancel: CancellationToken::new(),
            };
            let reply = futures::executor::block_on(async {
                let stream = engine.complete(completion).await.unwrap();
                last(stream.map(Result::unwrap).collect().await)
            });
            reply.segments
        };
        assert_eq!(complete("Once", true), [Segment::text("\nfirst")]);
        let begun = "[gMASK]<sop><|user|>\nHi<|assistant|>";
        assert_eq!(complete(begun, true), [Segment::text("\nfirst")]);
        let longer = format!("{begun}\na<|assistant|>f\n{{}}<|observation|>\nb<|assistant|>");
        let call = [Segment::text("\nso<|assistant|>f\n{}")];
        assert_eq!(complete(&longer, true), call);
        assert_eq!(complete(&longer, false), [Segment::text("\nsof\n{}")]);
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
