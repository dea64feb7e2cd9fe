#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod form;
mod waiting;

use glm_agent_tools::{Effects, ToolOutput};
use proptest::prelude::*;
use serde_json::json;

use glm_agent_model::Usage;

use super::*;
use crate::{
    event::Status,
    policy::{Mode, Policy},
};

const NETWORK: Effects = Effects {
    reads: false,
    network: true,
    writes: false,
    host: false,
};
const HOST: Effects = Effects {
    reads: false,
    network: false,
    writes: false,
    host: true,
};

/// A log with a second between its events.
#[derive(Default)]
struct Log(Vec<Event>);

impl Log {
    fn add(mut self, kind: EventKind) -> Self {
        self.0.push(Event {
            seq: self.0.len() as u64,
            time: at(self.0.len() as i64),
            kind,
        });
        self
    }

    fn asked() -> Self {
        Self::default().add(EventKind::UserMessage {
            content: "?".into(),
            images: Vec::new(),
            answer_schema: None,
        })
    }

    fn turn(self, segments: Vec<Segment>) -> Self {
        self.reply(segments, &[], Finish::Stop, None)
    }

    fn reply(
        self,
        segments: Vec<Segment>,
        errors: &[&str],
        finish: Finish,
        limit: Option<StopReason>,
    ) -> Self {
        self.add(EventKind::ModelTurn {
            segments,
            errors: errors.iter().map(ToString::to_string).collect(),
            raw: String::new(),
            finish,
            usage: Usage {
                prompt_tokens: 10,
                cached_tokens: 0,
                completion_tokens: 1,
            },
            cost: None,
            limit,
            result_chars: None,
        })
    }

    fn result(self, id: &str, outside: bool) -> Self {
        self.add(EventKind::ToolResult {
            id: id.into(),
            name: "t".into(),
            status: Status::Ok,
            outside,
            output: ToolOutput::from("r"),
        })
    }

    fn next(&self, budget: Budget, mode: Mode, effects: Effects) -> Step {
        self.step(&budget, mode, &ToolChoice::Auto, effects)
    }

    fn choosing(&self, tool_choice: &ToolChoice) -> Step {
        self.step(
            &Budget::default(),
            Mode::Auto,
            tool_choice,
            Effects::default(),
        )
    }

    /// The tools are `t`, whose arguments may be anything but `null`, and `away`,
    /// which is run elsewhere.
    fn step(
        &self,
        budget: &Budget,
        mode: Mode,
        tool_choice: &ToolChoice,
        effects: Effects,
    ) -> Step {
        State::fold(&self.0).next(&Rules {
            budget,
            shared: None,
            judge: &|_, facts, now| Policy::from(mode).judge(facts, now),
            answer: &|answer| match answer {
                "{}" => Ok("{ }".to_owned()),
                _ => Err("it is not {}".to_owned()),
            },
            tool_choice,
            check: &|call| match &call.arguments {
                Value::Null => Err(Misfit::Arguments("no arguments".into())),
                arguments => Ok(arguments.clone()),
            },
            facts: &|tool, arguments| Facts {
                tool: tool.to_owned(),
                arguments: arguments.clone(),
                effects,
                sends: effects.network,
                external: tool == "away",
                ..Facts::default()
            },
            now: at(self.0.len() as i64),
        })
    }

    fn plain(&self) -> Step {
        self.next(Budget::default(), Mode::Auto, Effects::default())
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn generate() -> Step {
    Step::Generate {
        limit: None,
        tool_choice: ToolChoice::Auto,
    }
}

fn call(n: u32) -> ToolCall {
    ToolCall {
        name: "t".into(),
        arguments: json!({ "n": n }),
    }
}

fn planned(id: &str, n: u32) -> PlannedCall {
    PlannedCall {
        id: id.into(),
        call: call(n),
        allowed_by: None,
    }
}

fn done(answer: &str, reason: StopReason, error: Option<&str>) -> Step {
    Step::Done(Outcome {
        answer: answer.into(),
        reason,
        error: error.map(Into::into),
    })
}

#[test]
fn a_question_is_put_to_the_model_and_its_words_are_the_answer() {
    assert_eq!(Log::default().plain(), Step::AwaitUser);
    assert_eq!(Log::asked().plain(), generate());
    let answered = Log::asked().turn(vec![Segment::text("Paris. ")]);
    assert_eq!(answered.plain(), done("Paris.", StopReason::Answered, None));
}

#[test]
fn a_call_that_must_be_made_is_asked_for_until_one_is_read() {
    let must = ToolChoice::Tool("t".into());
    let asks = |tool_choice: ToolChoice| Step::Generate {
        limit: None,
        tool_choice,
    };
    let log = Log::asked();
    assert_eq!(log.choosing(&must), asks(must.clone()));
    let log = log.reply(vec![], &["?"], Finish::Stop, None);
    assert_eq!(log.choosing(&must), asks(must.clone()));
    let log = log.turn(vec![Segment::Call(call(1))]);
    let log = log.result("call_1", false);
    assert_eq!(log.choosing(&must), generate());
}

#[test]
fn where_no_tool_may_be_called_none_is() {
    let log = Log::asked().turn(vec![Segment::Call(call(1))]);
    let Step::Refuse(calls) = log.choosing(&ToolChoice::None) else {
        panic!("it is called");
    };
    let refusal = Refusal {
        id: "call_1".into(),
        reason: "this call was not run: no tool may be called; answer without".into(),
        misfit: None,
    };
    assert_eq!(calls, [refusal]);
}

#[test]
fn the_calls_of_a_turn_run_together_and_their_results_go_back() {
    let log = Log::asked().turn(vec![
        Segment::text("Let me see."),
        Segment::Call(call(1)),
        Segment::Call(call(2)),
    ]);
    let both = vec![planned("call_1", 1), planned("call_2", 2)];
    assert_eq!(log.plain(), Step::CallTools(both));
    let log = log.result("call_2", false);
    assert_eq!(log.plain(), Step::CallTools(vec![planned("call_1", 1)]));
    let log = log.result("call_1", false);
    assert_eq!(log.plain(), generate());
}

#[test]
fn each_limit_asks_for_a_last_word_and_then_ends_the_run() {
    let spent = Log::asked()
        .turn(vec![Segment::Call(call(1))])
        .result("call_1", false);
    let limits = [
        (
            StopReason::StepLimit,
            Budget {
                steps: 1,
                ..Budget::default()
            },
        ),
        (
            StopReason::TotalTokenLimit,
            Budget {
                tokens: Some(11),
                ..Budget::default()
            },
        ),
        (
            StopReason::TimeLimit,
            Budget {
                time: Some(Duration::from_secs(3)),
                ..Budget::default()
            },
        ),
    ];
    for (reason, budget) in limits {
        let last = Step::Generate {
            limit: Some(reason),
            tool_choice: ToolChoice::None,
        };
        assert_eq!(spent.next(budget, Mode::Auto, Effects::default()), last);
    }
    // A call in the last word does not count.
    let over = spent.reply(
        vec![Segment::text("So far: 1"), Segment::Call(call(2))],
        &[],
        Finish::Stop,
        Some(StopReason::StepLimit),
    );
    assert_eq!(over.plain(), done("So far: 1", StopReason::StepLimit, None));
}

#[test]
fn tokens_and_money_have_limits_of_their_own() {
    let spent = Log::asked()
        .turn(vec![Segment::Call(call(1))])
        .result("call_1", false);
    for (budget, reason) in [
        (
            Budget {
                prompt_tokens: Some(10),
                ..Budget::default()
            },
            Some(StopReason::PromptTokenLimit),
        ),
        (
            Budget {
                completion_tokens: Some(1),
                ..Budget::default()
            },
            Some(StopReason::CompletionTokenLimit),
        ),
        (
            Budget {
                completion_tokens: Some(2),
                cost: Some(0.1),
                ..Budget::default()
            },
            None,
        ),
        (
            Budget {
                cost: Some(0.0),
                ..Budget::default()
            },
            Some(StopReason::CostLimit),
        ),
    ] {
        let Step::Generate { limit, .. } = spent.next(budget, Mode::Auto, Effects::default())
        else {
            unreachable!("{budget:?}")
        };
        assert_eq!(limit, reason, "{budget:?}");
    }
}

#[test]
fn the_time_that_nobody_worked_does_not_count() {
    let budget = Budget {
        time: Some(Duration::from_secs(10)),
        ..Budget::default()
    };
    let mut log = Log::asked();
    log.0.push(Event {
        seq: 1,
        time: at(1000),
        kind: EventKind::Resumed,
    });
    let state = State::fold(&log.0);
    assert_eq!(state.deadline(&budget), Some(at(1010)));
    assert_eq!(state.elapsed(), Duration::ZERO);
}

#[test]
fn a_reply_that_time_cut_off_gets_a_last_word_and_one_the_user_stopped_does_not() {
    let log = Log::asked().reply(vec![Segment::text("I")], &[], Finish::Cancelled, None);
    let budget = Budget {
        time: Some(Duration::from_secs(1)),
        ..Budget::default()
    };
    assert_eq!(
        log.next(budget, Mode::Auto, Effects::default()),
        Step::Generate {
            limit: Some(StopReason::TimeLimit),
            tool_choice: ToolChoice::None,
        }
    );
    assert_eq!(log.plain(), done("I", StopReason::Interrupted, None));
}

#[test]
fn replies_that_cannot_be_read_are_returned_to_the_model_twice() {
    let bad = |log: Log| log.reply(vec![], &["no closing brace"], Finish::Stop, None);
    let log = bad(bad(Log::asked()));
    assert_eq!(log.plain(), generate());
    let error = "the model wrote 3 replies in a row that could not be read; the last: no closing \
                 brace";
    assert_eq!(bad(log).plain(), done("", StopReason::Failed, Some(error)));
}

#[test]
fn an_empty_reply_fails_the_run() {
    let error = "the model ended its reply without an answer or a call";
    let log = Log::asked().turn(vec![]);
    assert_eq!(log.plain(), done("", StopReason::Failed, Some(error)));
}

#[test]
fn closing_a_run_gives_every_open_call_a_result() {
    let log = Log::asked()
        .turn(vec![Segment::Call(call(1)), Segment::Call(call(2))])
        .add(EventKind::ToolCallRequested {
            id: "call_1".into(),
            name: "t".into(),
            arguments: json!({ "n": 1 }),
            allowed_by: None,
        });
    let state = State::fold(&log.0);
    let mut closed = log;
    for kind in state.close(StopReason::Interrupted, None, "s") {
        closed = closed.add(kind);
    }
    let tail: Vec<_> = closed.0.iter().skip(3).map(|e| e.kind.clone()).collect();
    assert_eq!(
        tail,
        [
            EventKind::Denied {
                id: "call_1".into(),
                reason: "the run was stopped during this call; it may have taken effect".into(),
            },
            EventKind::Denied {
                id: "call_2".into(),
                reason: "the run was stopped before this call".into(),
            },
            EventKind::RunEnded {
                answer: String::new(),
                reason: StopReason::Interrupted,
                error: None,
                usage: Usage {
                    prompt_tokens: 10,
                    cached_tokens: 0,
                    completion_tokens: 1,
                },
                cost: None,
                steps: 1,
                pending: vec![],
                sources: vec![],
                unknown_marks: vec![],
                session: "s".into(),
            },
        ]
    );
    assert_eq!(closed.plain(), Step::AwaitUser);
}

/// Any list of events, most of which could never follow one another.
fn events() -> impl Strategy<Value = Vec<EventKind>> {
    let id = || "call_[1-4]";
    let one = prop_oneof![
        Just(EventKind::UserMessage {
            content: "?".into(),
            images: Vec::new(),
            answer_schema: None,
        }),
        (0..3_u32, any::<bool>(), any::<bool>()).prop_map(|(calls, text, bad)| {
            let mut segments: Vec<_> = (0..calls).map(|n| Segment::Call(call(n))).collect();
            if text {
                segments.push(Segment::text("t"));
            }
            EventKind::ModelTurn {
                segments,
                errors: if bad { vec!["e".into()] } else { vec![] },
                raw: "r".into(),
                finish: Finish::Stop,
                usage: Usage::default(),
                cost: None,
                limit: None,
                result_chars: None,
            }
        }),
        (id(), any::<bool>()).prop_map(|(id, always)| EventKind::Approved {
            id,
            arguments: None,
            always,
        }),
        id().prop_map(|id| EventKind::ApprovalRequested {
            id,
            reason: "r".into()
        }),
        Just(EventKind::RunEnded {
            answer: String::new(),
            reason: StopReason::ApprovalNeeded,
            error: None,
            usage: Usage::default(),
            cost: None,
            steps: 0,
            pending: vec![],
            sources: vec![],
            unknown_marks: vec![],
            session: "s".into(),
        }),
        id().prop_map(|id| EventKind::Denied {
            id,
            reason: "d".into()
        }),
        (id(), any::<bool>()).prop_map(|(id, outside)| EventKind::ToolResult {
            id,
            name: "t".into(),
            status: Status::Ok,
            outside,
            output: ToolOutput::from("r"),
        }),
    ];
    prop::collection::vec(one, 0..30)
}

proptest! {
    /// Whatever the log says, closing it leaves nothing to do, and the state
    /// does not depend on how often it was folded on the way.
    #[test]
    fn any_log_folds_and_closes(kinds in events()) {
        let mut log = Log::default();
        let mut state = State::default();
        for kind in kinds {
            log = log.add(kind);
            state.apply(log.0.last().unwrap());
        }
        prop_assert_eq!(&state, &State::fold(&log.0));
        for kind in state.close(StopReason::Interrupted, None, "s") {
            log = log.add(kind);
        }
        prop_assert_eq!(log.plain(), Step::AwaitUser);
    }
}
