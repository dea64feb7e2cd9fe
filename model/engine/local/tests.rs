#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

use super::{verify::Recorder, *};
use crate::{
    Message, Reply, Sampling, Segment, ToolChoice, ToolSpec, catalog,
    checkpoint::{self, ImportOptions, fixtures},
};

/// A random model of 0.6 MB in `GlmForCausalLM`'s layout; see
/// `make_tiny.py` beside it.
fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/parity")
}

async fn load(cache: &TempDir, options: LocalOptions) -> Local {
    let quiet = |_| {};
    let checkpoint = match catalog::resolve("tiny", cache.path()) {
        Ok(checkpoint) => checkpoint,
        Err(_) => catalog::import(
            &tiny(),
            "tiny",
            &ImportOptions::default(),
            cache.path(),
            &quiet,
        )
        .await
        .unwrap(),
    };
    Local::load(&checkpoint, options).await.unwrap()
}

fn user(content: &str) -> Message {
    Message::User {
        content: content.to_owned(),
    }
}

fn observation(content: &str) -> Message {
    Message::Observation {
        metadata: String::new(),
        content: content.to_owned(),
    }
}

fn request(messages: Vec<Message>, max_tokens: usize) -> Request {
    Request {
        conversation: Conversation {
            messages,
            ..Conversation::default()
        },
        sampling: Sampling::default(),
        max_tokens,
        tool_choice: ToolChoice::Auto,
        answer_schema: None,
        cancel: CancellationToken::new(),
    }
}

async fn reply(local: &Local, request: Request) -> Reply {
    let mut deltas = local.generate(request).await.unwrap();
    while let Some(delta) = deltas.next().await {
        if let Delta::Finished(reply) = delta.unwrap() {
            return reply;
        }
    }
    panic!("the reply has no end");
}

#[tokio::test]
async fn the_older_layout_computes_the_same() {
    let cache = TempDir::new().unwrap();
    let new = load(&cache, LocalOptions::default()).await;
    let folder = fixtures::legacy();
    let to = cache.path().join("older");
    let options = ImportOptions::default();
    let old = checkpoint::import(folder.path(), "older", &to, &options, &|_| {}).unwrap();
    let old = Local::load(&old, LocalOptions::default()).await.unwrap();
    let prompt: Vec<u32> = (0..50).map(|i| i * 37 % 256).collect();
    assert_eq!(
        old.greedy(&prompt, 24).await.unwrap(),
        new.greedy(&prompt, 24).await.unwrap()
    );
}

#[tokio::test]
async fn a_second_turn_is_the_same_with_and_without_the_first_in_the_cache() {
    let cache = TempDir::new().unwrap();
    let warm = load(&cache, LocalOptions::default()).await;
    let first = reply(&warm, request(vec![user("Hello")], 16)).await;
    assert_eq!(first.finish, Finish::Length);
    assert_eq!(first.usage.completion_tokens, 16);
    let messages = vec![
        user("Hello"),
        Message::Assistant {
            segments: first.segments,
        },
        user("And?"),
    ];
    let mut continued = reply(&warm, request(messages.clone(), 16)).await;
    // The four tokens of the format and the text's; the reply is no text.
    assert_eq!(continued.usage.cached_tokens, 10);
    continued.usage.cached_tokens = 0;
    let cold = load(&cache, LocalOptions::default()).await;
    assert_eq!(continued, reply(&cold, request(messages, 16)).await);
}

#[tokio::test]
async fn replies_at_the_same_time_are_those_that_would_come_one_after_the_other() {
    let cache = TempDir::new().unwrap();
    let local = load(&cache, LocalOptions::default()).await;
    let questions = |turn: usize| format!("Hello {}", "you ".repeat(turn));
    let ask = |turn: usize| reply(&local, request(vec![user(&questions(turn))], 24));
    // All but the first begin with what the first has left in the cache.
    let mut alone = Vec::new();
    for turn in 0..8 {
        alone.push(ask(turn).await.raw);
    }
    let together = futures::future::join_all((0..8).map(ask)).await;
    let together: Vec<String> = together.into_iter().map(|reply| reply.raw).collect();
    assert_eq!(together, alone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_replies_at_the_same_time_come_while_engines_are_renewed() {
    let cache = TempDir::new().unwrap();
    let options = LocalOptions {
        cache_bytes: 1,
        ..LocalOptions::default()
    };
    let local = load(&cache, options).await;
    let ask = |turn: usize| reply(&local, request(vec![user(&turn.to_string())], 2));
    let replies = futures::future::join_all((0..100).map(ask)).await;
    assert!(replies.iter().all(|reply| reply.usage.cached_tokens == 0));
}

#[tokio::test]
async fn a_reply_can_be_cancelled_before_its_turn_has_come() {
    let cache = TempDir::new().unwrap();
    let local = load(&cache, LocalOptions::default()).await;
    let lease = local.runner.lease().await.unwrap();
    let request = request(vec![user("Hello")], 24);
    let cancel = request.cancel.clone();
    let (reply, ()) = tokio::join!(reply(&local, request), async { cancel.cancel() });
    assert_eq!((reply.finish, reply.raw.as_str()), (Finish::Cancelled, ""));
    drop(lease);
}

#[tokio::test]
async fn a_seed_repeats_a_reply() {
    let cache = TempDir::new().unwrap();
    let local = load(&cache, LocalOptions::default()).await;
    let seeded = |seed| {
        let mut request = request(vec![user("Hello")], 32);
        request.sampling.temperature = 1.0;
        request.sampling.seed = Some(seed);
        reply(&local, request)
    };
    let (first, again, other) = tokio::join!(seeded(1), seeded(1), seeded(2));
    assert_eq!(first.raw, again.raw);
    assert_ne!(first.raw, other.raw);
}

#[tokio::test]
async fn a_prompt_without_room_for_a_reply_is_refused_with_both_numbers() {
    let cache = TempDir::new().unwrap();
    let local = load(&cache, LocalOptions::default()).await;
    // [gMASK] <sop> <|user|> \n, the text's 3000 bytes, <|assistant|>.
    let error = local
        .generate(request(vec![user(&"a".repeat(3000))], 16))
        .await
        .err()
        .unwrap();
    let numbers = match error {
        Error::PromptTooLong { tokens, limit } => (tokens, limit),
        other => panic!("{other}"),
    };
    assert_eq!(numbers, (3005, 2048));
}

#[tokio::test]
async fn a_cancelled_reply_ends_with_what_it_has() {
    let cache = TempDir::new().unwrap();
    let local = load(&cache, LocalOptions::default()).await;
    let request = request(vec![user("Hello")], 1900);
    let cancel = request.cancel.clone();
    let mut deltas = local.generate(request).await.unwrap();
    let mut finished = None;
    while let Some(delta) = deltas.next().await {
        cancel.cancel();
        if let Delta::Finished(reply) = delta.unwrap() {
            finished = Some(reply);
        }
    }
    let reply = finished.unwrap();
    assert_eq!(reply.finish, Finish::Cancelled);
    assert!(reply.usage.completion_tokens < 1900);
}

#[tokio::test]
async fn the_engine_stops_once_nobody_listens() {
    let cache = TempDir::new().unwrap();
    let local = load(&cache, LocalOptions::default()).await;
    let (out, mut settled) = mpsc::unbounded_channel();
    let recorder = Recorder::new(local.vocabulary.known(), 1900, 0, out);
    let lease = local.runner.lease().await.unwrap();
    let sampler: Arc<dyn CustomLogitsProcessor> = recorder;
    let chooses = Arc::downgrade(&sampler);
    let start = local.start(&lease, vec![1, 2, 3], 1900, sampler, Constraint::None);
    let mut responses = start.await.unwrap();
    responses.recv().await.unwrap();
    drop(responses);
    lease.settle(chooses).await;
    let mut tokens = 0;
    while settled.try_recv().is_ok() {
        tokens += 1;
    }
    assert!(tokens < 1899);
}

#[tokio::test]
async fn constrained_calls_are_well_formed_however_random_the_model() {
    let cache = TempDir::new().unwrap();
    let local = load(&cache, LocalOptions::default()).await;
    let schema = json!({
        "type": "object",
        "properties": {
            "city": {"enum": ["Oslo", "Rome"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
        },
        "required": ["city", "days"],
    });
    let mut calls = 0;
    for seed in 0..50 {
        let mut request = request(vec![user("Weather?")], 400);
        let tool = ToolSpec::function("get_weather", "Weather", schema.clone());
        request.conversation.tools = vec![tool];
        request.sampling.temperature = 1.0;
        request.sampling.seed = Some(seed);
        request.tool_choice = match seed % 2 {
            0 => ToolChoice::Auto,
            _ => ToolChoice::Tool("get_weather".to_owned()),
        };
        let forced = request.tool_choice != ToolChoice::Auto;
        let reply = reply(&local, request).await;
        // Only the token limit can cut a call short.
        assert!(
            reply.errors.is_empty() || reply.finish == Finish::Length,
            "{reply:?}"
        );
        let mut called = 0;
        for segment in &reply.segments {
            if let Segment::Call(call) = segment {
                assert_eq!(call.name, "get_weather");
                assert!(["Oslo", "Rome"].contains(&call.arguments["city"].as_str().unwrap()));
                assert!((1..=9).contains(&call.arguments["days"].as_i64().unwrap()));
                called += 1;
            }
        }
        assert!(
            !forced || (called > 0 && reply.finish == Finish::Stop),
            "{}",
            reply.raw
        );
        calls += called;
    }
    assert!(calls >= 25);
}

#[tokio::test]
async fn a_full_cache_makes_way_for_a_new_one() {
    let cache = TempDir::new().unwrap();
    // Each reply keeps one block of 512 tokens, at 768 bytes a token.
    let block = 512 * 768;
    let options = LocalOptions {
        cache_bytes: 3 * block,
        ..LocalOptions::default()
    };
    let local = load(&cache, options).await;
    let mut kept = Vec::new();
    for turn in 0..9 {
        reply(&local, request(vec![user(&format!("Hello {turn}"))], 4)).await;
        kept.push(local.runner.lease().await.unwrap().cache().bytes() / block);
    }
    // A reply that was cut off is cached too.
    assert_eq!(kept, [1, 2, 3, 0, 1, 2, 3, 0, 1]);
}

/// Where the program itself keeps models, so that one pull serves all.
fn cache_dir() -> PathBuf {
    if let Some(folder) = std::env::var_os("GLM_CACHE_DIR") {
        return folder.into();
    }
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cache"));
    base.join("glm-agent")
}

async fn smol_glm() -> Local {
    let checkpoint = catalog::pull(catalog::DEFAULT, None, &cache_dir(), &|_| {})
        .await
        .unwrap();
    Local::load(&checkpoint, LocalOptions::default())
        .await
        .unwrap()
}

/// How many tokens of a prompt the engine computes: it hands out the logits of
/// each of them.
async fn computed(local: &Local, prompt: Vec<u32>) -> usize {
    let (sender, mut responses) = mpsc::channel(8);
    let message = RequestMessage::CompletionTokens(prompt);
    let sampling = SamplingParams::deterministic();
    let mut request = NormalRequest::new_simple(message, sampling, sender, 0, None, None);
    request.return_raw_logits = true;
    let lease = local.runner.lease().await.unwrap();
    let sent = lease.send(EngineRequest::Normal(Box::new(request))).await;
    sent.unwrap();
    match responses.recv().await.unwrap() {
        Response::Raw { logits_chunks, .. } => {
            let rows =
                |logits: &candle_core::Tensor| logits.elem_count() / logits.dims().last().unwrap();
            logits_chunks.iter().map(rows).sum()
        }
        _ => panic!("no logits"),
    }
}

#[tokio::test]
async fn the_default_model_says_what_it_is_good_for() {
    let local = smol_glm().await;
    let about = local.about().unwrap();
    assert!(about.starts_with("135 million parameters"), "{about}");
}

#[tokio::test]
async fn a_turn_computes_what_is_new_and_no_more() {
    let local = smol_glm().await;
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    });
    let weather = ToolSpec::function("get_weather", "Weather of the next days", schema);
    let mut messages = Vec::new();
    let mut known = 0;
    for (message, tool_choice, max_tokens) in [
        (
            user("How is the weather in \"Saint-Malo\"?"),
            ToolChoice::Required,
            100,
        ),
        (
            observation("{\"sky\": \"clear\"}\n\n  12 °C"),
            ToolChoice::None,
            100,
        ),
        (user("And in Zürich?\n"), ToolChoice::Required, 100),
        (
            observation("rain"),
            ToolChoice::None,
            // Cut off.
            4,
        ),
        (user("Thanks"), ToolChoice::Auto, 100),
    ] {
        messages.push(message);
        let mut request = request(messages.clone(), max_tokens);
        request.conversation.tools = vec![weather.clone()];
        request.tool_choice = tool_choice;
        let prompt = local.encode(&request.conversation).unwrap();
        assert_eq!(computed(&local, prompt.clone()).await, prompt.len() - known);
        let reply = reply(&local, request).await;
        let usage = Usage {
            prompt_tokens: prompt.len() as u64,
            cached_tokens: known as u64,
            completion_tokens: reply.usage.completion_tokens,
        };
        assert_eq!(reply.usage, usage, "{}", reply.raw);
        known = prompt.len() + usage.completion_tokens as usize;
        messages.push(Message::Assistant {
            segments: reply.segments,
        });
    }
}

#[tokio::test]
async fn smol_glm_computes_what_transformers_computes() {
    #[derive(Deserialize)]
    struct Reference {
        prompt_ids: Vec<u32>,
        greedy_ids: Vec<u32>,
        last_logits_first16: Vec<f32>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("smol-glm/reference.json");
    let text = std::fs::read_to_string(path).unwrap();
    let reference: Reference = serde_json::from_str(&text).unwrap();
    let local = smol_glm().await;
    let count = reference.greedy_ids.len();
    let (logits, ids) = local.greedy(&reference.prompt_ids, count).await.unwrap();
    assert_eq!(ids, reference.greedy_ids);
    for (ours, theirs) in logits.iter().zip(&reference.last_logits_first16) {
        assert!((ours - theirs).abs() < 0.01, "{ours} {theirs}");
    }
}
