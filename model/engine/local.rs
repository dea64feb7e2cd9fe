//! Inference in this process.
//!
//! Prompts are rendered and tokenised here and go to the engine as token ids;
//! the engine's chat templates, tool parsers and agent loop are not used.

mod cache;
mod detokenizer;
mod quantization;
mod quantize;
mod runner;
mod sampler;
#[cfg(test)]
mod tests;
pub mod verify;

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use mistralrs_core::{
    Constraint, CustomLogitsProcessor, NormalRequest, Request as EngineRequest, RequestMessage,
    Response, SamplingParams, StopTokens,
};
use tokio::sync::mpsc::{self, Receiver, UnboundedReceiver};
use tokio_util::sync::CancellationToken;

use super::{
    Completion, Delta, Engine, Finish, Prompt, Reply, Request, Usage, assemble::Assembler,
};
use crate::{
    Conversation, Error, Profile, Sampling, Segment,
    checkpoint::{Checkpoint, vocabulary::Vocabulary},
    grammar,
    parse::Parser,
    profile::END_OF_TEXT,
    prompt,
};
use detokenizer::Detokenizer;
pub use quantization::Quantization;
pub use quantize::quantize;
use runner::{BLOCK, Lease, Runner};
use sampler::Sampler;

/// How a model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalOptions {
    /// Weights rounded at load; `None` keeps them.
    pub quantization: Option<Quantization>,
    /// How many bytes of keys and values of past replies are kept, so that a
    /// session's next turn computes only what is new. Past this bound the
    /// engine starts afresh. 512 MiB by default.
    pub cache_bytes: u64,
    /// Whether replies are held to the [grammar] of the tools on
    /// offer, as they are by default. Without, calls may be malformed: for
    /// measurements of the model alone.
    pub constrain: bool,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            quantization: None,
            cache_bytes: 512 << 20,
            constrain: true,
        }
    }
}

/// A model in this process: on the CPU in 32-bit floats, on a GPU in the
/// checkpoint's own type. Replies are computed one after the other, in the
/// order in which they were asked for.
pub struct Local {
    name: String,
    about: String,
    profile: &'static Profile,
    context_length: usize,
    vocabulary: Arc<Vocabulary>,
    runner: Runner,
    constrains: bool,
}

impl Local {
    /// Loads a checkpoint.
    ///
    /// # Errors
    /// When its tokenizer lacks one of the profile's special tokens, its weights
    /// are to be rounded twice, or the engine cannot load it.
    pub async fn load(checkpoint: &Checkpoint, options: LocalOptions) -> Result<Self, Error> {
        if let Some(quantization) = options.quantization {
            checkpoint.check_not_rounded(quantization)?;
        }
        let vocabulary = Arc::new(checkpoint.vocabulary()?);
        let name = checkpoint.name.clone();
        let runner =
            Runner::load(checkpoint, options)
                .await
                .map_err(|reason| Error::Inference {
                    model: name.clone(),
                    action: "cannot be loaded",
                    reason,
                })?;
        let positions = checkpoint.context_length;
        Ok(Self {
            name,
            about: checkpoint.note.clone(),
            profile: checkpoint.profile()?,
            // The engine makes room in whole blocks and never beyond.
            context_length: match positions / BLOCK {
                0 => positions,
                blocks => blocks * BLOCK,
            },
            vocabulary,
            runner,
            constrains: options.constrain,
        })
    }

    /// The grammar that a reply must follow, if there is one.
    fn grammar(&self, request: &Request) -> Result<Option<String>, Error> {
        if !self.constrains {
            return Ok(None);
        }
        let profile = self.profile.of(&request.conversation);
        let offered = grammar::compile::expressible(profile, &request.conversation.tools);
        let schema = request.answer_schema.as_ref();
        let answer = grammar::compile::expressible_answer(profile, schema);
        grammar::lark(profile, &offered, &request.tool_choice, answer)
    }

    fn fail(&self, reason: String) -> Error {
        failed(&self.name, reason)
    }

    fn encode(&self, conversation: &Conversation) -> Result<Vec<u32>, Error> {
        let pieces = prompt::render(self.profile, conversation);
        self.vocabulary
            .encode(&pieces)
            .map_err(|reason| self.fail(reason))
    }

    /// Starts to compute what follows a prompt of tokens: `sampler` chooses,
    /// and the engine stops at the seal or after `most` tokens.
    async fn start(
        &self,
        lease: &Lease,
        tokens: Vec<u32>,
        most: usize,
        sampler: Arc<dyn CustomLogitsProcessor>,
        constraint: Constraint,
    ) -> Result<Receiver<Response>, Error> {
        let seal = self
            .vocabulary
            .special(END_OF_TEXT)
            .map_err(|reason| self.fail(reason))?;
        // Room for one message a token: the engine never waits for a reader.
        let (sender, responses) = mpsc::channel(most + 8);
        let mut sampling = SamplingParams::deterministic();
        sampling.temperature = Some(0.0);
        sampling.max_len = Some(most);
        sampling.stop_toks = Some(StopTokens::Ids(vec![seal]));
        let message = RequestMessage::CompletionTokens(tokens);
        let mut request = NormalRequest::new_simple(message, sampling, sender, 0, None, None);
        request.is_streaming = true;
        request.logits_processors = Some(vec![sampler]);
        request.constraint = constraint;
        let sent = lease.send(EngineRequest::Normal(Box::new(request))).await;
        sent.map_err(|reason| self.fail(reason))?;
        Ok(responses)
    }
}

fn failed(model: &str, reason: String) -> Error {
    Error::Inference {
        model: model.to_owned(),
        action: "cannot go on",
        reason,
    }
}

#[async_trait]
impl Engine for Local {
    fn model(&self) -> &str {
        &self.name
    }

    fn about(&self) -> Option<&str> {
        Some(self.about.as_str()).filter(|about| !about.is_empty())
    }

    fn profile(&self) -> &Profile {
        self.profile
    }

    fn context_length(&self) -> usize {
        self.context_length
    }

    fn count_tokens(&self, conversation: &Conversation) -> Result<usize, Error> {
        Ok(self.encode(conversation)?.len())
    }

    async fn generate(
        &self,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error> {
        let tools = &request.conversation.tools;
        let profile = self.profile.of(&request.conversation);
        let (constraint, parser) = match self.grammar(&request)? {
            Some(grammar) => (
                Constraint::Lark(grammar),
                Parser::constrained(profile, tools),
            ),
            None => (Constraint::None, Parser::new(profile, tools)),
        };
        let prompt = self.encode(&request.conversation)?;
        let writing = Writing::Turn(Box::new(Assembler::new(parser)));
        let limits = Limits {
            sampling: request.sampling,
            max_tokens: request.max_tokens,
            cancel: request.cancel,
        };
        self.write(prompt, writing, constraint, limits).await
    }

    async fn complete(
        &self,
        completion: Completion,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error> {
        let tokens = match completion.prompt {
            Prompt::Tokens(tokens) => tokens,
            Prompt::Text(text) => {
                let pieces = prompt::from_text(self.profile, &text);
                let tokens = self.vocabulary.encode(&pieces);
                tokens.map_err(|reason| self.fail(reason))?
            }
        };
        let prompt = self.checked(tokens)?;
        let writing = Writing::Text {
            raw: String::new(),
            special_tokens: completion.special_tokens,
        };
        let limits = Limits {
            sampling: completion.sampling,
            max_tokens: completion.max_tokens,
            cancel: completion.cancel,
        };
        self.write(prompt, writing, Constraint::None, limits).await
    }
}

impl Local {
    /// The tokens, if there is one at least and the model knows them all.
    fn checked(&self, tokens: Vec<u32>) -> Result<Vec<u32>, Error> {
        let known = self.vocabulary.known();
        let what = match tokens.iter().max() {
            None => "an empty text",
            Some(highest) if *highest as usize >= known => "tokens that it does not know",
            Some(_) => return Ok(tokens),
        };
        Err(Error::CannotComplete {
            model: self.name.clone(),
            what,
        })
    }

    /// Has the engine write what follows a prompt, once it is this one's turn.
    async fn write(
        &self,
        prompt: Vec<u32>,
        writing: Writing,
        constraint: Constraint,
        limits: Limits,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error> {
        // One token for the reply, one that ends it, and one for the engine to
        // stop at.
        let room = self.context_length.saturating_sub(prompt.len() + 2);
        if room == 0 {
            return Err(Error::PromptTooLong {
                tokens: prompt.len(),
                limit: self.context_length,
            });
        }
        let most = limits.max_tokens.clamp(1, room);
        let seal = self
            .vocabulary
            .special(END_OF_TEXT)
            .map_err(|reason| self.fail(reason))?;
        let lease = limits.cancel.run_until_cancelled(self.runner.lease());
        let Some(lease) = lease.await else {
            let usage = Usage {
                prompt_tokens: prompt.len() as u64,
                ..Usage::default()
            };
            let deltas = writing.finish(Finish::Cancelled, usage);
            return Ok(stream::iter(deltas.into_iter().map(Ok)).boxed());
        };
        let mut lease = lease.map_err(|reason| self.fail(reason))?;
        let (out, tokens) = mpsc::unbounded_channel();
        let (known, ends) = (self.vocabulary.known(), self.vocabulary.ends());
        let sampler = Sampler::new(limits.sampling, most, known, ends, seal, out);
        let sampler: Arc<dyn CustomLogitsProcessor> = Arc::new(sampler);
        let chooses = Arc::downgrade(&sampler);
        let cached_tokens = lease.cache().shared(&prompt);
        let start = self.start(&lease, prompt.clone(), most + 2, sampler, constraint);
        let responses = start.await?;
        let reply = Generation {
            model: self.name.clone(),
            vocabulary: Arc::clone(&self.vocabulary),
            writing,
            tokens,
            responses,
            sampler: chooses,
            lease,
            cancel: limits.cancel,
            prompt,
            cached_tokens,
            most,
        };
        Ok(reply.stream())
    }
}

/// How a reply's tokens are chosen, and when there are enough.
struct Limits {
    sampling: Sampling,
    max_tokens: usize,
    cancel: CancellationToken,
}

/// What becomes of the text that is generated.
enum Writing {
    /// It is read as the model's syntax asks.
    Turn(Box<Assembler>),
    /// It stays text.
    Text { raw: String, special_tokens: bool },
}

impl Writing {
    /// Takes the text of one more token; `special` if it is one of the profile's
    /// special tokens, `ends` if it ends the reply.
    fn push(&mut self, piece: &str, special: bool, ends: bool) -> Vec<Delta> {
        match self {
            Self::Turn(assembler) => assembler.push(piece),
            Self::Text { special_tokens, .. } if ends || special && !*special_tokens => Vec::new(),
            Self::Text { .. } if piece.is_empty() => Vec::new(),
            Self::Text { raw, .. } => {
                raw.push_str(piece);
                vec![Delta::Text(piece.to_owned())]
            }
        }
    }

    /// The last deltas.
    fn finish(self, finish: Finish, usage: Usage) -> Vec<Delta> {
        match self {
            Self::Turn(assembler) => assembler.finish(finish, usage),
            Self::Text { raw, .. } => {
                let is_empty = raw.is_empty();
                let text = || Segment::text(raw.clone());
                vec![Delta::Finished(Reply {
                    segments: (!is_empty).then(text).into_iter().collect(),
                    errors: Vec::new(),
                    raw,
                    finish,
                    usage,
                })]
            }
        }
    }
}

/// A reply under way.
struct Generation {
    model: String,
    vocabulary: Arc<Vocabulary>,
    writing: Writing,
    tokens: UnboundedReceiver<u32>,
    responses: Receiver<Response>,
    sampler: Weak<dyn CustomLogitsProcessor>,
    lease: Lease,
    cancel: CancellationToken,
    prompt: Vec<u32>,
    /// How many tokens of the prompt need not be computed.
    cached_tokens: usize,
    most: usize,
}

impl Generation {
    /// The reply's deltas. They are computed by a task that ends with the
    /// stream: once nobody listens, the engine is told to stop.
    fn stream(self) -> BoxStream<'static, Result<Delta, Error>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let model = self.model.clone();
            if let Err(reason) = self.run(&sender).await {
                // The listener may have gone.
                let _ = sender.send(Err(failed(&model, reason)));
            }
        });
        stream::unfold(receiver, |mut receiver| async {
            let item = receiver.recv().await?;
            Some((item, receiver))
        })
        .boxed()
    }

    async fn run(
        mut self,
        out: &mpsc::UnboundedSender<Result<Delta, Error>>,
    ) -> Result<(), String> {
        let written = self.write(out).await;
        // No longer heard, the engine gives up a sequence that is not finished.
        drop(self.responses);
        let mut sequence = self.prompt;
        let prompt_tokens = sequence.len();
        if let Ok((finish, reply)) = &written {
            sequence.extend(reply);
            match finish {
                // Given up, it is not kept, unless it was at its very end.
                Finish::Cancelled => self.lease.cache().count(sequence.len() + 1),
                Finish::Stop | Finish::Length => self.lease.cache().keep(sequence),
            }
        }
        self.lease.settle(self.sampler).await;
        let (finish, reply) = written?;
        let usage = Usage {
            prompt_tokens: prompt_tokens as u64,
            cached_tokens: self.cached_tokens as u64,
            completion_tokens: reply.len() as u64,
        };
        for delta in self.writing.finish(finish, usage) {
            let _ = out.send(Ok(delta));
        }
        Ok(())
    }

    /// Passes on what the engine writes, until it is done with the sequence or
    /// somebody has had enough: how the reply ended, and its tokens.
    async fn write(
        &mut self,
        out: &mpsc::UnboundedSender<Result<Delta, Error>>,
    ) -> Result<(Finish, Vec<u32>), String> {
        let vocabulary = Arc::clone(&self.vocabulary);
        let mut text = Detokenizer::new(vocabulary.tokenizer());
        let mut written = Vec::new();
        let finish = loop {
            let token = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok((Finish::Cancelled, written)),
                () = out.closed() => return Ok((Finish::Cancelled, written)),
                token = self.tokens.recv() => token,
                response = self.responses.recv() => match response {
                    Some(response) => {
                        fault(response)?;
                        continue;
                    }
                    // The engine has let go: what it chose before still comes.
                    None => self.tokens.recv().await,
                },
            };
            let ends = token.is_some_and(|token| vocabulary.ends().contains(&token));
            // The token that ends a reply does not count against its limit.
            if written.len() == self.most && !ends {
                break Finish::Length;
            }
            let Some(token) = token else {
                break Finish::Stop;
            };
            written.push(token);
            let special = vocabulary.is_special(token);
            for delta in self.writing.push(&text.push(token)?, special, ends) {
                // The listener may have gone: the next round sees that.
                let _ = out.send(Ok(delta));
            }
            if ends {
                break Finish::Stop;
            }
        };
        while let Some(response) = self.responses.recv().await {
            fault(response)?;
        }
        Ok((finish, written))
    }
}

/// The error in a message of the engine, if it is one.
fn fault(response: Response) -> Result<(), String> {
    match response {
        Response::InternalError(error) | Response::ValidationError(error) => Err(error.to_string()),
        Response::CompletionModelError(error, _) | Response::ModelError(error, _) => Err(error),
        _ => Ok(()),
    }
}
