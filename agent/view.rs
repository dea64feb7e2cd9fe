//! What the model sees: a conversation computed from the log.

use std::collections::HashMap;

use glm_agent_model::{Conversation, Message, Segment};

use crate::event::{Event, EventKind, is_by_user};

/// Computes the conversation. Observations longer than `observation_chars`
/// characters are shown with their middle left out, so that one page cannot
/// fill the model's whole context; the log keeps them whole.
pub fn view<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    observation_chars: usize,
) -> Conversation {
    let mut conversation = Conversation::default();
    let mut results = Results::default();
    // Arguments that somebody changed, by call.
    let mut changed = HashMap::new();
    for event in events {
        match &event.kind {
            EventKind::SessionStarted {
                system,
                tools,
                date,
                skip_thoughts,
                ..
            } => {
                conversation.tools.clone_from(tools);
                conversation.date.clone_from(date);
                conversation.skip_thoughts = *skip_thoughts;
                if let Some(system) = system {
                    conversation.messages.push(Message::System {
                        content: system.clone(),
                    });
                }
            }
            EventKind::ToolsChanged { tools } => conversation.tools.clone_from(tools),
            EventKind::UserMessage { content } => {
                results.flush(&mut conversation);
                conversation.messages.push(Message::User {
                    content: content.clone(),
                });
            }
            EventKind::ModelTurn {
                segments,
                errors,
                raw,
                limit,
                ..
            } => {
                results.flush(&mut conversation);
                let mut segments = segments.clone();
                if limit.is_some() {
                    segments.retain(|segment| matches!(segment, Segment::Text { .. }));
                }
                if segments.is_empty() && !errors.is_empty() {
                    segments.push(Segment::text(raw.trim()));
                }
                if !segments.is_empty() {
                    conversation.messages.push(Message::Assistant { segments });
                }
                results.unread.clone_from(errors);
            }
            EventKind::ToolResult { id, .. } if is_by_user(id) => {}
            EventKind::ToolResult { id, output, .. } => {
                let mut text = shorten(&output.text, observation_chars);
                if let Some(arguments) = changed.remove(id) {
                    text = format!("[the user had it called with {arguments}]\n{text}");
                }
                results.add(id, observation(&output.metadata, text));
                for seen in &output.more {
                    let text = shorten(&seen.text, observation_chars);
                    results.add(id, observation(&seen.metadata, text));
                }
            }
            EventKind::Denied { id, reason } | EventKind::Rejected { id, reason, .. } => {
                results.add(id, observation("", reason.clone()));
            }
            EventKind::Approved {
                id,
                arguments: Some(arguments),
                ..
            } => {
                changed.insert(id, arguments);
            }
            EventKind::ApprovalRequested { .. }
            | EventKind::Approved { .. }
            | EventKind::ToolCallRequested { .. }
            | EventKind::RunEnded { .. } => {}
        }
    }
    results.flush(&mut conversation);
    conversation
}

/// The results of one reply's calls. They happen in any order; the model is
/// shown them in the order in which it asked.
#[derive(Default)]
struct Results {
    observations: Vec<(u64, Message)>,
    unread: Vec<String>,
}

impl Results {
    fn add(&mut self, id: &str, message: Message) {
        let number = id.rsplit('_').next().and_then(|n| n.parse().ok());
        self.observations
            .push((number.unwrap_or(u64::MAX), message));
    }

    fn flush(&mut self, conversation: &mut Conversation) {
        self.observations.sort_by_key(|(number, _)| *number);
        let results = self.observations.drain(..).map(|(_, message)| message);
        conversation.messages.extend(results);
        if !self.unread.is_empty() {
            let errors = format!("error: {}", self.unread.join("\nerror: "));
            conversation.messages.push(observation("", errors));
            self.unread.clear();
        }
    }
}

/// An observation turn. One without text would not be rendered at all, and the
/// model would wait for its result.
fn observation(metadata: &str, content: String) -> Message {
    Message::Observation {
        metadata: metadata.to_owned(),
        content: if content.is_empty() {
            "(no output)".to_owned()
        } else {
            content
        },
    }
}

/// Keeps the beginning and the end of a text over `limit` characters.
fn shorten(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let tail = limit / 4;
    let head: String = text.chars().take(limit - tail).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!(
        "{head}\n[… {} characters left out …]\n{end}",
        length - limit
    )
}

#[cfg(test)]
mod tests {
    use glm_agent_model::{Finish, ToolCall, ToolSpec, Usage};
    use glm_agent_tools::ToolOutput;
    use serde_json::json;

    use super::*;
    use crate::{Status, StopReason};

    fn events(kinds: Vec<EventKind>) -> Vec<Event> {
        let event = |(seq, kind)| Event {
            seq,
            time: jiff::Timestamp::UNIX_EPOCH,
            kind,
        };
        (0..).zip(kinds).map(event).collect()
    }

    fn turn(segments: Vec<Segment>, errors: &[&str], limit: Option<StopReason>) -> EventKind {
        EventKind::ModelTurn {
            segments,
            errors: errors.iter().map(ToString::to_string).collect(),
            raw: "get_weather\n{".into(),
            finish: Finish::Stop,
            usage: Usage::default(),
            limit,
        }
    }

    fn call() -> Segment {
        Segment::Call(ToolCall {
            name: "t".into(),
            arguments: json!({}),
        })
    }

    fn result(id: &str, text: &str) -> EventKind {
        EventKind::ToolResult {
            id: id.into(),
            name: "t".into(),
            status: Status::Ok,
            outside: false,
            output: ToolOutput::from(text),
        }
    }

    fn seen(text: &str) -> Message {
        observation("", text.to_owned())
    }

    #[test]
    fn a_session_begins_with_what_holds_for_all_of_it() {
        let tools = vec![ToolSpec::Python];
        let log = events(vec![EventKind::SessionStarted {
            schema: 1,
            session: "s".into(),
            model: "m".into(),
            profile: "glm4-demo".into(),
            system: Some("Be brief.".into()),
            tools: tools.clone(),
            date: Some("2024-06-05".into()),
            skip_thoughts: true,
            setup: None,
        }]);
        let expected = Conversation {
            tools,
            messages: vec![Message::System {
                content: "Be brief.".into(),
            }],
            date: Some("2024-06-05".into()),
            skip_thoughts: true,
        };
        assert_eq!(view(&log, 100), expected);
    }

    #[test]
    fn results_stand_in_the_order_of_their_calls() {
        let denied = EventKind::Denied {
            id: "call_1".into(),
            reason: "no".into(),
        };
        let log = events(vec![
            turn(vec![call(), call(), call()], &["bad"], None),
            denied,
            result("call_10", "ten"),
            result("call_2", ""),
            EventKind::UserMessage {
                content: "?".into(),
            },
        ]);
        let expected = [
            Message::Assistant {
                segments: vec![call(), call(), call()],
            },
            seen("no"),
            seen("(no output)"),
            seen("ten"),
            seen("error: bad"),
            Message::User {
                content: "?".into(),
            },
        ];
        assert_eq!(view(&log, 100).messages, expected);
    }

    #[test]
    fn a_reply_that_could_not_be_read_is_shown_as_it_was_written() {
        let log = events(vec![turn(vec![], &["its arguments have no end"], None)]);
        let expected = [
            Message::Assistant {
                segments: vec![Segment::text("get_weather\n{")],
            },
            seen("error: its arguments have no end"),
        ];
        assert_eq!(view(&log, 100).messages, expected);
    }

    #[test]
    fn calls_in_a_last_word_leave_no_gap_behind() {
        let last = vec![Segment::text("So far."), call()];
        let log = events(vec![turn(last, &[], Some(StopReason::StepLimit))]);
        let expected = [Message::Assistant {
            segments: vec![Segment::text("So far.")],
        }];
        assert_eq!(view(&log, 100).messages, expected);
    }

    #[test]
    fn a_long_observation_keeps_its_beginning_and_its_end() {
        let log = events(vec![result("call_1", "äbcdefghijkl")]);
        let expected = [seen("äbcdef\n[… 4 characters left out …]\nkl")];
        assert_eq!(view(&log, 8).messages, expected);
    }
}
