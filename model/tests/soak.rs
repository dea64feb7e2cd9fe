//! Many requests through one engine must not grow without bound. A process of
//! its own, because it looks at the process's memory.
#![cfg(all(feature = "local", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use futures::StreamExt;
use glm_agent_model::{
    Conversation, Delta, Engine, Finish, Message, Request, Sampling, ToolChoice, catalog,
    checkpoint::ImportOptions,
    engine::local::{Local, LocalOptions},
};
use tempfile::TempDir;

const REQUESTS: usize = 200;
/// Each request keeps two blocks of 512 tokens at 768 bytes: 157 MB in all,
/// if nothing were given up.
const UNBOUNDED: u64 = REQUESTS as u64 * 2 * 512 * 768;
const CACHE: u64 = 8 << 20;
/// What the process may grow by: the cache, and slack for the allocator and
/// for the thread that the engine leaves behind each time it is replaced.
const GROWTH: u64 = CACHE + (64 << 20);

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

#[tokio::test]
async fn memory_stays_bounded_over_many_requests() {
    let cache = TempDir::new().unwrap();
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/parity");
    let checkpoint = catalog::import(
        &tiny,
        "tiny",
        &ImportOptions::default(),
        cache.path(),
        &|_| {},
    )
    .await
    .unwrap();
    let options = LocalOptions {
        cache_bytes: CACHE,
        ..LocalOptions::default()
    };
    let local = Local::load(&checkpoint, options).await.unwrap();
    let mut before = 0;
    let mut most = 0;
    for turn in 0..REQUESTS {
        // Different from the start, so that nothing is shared.
        let content = format!("{turn} {}", "word ".repeat(120));
        let request = Request {
            conversation: Conversation {
                messages: vec![Message::User { content }],
                ..Conversation::default()
            },
            sampling: Sampling::default(),
            max_tokens: 4,
            tool_choice: ToolChoice::Auto,
            answer_schema: None,
            cancel: Default::default(),
        };
        let deltas: Vec<_> = local.generate(request).await.unwrap().collect().await;
        let Some(Ok(Delta::Finished(reply))) = deltas.last() else {
            panic!("request {turn} has no end");
        };
        assert_eq!(reply.finish, Finish::Length);
        assert!(reply.usage.prompt_tokens > 512);
        most = most.max(resident());
        if turn == 0 {
            before = resident();
        }
    }
    let growth = most - before;
    assert!(
        growth < GROWTH && GROWTH < UNBOUNDED / 2,
        "grew by {growth} bytes"
    );
}
