//! Models that servers run, by OpenAI's API.
//!
//! The server makes the prompts and reads the replies (`/v1/chat/completions`), or both
//! is done here, in the format of the model's family, and the server only completes texts
//! (`/v1/completions`): right for GLM-4-9B, whose calls no server knows how to read. Which
//! of them is told by a look at the server and the model's name.
//!
//! A request is tried again, perhaps by another server, for as long as nothing of its
//! reply has come. From then on whatever goes wrong is an error: what a model has begun to
//! say is never said twice, and a call that breaks off in the middle is never made.

mod address;
mod chat;
mod client;
mod events;
mod failure;
mod family;
mod grammar;
mod key;
mod options;
mod plan;
mod pool;
mod probe;
mod reply;
mod server;
mod text;
mod tokens;

use std::{
    collections::VecDeque,
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::{future::join_all, stream::BoxStream};
use reqwest::Url;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{Delta, Engine, Finish, Request, Usage, assemble::Assembler};
use crate::{Conversation, Error, Message, Profile, parse::Parser};
use client::Client;
use events::{Events, Wrong};
use failure::{Again, Failure};
pub use key::Key;
pub use options::{Guided, RemoteOptions, Template, Timeouts};
use plan::Plan;
use pool::{Pool, Turn};
use probe::Found;
use reply::{InProgress, Reader, State};
use tokens::{Estimate, Prompt};

/// The first pause between two tries, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));

/// A model that servers run.
pub struct Remote {
    options: RemoteOptions,
    plan: Plan,
    client: Client,
    pool: Pool,
    estimate: Arc<Estimate>,
    found: Vec<Result<Found, String>>,
}

impl Remote {
    /// Looks at the servers, and decides how to speak to the model there. Those that do
    /// not answer are taken to be like the others, and asked once they do.
    ///
    /// # Errors
    /// When no server answers, one is no such API, or what must be known of the model
    /// cannot be told.
    pub async fn connect(options: RemoteOptions) -> Result<Self, Error> {
        let mut bases = Vec::new();
        for url in &options.urls {
            bases.extend(address::candidates(url)?);
        }
        let client = Client::new(&options, &bases)?;
        let looks = options.urls.iter().map(|url| probe::look(&client, url));
        let looks = join_all(looks).await;
        let mut settled: Option<Plan> = None;
        let mut failed = None;
        let mut found = Vec::new();
        let mut endpoints = Vec::new();
        for (look, url) in looks.into_iter().zip(&options.urls) {
            match look {
                Ok(look) => {
                    // Each must have the model.
                    let plan = Plan::new(&options, &look)?;
                    endpoints.push((look.base.clone(), true));
                    let first = settled.get_or_insert(plan.clone());
                    if (&first.model, &first.profile) != (&plan.model, &plan.profile) {
                        return Err(Error::NotServed {
                            url: look.base.to_string(),
                            model: first.model.clone(),
                            known: plan.model,
                        });
                    }
                    first.context = first.context.min(plan.context);
                    found.push(Ok(look));
                }
                Err(error @ (Error::Unreachable { .. } | Error::TooSlow { .. })) => {
                    tracing::warn!("{error}");
                    endpoints.extend(address::candidates(url)?.pop().map(|base| (base, false)));
                    found.push(Err(error.to_string()));
                    failed = failed.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        let plan = settled.ok_or_else(|| {
            failed.unwrap_or_else(|| Error::BadEndpoint {
                url: String::new(),
                reason: "no address is given".to_owned(),
            })
        })?;
        let pool = Pool::new(endpoints.iter().map(|(base, _)| base.clone()));
        for (endpoint, (_, answers)) in pool.endpoints().iter().zip(&endpoints) {
            if !answers {
                endpoint.failed(None, Instant::now());
            }
        }
        let remote = Self {
            options,
            plan,
            client,
            pool,
            estimate: Arc::default(),
            found,
        };
        for (what, text) in remote.description() {
            tracing::debug!("{what}: {text}");
        }
        Ok(remote)
    }

    /// What was found and decided, in words: what each line is about, and what it says.
    pub fn description(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        for (look, url) in self.found.iter().zip(&self.options.urls) {
            lines.push(match look {
                Ok(found) => {
                    let version = found.version.as_ref().map(|v| format!(" {v}"));
                    let version = version.unwrap_or_default();
                    (
                        found.base.to_string(),
                        format!("{}{version}", found.server.name()),
                    )
                }
                Err(error) => (url.clone(), error.clone()),
            });
        }
        let plan = &self.plan;
        let who = if plan.is_ours() {
            format!("made here, profile {}, {}", plan.profile.name(), plan.why)
        } else {
            format!("made by the server, {}", plan.why)
        };
        lines.push(("model".to_owned(), plan.model.clone()));
        lines.push(("prompts".to_owned(), who));
        let window = format!("{} tokens, says {}", plan.context, plan.context_from);
        lines.push(("window".to_owned(), window));
        let constraints = match (plan.is_ours(), plan.server.guide(self.options.guided)) {
            (true, server::Guide::None) => "none: calls and answers are checked afterwards",
            (true, _) => "of calls that must be made, and of answers in a form",
            (false, _) => "as far as the server's own go",
        };
        lines.push(("constraints".to_owned(), constraints.to_owned()));
        let images = if plan.sees_images { "seen" } else { "not seen" };
        lines.push(("images".to_owned(), images.to_owned()));
        lines
    }

    /// Whether each server that was named answers.
    pub fn all_answer(&self) -> bool {
        self.found.iter().all(Result::is_ok)
    }

    /// The request, where to, and what reads the reply.
    fn order(&self, request: &Request) -> Result<Order, Error> {
        let Self { plan, options, .. } = self;
        let (path, mut body, begun) = if plan.is_ours() {
            let guide = plan.server.guide(options.guided);
            let completion = text::Completion::new(plan, request, guide)?;
            ("completions", completion.body, completion.begun)
        } else {
            let body = chat::body(plan, request, options.guided)?;
            ("chat/completions", body, String::new())
        };
        body.extend(options.body.clone());
        Ok(Order { path, body, begun })
    }

    fn reader(&self, request: &Request, begun: &str) -> (Reader, Vec<Delta>) {
        let tools = &request.conversation.tools;
        if !self.plan.is_ours() {
            let message = chat::Message::new(tools);
            return (Reader::Chat { message, bytes: 0 }, Vec::new());
        }
        let profile = self.plan.profile.of(&request.conversation);
        let mut assembler = Assembler::new(Parser::new(profile, tools));
        let deltas = assembler.push(begun);
        (
            Reader::Text {
                assembler: Box::new(assembler),
                bytes: 0,
            },
            deltas,
        )
    }

    /// Has a server begin the reply: its parts up to the first that says something of it.
    async fn begin(&self, order: &Order, turn: &Turn) -> Result<Begun, Failure> {
        let url = address::within(&turn.0.base, order.path);
        let body = Value::Object(order.body.clone());
        let limit = self.client.timeouts.first;
        let begin = async {
            let mut events = self.client.stream(&url, &body).await?;
            let mut first = VecDeque::new();
            loop {
                let event = match events.next().await {
                    Some(Ok(event)) => event,
                    Some(Err(Wrong::Format(received))) => {
                        return Err(Failure::of_format(&url, &received));
                    }
                    Some(Err(Wrong::Broken(reason))) => return Err(lost(&url, reason)),
                    None => {
                        return Err(lost(&url, "it ended before it began".to_owned()));
                    }
                };
                if let Some(reason) = failure::error_of(&event) {
                    return Err(refused(&url, &event, reason));
                }
                if first.is_empty() && event.get("choices").is_none() {
                    return Err(Failure::of_format(&url, &event.to_string()));
                }
                let has_begun = reply::says_something(&event);
                first.push_back(event);
                if has_begun {
                    return Ok((events, first));
                }
            }
        };
        match timeout(limit, begin).await {
            Ok(Ok((events, first))) => Ok(Begun { url, events, first }),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure {
                error: Error::TooSlow {
                    url: url.to_string(),
                    what: "to begin a reply",
                    seconds: limit.as_secs_f64(),
                    hint: "it may be busy or stuck; `timeout_first` below [remote] in glm.toml allows for more",
                },
                // The same server would be as slow again; another may not.
                again: match self.pool.endpoints().len() {
                    1 => Again::Never,
                    _ => Again::Later,
                },
            }),
        }
    }

    /// Has some server begin the reply, and tries again where that does no harm: nothing
    /// of the reply has come. `None` when it is cancelled meanwhile.
    async fn begin_somewhere(
        &self,
        order: &Order,
        request: &Request,
    ) -> Result<Option<(Begun, Turn)>, Error> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(PAUSES.0)
            .with_max_delay(PAUSES.1)
            .with_max_times(self.options.retries as usize)
            .with_jitter()
            .build();
        // What the conversation begins with is what its server has read before.
        let home = Home::of(&request.conversation);
        loop {
            let none = || Error::BadEndpoint {
                url: String::new(),
                reason: "no address is given".to_owned(),
            };
            let turn = self.pool.choose(&home, Instant::now()).ok_or_else(none)?;
            let begun = tokio::select! {
                () = request.cancel.cancelled() => return Ok(None),
                begun = self.begin(order, &turn) => begun,
            };
            let Failure { error, again } = match begun {
                Ok(begun) => {
                    turn.0.answered();
                    return Ok(Some((begun, turn)));
                }
                Err(failure) => failure,
            };
            let asked = match again {
                Again::Never => return Err(error),
                Again::Later => None,
                Again::After(wait) => Some(wait),
            };
            turn.0.failed(asked, Instant::now());
            drop(turn);
            let Some(pause) = pauses.next() else {
                return Err(error);
            };
            let rest = self.pool.shortest_rest(Instant::now());
            if asked.is_some() && rest > failure::PATIENCE {
                return Err(error);
            }
            // With one that is well, there is nothing to wait for.
            let pause = match asked {
                _ if rest.is_zero() => Duration::ZERO,
                Some(wait) => rest.min(wait),
                None => pause,
            };
            let wait = pause.as_secs_f64();
            tracing::debug!("{error}; the next try is in {wait:.1} s");
            tokio::select! {
                () = request.cancel.cancelled() => return Ok(None),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// A request, and where it goes.
struct Order {
    path: &'static str,
    body: Map<String, Value>,
    /// What the prompt has begun of the reply.
    begun: String,
}

/// A reply that has begun.
struct Begun {
    url: Url,
    events: Events,
    first: VecDeque<Value>,
}

/// What conversations with the same server have in common: how they begin.
#[derive(Hash)]
struct Home(Vec<String>);

impl Home {
    fn of(conversation: &Conversation) -> Self {
        let first = conversation
            .messages
            .iter()
            .filter_map(|message| match message {
                Message::System { content } | Message::User { content } => Some(content.clone()),
                _ => None,
            });
        Self(first.take(2).collect())
    }
}

/// A connection that broke before anything came.
fn lost(url: &Url, reason: String) -> Failure {
    Failure {
        error: Error::Unreachable {
            url: url.to_string(),
            reason,
            hint: "the server's own log tells more".to_owned(),
        },
        again: Again::Later,
    }
}

/// An error in the place of a reply, by a server that had said that all was well.
fn refused(url: &Url, event: &Value, reason: String) -> Failure {
    let code = event.pointer("/error/code").and_then(Value::as_u64);
    let status = code
        .and_then(|code| u16::try_from(code).ok())
        .unwrap_or(200);
    Failure {
        error: Error::Refused {
            url: url.to_string(),
            status,
            reason,
            hint: "the server's own log tells more".to_owned(),
        },
        again: match status {
            429 | 500 | 502 | 503 => Again::Later,
            _ => Again::Never,
        },
    }
}

#[async_trait]
impl Engine for Remote {
    fn model(&self) -> &str {
        &self.plan.model
    }

    fn profile(&self) -> &Profile {
        &self.plan.profile
    }

    fn context_length(&self) -> usize {
        self.plan.context
    }

    /// An estimate: the server's tokenizer is not at hand. It is on the safe side until a
    /// reply has told how many tokens its prompt had.
    fn count_tokens(&self, conversation: &Conversation) -> Result<usize, Error> {
        let prompt = Prompt::new(&self.plan.profile, conversation);
        Ok(usize::try_from(self.estimate.of(&prompt)).unwrap_or(usize::MAX))
    }

    fn sees_images(&self) -> Result<(), Error> {
        if self.plan.sees_images {
            return Ok(());
        }
        Err(Error::CannotSee {
            model: self.plan.model.clone(),
            hint: "use a vision model, such as GLM-4.1V; if it is one by another name, say images = true below [remote] in glm.toml".to_owned(),
        })
    }

    async fn generate(
        &self,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error> {
        let shows = |message: &Message| matches!(message, Message::Image(_));
        if request.conversation.messages.iter().any(shows) {
            self.sees_images()?;
        }
        let order = self.order(&request)?;
        let prompt = Prompt::new(&self.plan.profile, &request.conversation);
        let begun = self.begin_somewhere(&order, &request).await?;
        let (reader, deltas) = self.reader(&request, &order.begun);
        let Some((begun, turn)) = begun else {
            let usage = Usage::default();
            let last = match reader {
                Reader::Text { assembler, .. } => assembler.finish(Finish::Cancelled, usage),
                Reader::Chat { message, .. } => {
                    vec![Delta::Finished(message.finish(Finish::Cancelled, usage))]
                }
            };
            let last = last.into_iter().map(Ok);
            return Ok(Box::pin(futures::stream::iter(last)));
        };
        let mut state = State::default();
        state.ready.extend(deltas.into_iter().map(Ok));
        let reply = InProgress {
            url: begun.url,
            events: begun.events,
            reader,
            turn,
            cancel: request.cancel,
            between: self.client.timeouts.between,
            prompt,
            estimate: Arc::clone(&self.estimate),
            first: begun.first,
            state,
        };
        Ok(reply.stream())
    }
}
