//! Which calls are made, refused or wait, and how many.

use super::*;

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
