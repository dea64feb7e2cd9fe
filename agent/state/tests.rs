#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

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
fn calls_over_the_limit_are_refused_and_then_the_model_must_answer() {
    let budget = Budget {
        tool_calls: Some(1),
        ..Budget::default()
    };
    let next = |log: &Log| log.next(budget, Mode::Auto, Effects::default());
    let log = Log::asked().turn(vec![Segment::Call(call(1)), Segment::Call(call(2))]);
    let Step::Refuse(refused) = next(&log) else {
        unreachable!("{:?}", next(&log))
    };
    assert_eq!(
        refused,
        [Refusal {
            id: "call_2".into(),
            reason: "this call was not run: 1 calls may be made, and they were; answer with what \
                     you have"
                .into(),
            misfit: None,
        }]
    );
    let log = refused
        .into_iter()
        .fold(log, |log, call| log.add(call.into_event()));
    assert_eq!(next(&log), Step::CallTools(vec![planned("call_1", 1)]));
    let log = log
        .add(planned("call_1", 1).requested())
        .result("call_1", false);
    let limit = Some(StopReason::ToolCallLimit);
    let last = Step::Generate {
        limit,
        tool_choice: ToolChoice::None,
    };
    assert_eq!(next(&log), last);
}

#[test]
fn a_run_may_make_all_calls_that_it_has() {
    let budget = Budget {
        tool_calls: Some(1),
        ..Budget::default()
    };
    let log = Log::asked()
        .turn(vec![Segment::Call(call(1))])
        .add(planned("call_1", 1).requested())
        .result("call_1", false);
    let next = log.next(budget, Mode::Auto, Effects::default());
    assert_eq!(next, generate());
}

/// A question that wants `{}`.
fn asked_in_form() -> Log {
    Log::default().add(EventKind::UserMessage {
        content: "?".into(),
        images: Vec::new(),
        answer_schema: Some(json!({})),
    })
}

#[test]
fn an_answer_in_a_form_is_given_in_that_form() {
    let log = asked_in_form().turn(vec![Segment::text("{}")]);
    assert_eq!(log.plain(), done("{ }", StopReason::Answered, None));
}

#[test]
fn an_answer_that_does_not_fit_is_repaired_twice() {
    let mut log = asked_in_form();
    for _ in 0..2 {
        log = log.turn(vec![Segment::text("[]")]);
        let reason = "error: it is not {}".to_owned();
        assert_eq!(log.plain(), Step::RejectAnswer(reason.clone()));
        log = log.add(EventKind::AnswerRejected { reason });
        assert_eq!(log.plain(), generate());
    }
    let right = Log(log.0.clone()).turn(vec![Segment::text("{}")]);
    assert_eq!(right.plain(), done("{ }", StopReason::Answered, None));
    let wrong = log.turn(vec![Segment::text("[]")]);
    let failed = done("", StopReason::Failed, Some("it is not {}"));
    assert_eq!(wrong.plain(), failed);
}

#[test]
fn a_last_word_that_does_not_fit_is_no_answer() {
    let last = |text: &str| {
        let limit = Some(StopReason::StepLimit);
        asked_in_form().reply(vec![Segment::text(text)], &[], Finish::Stop, limit)
    };
    assert_eq!(last("{}").plain(), done("{ }", StopReason::StepLimit, None));
    let error = "a limit was reached, and the last answer is no answer: it is not {}";
    assert_eq!(
        last("[]").plain(),
        done("", StopReason::Failed, Some(error))
    );
}

#[test]
fn a_call_that_was_under_way_is_judged_again() {
    let log = Log::asked()
        .turn(vec![Segment::Call(call(1))])
        .add(planned("call_1", 1).requested());
    assert_eq!(log.plain(), Step::CallTools(vec![planned("call_1", 1)]));
    let log = log.add(EventKind::Resumed);
    let reason = "the program ended during this call, and it may have taken effect";
    let asked = Step::AwaitApproval(vec![(planned("call_1", 1), reason.into())]);
    assert_eq!(log.plain(), asked);
    // Asked for, it still waits, whatever policy says of such calls otherwise.
    let log = log.add(EventKind::ApprovalRequested {
        id: "call_1".into(),
        reason: reason.into(),
    });
    assert_eq!(log.plain(), asked);
    let approved = Log(log.0.clone()).add(EventKind::Approved {
        id: "call_1".into(),
        arguments: None,
        always: false,
    });
    assert_eq!(
        approved.plain(),
        Step::CallTools(vec![planned("call_1", 1)])
    );
    let given_up = State::fold(&log.0).close(StopReason::Interrupted, None, "s");
    assert_eq!(
        given_up.first(),
        Some(&EventKind::Denied {
            id: "call_1".into(),
            reason: "the run was stopped during this call; it may have taken effect".into(),
        })
    );
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
fn the_fourth_same_call_in_a_row_is_refused_and_another_one_is_not() {
    let mut log = Log::asked();
    for n in 1..=3 {
        log = log.turn(vec![Segment::Call(call(7))]);
        log = log.result(&format!("call_{n}"), false);
    }
    let other = Log(log.0.clone()).turn(vec![Segment::Call(call(8))]);
    assert_eq!(other.plain(), Step::CallTools(vec![planned("call_4", 8)]));
    let same = log.turn(vec![Segment::Call(call(7))]);
    let Step::Refuse(refused) = same.plain() else {
        unreachable!("{:?}", same.plain())
    };
    let ids: Vec<_> = refused.into_iter().map(|refusal| refusal.id).collect();
    assert_eq!(ids, ["call_4"]);
}

#[test]
fn of_the_same_calls_in_one_reply_three_are_made() {
    let log = Log::asked().turn(vec![Segment::Call(call(7)); 5]);
    let Step::Refuse(refused) = log.plain() else {
        unreachable!("{:?}", log.plain())
    };
    let ids: Vec<_> = refused.iter().map(|refusal| &refusal.id).collect();
    assert_eq!(ids, ["call_4", "call_5"]);
    let refused = refused.into_iter().fold(log, |log, refusal| {
        log.add(EventKind::Rejected {
            id: refusal.id,
            name: "t".into(),
            arguments: json!({"n": 7}),
            reason: refusal.reason,
        })
    });
    let made = ["call_1", "call_2", "call_3"].map(|id| planned(id, 7));
    assert_eq!(refused.plain(), Step::CallTools(made.to_vec()));
}

#[test]
fn an_address_is_known_by_what_others_said_and_not_by_what_the_model_had_said() {
    let call = |arguments: Value| {
        Segment::Call(ToolCall {
            name: "t".into(),
            arguments,
        })
    };
    let says = |log: Log, arguments: Value, id: &str, outside: bool, text: &str| {
        log.turn(vec![call(arguments)]).add(EventKind::ToolResult {
            id: id.into(),
            name: "t".into(),
            status: Status::Ok,
            outside,
            output: ToolOutput::from(text),
        })
    };
    // Nobody but the user has spoken yet: what a tool says is as good as known.
    let log = says(Log::asked(), json!("a"), "call_1", false, "https://a.test/");
    let log = says(log, json!("b"), "call_2", true, "https://b.test/");
    // Python prints what the model has it print, and a page can repeat what was asked.
    let log = says(log, json!("c"), "call_3", false, "https://c.test/?secret");
    let asked = json!({"text": ["https://d.test/?secret"]});
    let both = "https://d.test/?secret, https://e.test/";
    let log = says(log, asked, "call_4", true, both);
    let known = State::fold(&log.0).known;
    for (address, expected) in [
        ("https://a.test/", true),
        ("https://b.test/", true),
        ("https://c.test/?secret", false),
        ("https://d.test/?secret", false),
        ("https://e.test/", true),
    ] {
        assert_eq!(known.contains(address), expected, "{address}");
    }
}

#[test]
fn outside_text_makes_acting_calls_wait_for_consent() {
    let log = Log::asked()
        .turn(vec![Segment::Call(call(1))])
        .result("call_1", true)
        .turn(vec![Segment::Call(call(2))]);
    let plan = planned("call_2", 2);
    let next = |log: &Log, effects| log.next(Budget::default(), Mode::Auto, effects);
    assert_eq!(
        next(&log, Effects::default()),
        Step::CallTools(vec![plan.clone()])
    );
    assert!(matches!(next(&log, NETWORK), Step::AwaitApproval(_)));
    let Step::AwaitApproval(asked) = next(&log, HOST) else {
        unreachable!("{:?}", next(&log, HOST))
    };
    let calls: Vec<_> = asked.into_iter().map(|(call, _)| call).collect();
    assert_eq!(calls, std::slice::from_ref(&plan));

    let id = "call_2".to_owned();
    let approved = Log(log.0.clone()).add(EventKind::Approved {
        id: id.clone(),
        arguments: None,
        always: false,
    });
    assert_eq!(next(&approved, HOST), Step::CallTools(vec![plan]));
    let denied = log.add(EventKind::Denied {
        id,
        reason: "no".into(),
    });
    assert_eq!(next(&denied, HOST), generate());
}

#[test]
fn a_call_made_by_hand_is_none_of_the_conversation() {
    let asked = Log::asked().turn(vec![Segment::Call(call(1))]);
    let beside = Log(asked.0.clone()).result("user_1", true);
    let next = |log: &Log| log.next(Budget::default(), Mode::Auto, HOST);
    assert_eq!(next(&beside), Step::CallTools(vec![planned("call_1", 1)]));
    assert_eq!(next(&beside), next(&asked));
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
