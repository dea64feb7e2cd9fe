//! Answers that must have a form.

use super::*;

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
