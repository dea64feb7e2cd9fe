//! Views that shrink, whatever the log.

use glm_agent_model::{Finish, Message, Segment, ToolCall, Usage};
use glm_agent_tools::ToolOutput;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Status, event::CallId};
use paired::is_paired;

#[path = "../../tests/support/paired.rs"]
mod paired;

/// A log whose calls are counted.
#[derive(Default)]
struct Log {
    events: Vec<Event>,
    calls: usize,
}

impl Log {
    fn add(&mut self, kind: EventKind) {
        self.events.push(Event {
            seq: self.events.len() as u64,
            time: Timestamp::UNIX_EPOCH,
            kind,
        });
    }

    fn says(&mut self, content: &str) {
        self.add(EventKind::UserMessage {
            content: content.into(),
            images: Vec::new(),
            answer_schema: None,
        });
    }

    fn replies(&mut self, segments: Vec<Segment>) {
        self.add(EventKind::ModelTurn {
            segments,
            errors: vec![],
            raw: String::new(),
            finish: Finish::Stop,
            usage: Usage::default(),
            cost: None,
            limit: None,
            result_chars: None,
        });
    }

    /// A reply with calls, and their results of these lengths.
    fn calls(&mut self, results: &[usize]) {
        let call = || {
            Segment::Call(ToolCall {
                name: "t".into(),
                arguments: json!({}),
            })
        };
        self.replies(results.iter().map(|_| call()).collect());
        for length in results {
            self.calls += 1;
            let id: CallId = format!("call_{}", self.calls);
            self.add(EventKind::ToolCallRequested {
                id: id.clone(),
                name: "t".into(),
                arguments: json!({}),
                allowed_by: None,
            });
            self.add(EventKind::ToolResult {
                id,
                name: "t".into(),
                status: Status::Ok,
                outside: false,
                output: ToolOutput::from("r".repeat(*length)),
            });
        }
    }

    fn compact(&mut self, plan: &Plan) {
        self.add(EventKind::Compacted {
            from: plan.from,
            brief: plan.brief.clone(),
            result_chars: plan.result_chars,
            cause: Cause::Window,
            summary_by: Summarist::Rule,
            tokens_before: 0,
            tokens_after: plan.tokens as u64,
            usage: Usage::default(),
            cost: None,
        });
    }
}

/// A token a character, as the byte tokenizers of tests have it; 20 a turn.
fn count(conversation: &Conversation) -> Result<usize, Error> {
    let texts = conversation.messages.iter().map(|message| match message {
        Message::System { content }
        | Message::User { content }
        | Message::Observation { content, .. } => content.chars().count(),
        Message::Assistant { segments } => segments.len() * 10,
        Message::Tools { .. } | Message::Image(_) => 0,
    });
    Ok(texts.map(|length| length + 20).sum())
}

fn window(tokens: usize) -> Window<'static> {
    Window {
        tokens,
        result_chars: tokens / 4 * 3,
        count: &count,
    }
}

fn seen(log: &Log, window: &Window<'_>) -> Conversation {
    view(&log.events, window.result_chars)
}

#[test]
fn the_brief_has_the_task_the_summary_and_the_facts() {
    let mut log = Log::default();
    log.says("Plan the trip.");
    log.calls(&[3]);
    log.add(EventKind::ToolResult {
        id: "call_2".into(),
        name: "python".into(),
        status: Status::Ok,
        outside: false,
        output: ToolOutput {
            artifacts: vec![Artifact {
                name: "map.png".into(),
                media_type: "image/png".into(),
                size: 1,
            }],
            ..ToolOutput::from("drawn")
        },
    });
    log.replies(vec![Segment::text("Planned.")]);
    log.says("Now book it.");
    log.add(EventKind::ToolCallRequested {
        id: "call_3".into(),
        name: "pay".into(),
        arguments: json!({}),
        allowed_by: None,
    });
    log.add(EventKind::ApprovalRequested {
        id: "call_3".into(),
        reason: "it pays".into(),
    });
    log.add(EventKind::Denied {
        id: "call_3".into(),
        reason: "too dear".into(),
    });
    let from = log.events.len() as u64;
    log.replies(vec![Segment::text("Then not.")]);
    assert_eq!(
        brief(&log.events, from, &digest(&log.events, from, 1000), 100),
        "Plan the trip.\n\n\
         [What came after this is shown in short.\n\
         - t {}\n  → rrr\n  → drawn\n- you: Planned.\n- user: Now book it.\n- pay {}\n\
         Files made so far, in /mnt/data: map.png\n\
         The call call_3 of `pay`: too dear]\n\nNow book it."
    );
    // At the end of a run, nothing is being worked at.
    log.says("And now?");
    let whole = brief(&log.events, from + 1, "Done.", 100);
    assert!(whole.ends_with("too dear]"), "{whole}");
}

#[test]
fn of_many_lines_the_first_and_the_latest_are_kept() {
    let lines: Vec<String> = (0..10).map(|n| format!("line {n}")).collect();
    assert_eq!(
        few(&lines, 28),
        "line 0\n[… 6 lines left out …]\nline 7\nline 8\nline 9"
    );
    assert_eq!(few(&lines, 1000).lines().count(), 10);
    assert_eq!(few(&lines, 3), "[… 10 lines left out …]");
}

#[test]
fn the_latest_turns_are_kept_as_far_as_they_fit() {
    let mut log = Log::default();
    for n in 0..40 {
        log.says(&format!("question {n}"));
        log.calls(&[20]);
        log.replies(vec![Segment::text("answer")]);
    }
    let window = window(2000);
    let before = count(&seen(&log, &window)).unwrap();
    assert!(before > 2000, "{before}");
    let plan = window.plan(&log.events, 1000).unwrap().unwrap();
    assert!(
        plan.tokens <= 1000 && plan.tokens > 800,
        "{} of 1000",
        plan.tokens
    );
    log.compact(&plan);
    let shown = seen(&log, &window);
    assert_eq!(count(&shown).unwrap(), plan.tokens);
    assert!(is_paired(&shown));
    let Some(Message::User { content }) = shown.messages.first() else {
        unreachable!("{shown:?}")
    };
    assert!(content.starts_with("question 0\n"), "{content}");
}

#[test]
fn a_result_that_fills_the_window_is_shortened() {
    let mut log = Log::default();
    log.says("Read it.");
    log.calls(&[5000, 5000]);
    let window = window(2000);
    let plan = window.plan(&log.events, 1000).unwrap().unwrap();
    assert!(plan.tokens <= 1000, "{}", plan.tokens);
    assert!(plan.result_chars < window.result_chars);
}

#[test]
fn where_nothing_can_be_left_out_nothing_is_planned() {
    let mut log = Log::default();
    log.says(&"x".repeat(3000));
    assert_eq!(window(2000).plan(&log.events, 1000).unwrap(), None);
}

/// What is added to a log, by its lengths.
fn turns() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
    let results = prop::collection::vec(0..3000_usize, 0..4);
    prop::collection::vec((1..300_usize, results), 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However a log grows, a view that is over its share can be made to fit, stays
    /// paired, counts the replies that it leaves out, and no event is touched.
    #[test]
    fn any_view_shrinks(turns in turns()) {
        let window = window(4096);
        let mut log = Log::default();
        let mut replies = 0;
        for (words, results) in turns {
            log.says(&"q".repeat(words));
            if !results.is_empty() {
                log.calls(&results);
                replies += 1;
            }
            let before = count(&seen(&log, &window)).unwrap();
            if before > 3072 {
                let untouched = log.events.clone();
                let plan = window.plan(&log.events, 2048).unwrap().unwrap();
                prop_assert!(plan.tokens < before, "{} is not below {before}", plan.tokens);
                prop_assert!(plan.tokens <= 2048, "{} tokens are left", plan.tokens);
                log.compact(&plan);
                prop_assert_eq!(&log.events[..untouched.len()], &untouched[..]);
                prop_assert_eq!(count(&seen(&log, &window)).unwrap(), plan.tokens);
            }
            let shown = seen(&log, &window);
            prop_assert!(is_paired(&shown), "{shown:#?}");
            prop_assert_eq!(shown.replies(), replies);
        }
    }
}
