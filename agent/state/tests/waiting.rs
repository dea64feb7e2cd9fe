//! Calls that are repaired, and calls that wait for somebody.

use super::*;

fn wrong() -> Segment {
    Segment::Call(ToolCall {
        name: "t".into(),
        arguments: Value::Null,
    })
}

/// The refusal of a call that does not fit.
fn rejected(log: &Log) -> Refusal {
    match log.plain() {
        Step::Refuse(refused) if refused.len() == 1 => refused.into_iter().next().unwrap(),
        other => unreachable!("{other:?}"),
    }
}

impl Log {
    fn reject(self, id: &str) -> Self {
        self.add(EventKind::Rejected {
            id: id.into(),
            name: "t".into(),
            arguments: Value::Null,
            reason: "r".into(),
        })
    }

    fn ask(self, id: &str) -> Self {
        self.add(EventKind::ApprovalRequested {
            id: id.into(),
            reason: "why".into(),
        })
    }

    fn approve(self, id: &str, arguments: Option<Value>, always: bool) -> Self {
        self.add(EventKind::Approved {
            id: id.into(),
            arguments,
            always,
        })
    }

    fn pause(self, reason: StopReason) -> Self {
        let kind = State::fold(&self.0).pause(reason, "nobody".into(), "s");
        self.add(kind)
    }

    fn acting(&self) -> Step {
        self.next(Budget::default(), Mode::Ask, HOST)
    }
}

#[test]
fn a_wrong_call_may_be_repaired_twice_and_then_the_model_is_told_to_stop() {
    let mut log = Log::asked();
    for n in 1..=3 {
        log = log.turn(vec![wrong()]);
        let refusal = rejected(&log);
        assert!(refusal.reason.starts_with("error: no arguments"));
        assert_eq!(refusal.misfit.unwrap().arguments, Value::Null);
        let is_last = refusal.reason.contains("there is no further try");
        assert_eq!(is_last, n == 3, "{}", refusal.reason);
        log = log.reject(&refusal.id);
        assert_eq!(log.plain(), generate());
    }
}

#[test]
fn two_wrong_calls_of_one_reply_are_one_try_and_a_right_one_starts_anew() {
    let log = Log::asked().turn(vec![wrong(), wrong()]);
    let log = log.reject("call_1").reject("call_2").turn(vec![wrong()]);
    assert!(!rejected(&log).reason.contains("no further try"));
    let log = log.reject("call_3").turn(vec![Segment::Call(call(1))]);
    let log = log.result("call_4", false).turn(vec![wrong()]);
    assert!(!rejected(&log).reason.contains("no further try"));
}

#[test]
fn a_run_that_waits_goes_on_when_it_is_answered() {
    let log = Log::asked().turn(vec![Segment::Call(call(1)), Segment::Call(call(2))]);
    let log = log
        .ask("call_1")
        .ask("call_2")
        .pause(StopReason::ApprovalNeeded);
    assert_eq!(log.acting(), Step::AwaitUser);
    let state = State::fold(&log.0);
    assert!(!state.is_running());
    let pending = |id: &str, n| Pending {
        id: id.into(),
        call: call(n),
        reason: Some("why".into()),
    };
    assert_eq!(
        state.pending(),
        [pending("call_1", 1), pending("call_2", 2)]
    );
    let EventKind::RunEnded { pending, .. } = &log.0.last().unwrap().kind else {
        unreachable!()
    };
    assert_eq!(pending, &["call_1", "call_2"]);

    let log = log.approve("call_1", Some(json!({"n": 9})), false);
    let Step::AwaitApproval(asked) = log.acting() else {
        unreachable!("{:?}", log.acting())
    };
    assert_eq!(asked.len(), 1);
    let log = log.add(EventKind::Denied {
        id: "call_2".into(),
        reason: "no".into(),
    });
    assert_eq!(log.acting(), Step::CallTools(vec![planned("call_1", 9)]));
}

#[test]
fn the_wait_for_somebody_is_no_time_of_the_run() {
    let budget = Budget {
        time: Some(Duration::from_secs(8)),
        ..Budget::default()
    };
    let mut log = Log::asked().turn(vec![Segment::Call(call(1))]);
    log = log.ask("call_1").pause(StopReason::ApprovalNeeded);
    for n in 0..20 {
        log = log.result(&format!("user_{n}"), false);
    }
    log = log.approve("call_1", None, false);
    let next = log.next(budget, Mode::Ask, HOST);
    assert_eq!(next, Step::CallTools(vec![planned("call_1", 1)]));
}

#[test]
fn who_goes_on_without_answering_gives_the_calls_up() {
    let mut log = Log::asked().turn(vec![Segment::Call(call(1))]);
    log = log.ask("call_1").pause(StopReason::ApprovalNeeded);
    let given_up = State::fold(&log.0).give_up();
    assert_eq!(
        given_up,
        [EventKind::Denied {
            id: "call_1".into(),
            reason: "the user did not answer this call and went on".into(),
        }]
    );
    for kind in given_up {
        log = log.add(kind);
    }
    let log = log.add(EventKind::UserMessage {
        content: "else".into(),
        images: Vec::new(),
        answer_schema: None,
    });
    assert_eq!(log.acting(), generate());
}

#[test]
fn consent_for_all_calls_does_not_outlast_text_from_outside() {
    let log = Log::asked().turn(vec![Segment::Call(call(1))]);
    let log = log.ask("call_1").approve("call_1", None, true);
    let log = log
        .result("call_1", false)
        .turn(vec![Segment::Call(call(2))]);
    assert_eq!(log.acting(), Step::CallTools(vec![planned("call_2", 2)]));
    let log = log
        .result("call_2", true)
        .turn(vec![Segment::Call(call(3))]);
    assert!(matches!(log.acting(), Step::AwaitApproval(_)));
}

#[test]
fn a_tool_that_is_run_elsewhere_waits_for_its_result() {
    let away = ToolCall {
        name: "away".into(),
        arguments: json!({}),
    };
    let log = Log::asked().turn(vec![Segment::Call(away.clone()), Segment::Call(call(1))]);
    assert_eq!(log.plain(), Step::CallTools(vec![planned("call_2", 1)]));
    let log = log.result("call_2", false);
    let wanted = PlannedCall {
        id: "call_1".into(),
        call: away.clone(),
        allowed_by: None,
    };
    assert_eq!(log.plain(), Step::AwaitResults(vec![wanted]));
    let log = log
        .add(EventKind::ToolCallRequested {
            id: "call_1".into(),
            name: "away".into(),
            arguments: json!({}),
            allowed_by: None,
        })
        .pause(StopReason::ResultNeeded);
    assert_eq!(
        State::fold(&log.0).pending(),
        [Pending {
            id: "call_1".into(),
            call: away,
            reason: None,
        }]
    );
    assert_eq!(log.result("call_1", true).plain(), generate());
}
