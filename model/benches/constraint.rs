//! What the constraint on replies is worth, and what it costs.
//!
//! First it counts the calls that go wrong in many replies at temperature 2,
//! where the model alone writes little but noise. Then it compares the time for
//! a token with and without the constraint, in the same run.
//!
//! `cargo bench --workspace --bench constraint`; `REPLIES=200` for a
//! quicker count.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use futures::{StreamExt, stream};
use glm_agent_model::{
    Conversation, Delta, Engine, Finish, Message, Reply, Request, Sampling, Segment, ToolChoice,
    ToolSpec, catalog,
    checkpoint::{Checkpoint, ImportOptions},
    engine::local::{Local, LocalOptions},
    prompt,
};
use jsonschema::Validator;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Replies for each model.
const REPLIES: u64 = 2000;
/// Replies computed at the same time.
const AT_ONCE: usize = 32;

fn schemas() -> [(&'static str, Value); 2] {
    let weather = json!({
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 12},
            "unit": {"enum": ["C", "F"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 14},
            "at": {"type": "array", "items": {"type": "number"}, "maxItems": 2},
        },
        "required": ["city", "days"],
    });
    let none = json!({"type": "object", "properties": {}});
    [("get_weather", weather), ("clock", none)]
}

fn request(content: &str) -> Request {
    Request {
        conversation: Conversation {
            messages: vec![Message::User {
                content: content.to_owned(),
            }],
            ..Conversation::default()
        },
        sampling: Sampling::default(),
        max_tokens: 64,
        tool_choice: ToolChoice::Auto,
        answer_schema: None,
        cancel: Default::default(),
    }
}

fn with_tools(mut request: Request) -> Request {
    let tool = |(name, schema)| ToolSpec::function(name, name, schema);
    request.conversation.tools = schemas().map(tool).to_vec();
    request
}

async fn reply(local: &Local, request: Request) -> Reply {
    let mut deltas = local.generate(request).await.unwrap();
    while let Some(delta) = deltas.next().await {
        if let Delta::Finished(reply) = delta.unwrap() {
            return reply;
        }
    }
    panic!("a reply has no end");
}

/// What became of some replies.
#[derive(Debug, Default, PartialEq)]
struct Count {
    replies: u64,
    calls: u64,
    /// Calls that cannot be read, or whose arguments are not what the schema
    /// asks for.
    malformed: u64,
    /// Calls of tools that are not on offer.
    unknown: u64,
    /// Replies that the token limit cut off.
    cut_off: u64,
}

impl Count {
    fn add(&mut self, reply: &Reply, validators: &[(&str, Validator)]) {
        self.replies += 1;
        let before = (self.malformed, self.unknown);
        match reply.finish {
            Finish::Length => self.cut_off += 1,
            Finish::Stop | Finish::Cancelled => self.malformed += reply.errors.len() as u64,
        }
        for segment in &reply.segments {
            let Segment::Call(call) = segment else {
                continue;
            };
            self.calls += 1;
            match validators.iter().find(|(name, _)| *name == call.name) {
                None => self.unknown += 1,
                Some((_, schema)) if !schema.is_valid(&call.arguments) => self.malformed += 1,
                Some(_) => {}
            }
        }
        if before != (self.malformed, self.unknown) {
            println!("wrong: {:?} {:?}", reply.raw, reply.errors);
        }
    }
}

async fn count(local: &Local, replies: u64) -> Count {
    let validators = schemas().map(|(name, schema)| (name, Validator::new(&schema).unwrap()));
    let mut count = Count::default();
    let mut all = stream::iter(0..replies)
        .map(|seed| {
            // Not twice the same: the engine would compute all of it again.
            let content = format!("How is the weather? No. {seed}");
            let mut request = with_tools(request(&content));
            request.sampling.temperature = 2.0;
            request.sampling.seed = Some(seed);
            request.tool_choice = match seed % 4 {
                0 => ToolChoice::Auto,
                1 => ToolChoice::Required,
                2 => ToolChoice::Tool("get_weather".to_owned()),
                _ => ToolChoice::Tool("clock".to_owned()),
            };
            reply(local, request)
        })
        .buffer_unordered(AT_ONCE);
    while let Some(reply) = all.next().await {
        count.add(&reply, &validators);
    }
    count
}

/// The time that the engine takes for so many tokens, prompts left out.
async fn decoding(local: &Local, request: &Request, tokens: u64) -> Duration {
    let (mut time, mut counted) = (Duration::ZERO, 0);
    while counted < tokens {
        let mut deltas = local.generate(request.clone()).await.unwrap();
        let mut first = None;
        while let Some(delta) = deltas.next().await {
            let start = *first.get_or_insert_with(Instant::now);
            if let Delta::Finished(reply) = delta.unwrap() {
                time += start.elapsed();
                counted += reply.usage.completion_tokens - 1;
            }
        }
    }
    time.mul_f64(tokens as f64 / counted as f64)
}

async fn load(checkpoint: &Checkpoint) -> Local {
    Local::load(checkpoint, LocalOptions::default())
        .await
        .unwrap()
}

fn main() {
    let runtime = Runtime::new().unwrap();
    let replies = std::env::var("REPLIES").map_or(REPLIES, |n| n.parse().unwrap());
    let cache = TempDir::new().unwrap();
    let home = std::env::home_dir().unwrap().join(".cache/glm-agent");
    let smol = runtime.block_on(async {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/parity");
        for profile in ["glm4", "glm4.5"] {
            let options = ImportOptions {
                profile: Some(profile.to_owned()),
                ..ImportOptions::default()
            };
            let tiny = catalog::import(&folder, profile, &options, cache.path(), &|_| {});
            let tiny = load(&tiny.await.unwrap()).await;
            println!("random model, {profile}: {:?}", count(&tiny, replies).await);
        }
        let smol = catalog::pull(catalog::DEFAULT, None, &home, &|_| {}).await;
        let smol = load(&smol.unwrap()).await;
        println!("smol-glm: {:?}", count(&smol, replies).await);
        smol
    });
    // The same prompt twice: with tools, and with the text that tells of them.
    // Noise, so that the replies are long.
    let mut constrained = with_tools(request("Tell me a long story."));
    constrained.sampling = Sampling {
        temperature: 1.5,
        seed: Some(1),
        ..Sampling::default()
    };
    let mut free = constrained.clone();
    free.conversation.tools.clear();
    let prompt = prompt::render(smol.profile(), &constrained.conversation);
    let prompt = prompt::to_text(&prompt);
    let (_, system) = prompt.split_once("<|system|>\n").unwrap();
    let (system, _) = system.split_once("<|user|>").unwrap();
    let content = system.to_owned();
    free.conversation
        .messages
        .insert(0, Message::System { content });
    let again = prompt::render(smol.profile(), &free.conversation);
    assert_eq!(prompt::to_text(&again), prompt);
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(10)
        .measurement_time(Duration::from_secs(60));
    let mut group = criterion.benchmark_group("a token of smol-glm");
    group.throughput(Throughput::Elements(1));
    for (name, request) in [("free", free), ("constrained", constrained)] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|tokens| runtime.block_on(decoding(&smol, &request, tokens)));
        });
    }
    group.finish();
    criterion.final_summary();
}
