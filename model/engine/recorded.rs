//! A model that repeats recorded replies, if it is asked what was asked then.

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};

use super::{Delta, Engine, Reply, Request, assemble::Assembler};
use crate::{Conversation, Error, Profile, parse::Parser, prompt};

/// What a model was shown, and what it replied.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Tools and turns.
    pub conversation: Conversation,
    /// The reply.
    pub reply: Reply,
}

/// Gives the recorded reply to a conversation that equals a recorded one, and an
/// error that shows the difference to any other. For tests without the model, and
/// to replay a session.
#[derive(Debug, Clone)]
pub struct Recorded {
    model: String,
    profile: &'static Profile,
    context_length: usize,
    exchanges: Vec<Exchange>,
}

/// Lines of a prompt that are shown around a difference.
const AROUND: usize = 2;

impl Recorded {
    /// A model of this name, whose prompt and reply may have `context_length` tokens
    /// together.
    pub fn new(
        model: impl Into<String>,
        profile: &'static Profile,
        context_length: usize,
        exchanges: Vec<Exchange>,
    ) -> Self {
        Self {
            model: model.into(),
            profile,
            context_length,
            exchanges,
        }
    }

    /// The exchange with this conversation, or the difference to the one that has as
    /// many replies.
    fn find(&self, conversation: &Conversation) -> Result<&Exchange, Error> {
        let same = |exchange: &&Exchange| exchange.conversation == *conversation;
        if let Some(exchange) = self.exchanges.iter().find(same) {
            return Ok(exchange);
        }
        let replies = conversation.replies();
        let likely = |exchange: &&Exchange| exchange.conversation.replies() == replies;
        Err(match self.exchanges.iter().rfind(likely) {
            Some(other) => Error::OtherRequest {
                number: replies + 1,
                difference: self.difference(&other.conversation, conversation),
            },
            None => Error::ScriptOver {
                source_name: "that was recorded".to_owned(),
                replies: self.exchanges.len(),
            },
        })
    }

    fn difference(&self, recorded: &Conversation, asked: &Conversation) -> String {
        let shown = |conversation| {
            let prompt = prompt::to_text(&prompt::render(self.profile, conversation));
            // A turn a line, whatever the model's format.
            prompt.replace("<|", "\n<|")
        };
        let (recorded_text, asked_text) = (shown(recorded), shown(asked));
        if recorded_text == asked_text {
            return "the prompts are the same, and what they are made of differs".to_owned();
        }
        differences(&recorded_text, &asked_text)
    }
}

/// Lines of one text that are not in the other, with a sign before each and the
/// lines around them: those of `before` with `-`, those of `after` with `+`.
pub fn differences(before: &str, after: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let most = old.len().min(new.len()) - head;
    let ends = old.iter().rev().zip(new.iter().rev());
    let tail = ends.take(most).take_while(same).count();
    let part = |lines: &[&str], from: usize, to: usize, sign: char| -> String {
        let lines = lines.iter().take(to).skip(from);
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    let around = part(&old, head.saturating_sub(AROUND), head, ' ')
        + &part(&old, head, old.len() - tail, '-')
        + &part(&new, head, new.len() - tail, '+')
        + &part(&old, old.len() - tail, old.len() - tail + AROUND, ' ');
    around.trim_end_matches('\n').to_owned()
}

#[async_trait]
impl Engine for Recorded {
    fn model(&self) -> &str {
        &self.model
    }

    fn profile(&self) -> &Profile {
        self.profile
    }

    fn context_length(&self) -> usize {
        self.context_length
    }

    /// As many as were counted when it was recorded; of other conversations, one for
    /// every four bytes.
    fn count_tokens(&self, conversation: &Conversation) -> Result<usize, Error> {
        let same = |exchange: &&Exchange| exchange.conversation == *conversation;
        Ok(match self.exchanges.iter().find(same) {
            Some(exchange) => exchange.reply.usage.prompt_tokens as usize,
            None => {
                let pieces = prompt::render(self.profile, conversation);
                prompt::to_text(&pieces).len().div_ceil(4)
            }
        })
    }

    fn can_improvise(&self) -> bool {
        false
    }

    async fn generate(
        &self,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error> {
        let Exchange { reply, .. } = self.find(&request.conversation)?;
        let profile = self.profile.of(&request.conversation);
        let tools = &request.conversation.tools;
        let deltas = |parser| {
            let mut assembler = Assembler::new(parser);
            let mut deltas = assembler.push(&reply.raw);
            deltas.extend(assembler.finish(reply.finish, reply.usage));
            deltas
        };
        // Whether a grammar constrained the reply was not written down.
        let plain = deltas(Parser::new(profile, tools));
        let is_same =
            matches!(plain.last(), Some(Delta::Finished(now)) if now.segments == reply.segments);
        let deltas = if is_same {
            plain
        } else {
            deltas(Parser::constrained(profile, tools))
        };
        Ok(stream::iter(deltas.into_iter().map(Ok)).boxed())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Finish, Message, Sampling, Segment, ToolChoice, Usage};

    fn conversation(words: &str) -> Conversation {
        Conversation {
            messages: vec![Message::User {
                content: words.to_owned(),
            }],
            ..Conversation::default()
        }
    }

    fn recorded() -> Recorded {
        let reply = Reply {
            segments: vec![Segment::text("Paris.")],
            errors: vec![],
            raw: "\nParis.<|user|>".to_owned(),
            finish: Finish::Stop,
            usage: Usage {
                prompt_tokens: 17,
                cached_tokens: 3,
                completion_tokens: 4,
            },
        };
        let exchange = Exchange {
            conversation: conversation("Which town\nis it?"),
            reply,
        };
        let profile = Profile::by_name("glm4").unwrap();
        Recorded::new("glm-4-9b-chat", profile, 8192, vec![exchange])
    }

    fn reply(engine: &Recorded, conversation: Conversation) -> Result<Reply, Error> {
        let request = Request {
            conversation,
            sampling: Sampling::default(),
            max_tokens: 10,
            tool_choice: ToolChoice::Auto,
            answer_schema: None,
            cancel: CancellationToken::new(),
        };
        futures::executor::block_on(async {
            let mut stream = engine.generate(request).await?;
            let mut last = None;
            while let Some(delta) = stream.next().await {
                last = Some(delta?);
            }
            match last {
                Some(Delta::Finished(reply)) => Ok(reply),
                other => panic!("the stream ends with {other:?}"),
            }
        })
    }

    #[test]
    fn what_was_asked_is_answered_as_it_was() {
        let engine = recorded();
        let same = conversation("Which town\nis it?");
        assert_eq!(engine.count_tokens(&same).unwrap(), 17);
        let expected = engine.exchanges.first().map(|e| e.reply.clone()).unwrap();
        assert_eq!(reply(&engine, same).unwrap(), expected);
    }

    #[test]
    fn what_was_not_asked_shows_the_difference() {
        let error = reply(&recorded(), conversation("Which city\nis it?")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "request 1 is not the one that was recorded (-), but (+):\n  [gMASK]<sop>\n  <|user|>\n\
             - Which town\n+ Which city\n  is it?\n  <|assistant|>"
        );
    }

    #[test]
    fn differences_are_shown_between_what_is_the_same() {
        assert_eq!(differences("a\nb\nc", "a\nc"), "  a\n- b\n  c");
        assert_eq!(differences("a", "a\nb"), "  a\n+ b");
        assert_eq!(differences("x\na\na", "x\na"), "  x\n  a\n- a");
    }
}
