//! What the model sees: a conversation computed from the log.

use std::collections::HashMap;

use glm_agent_model::{Conversation, Message, Segment, message::Image};
use glm_agent_tools::{Artifact, ToolOutput};
use serde_json::Value;

use crate::event::{Event, EventKind, StopReason, is_by_user};

/// Computes the conversation. Observations longer than `observation_chars`
/// characters are shown with their middle left out, so that one page cannot
/// fill the model's whole context; the log keeps them whole. Where the
/// conversation was [compacted](EventKind::Compacted), a brief stands in the place
/// of its beginning.
pub fn view<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    observation_chars: usize,
) -> Conversation {
    let events: Vec<&Event> = events.into_iter().collect();
    let frame = Frame::of(&events);
    let mut conversation = Conversation::default();
    for event in &events {
        frame_of_all(&event.kind, &mut conversation);
    }
    if let Some(frame) = &frame {
        conversation.left_out = frame.left_out;
        conversation.messages.push(Message::User {
            content: frame.brief.to_owned(),
        });
    }
    let mut results = Results::default();
    // Arguments that somebody changed, by call.
    let mut changed = HashMap::new();
    for event in events {
        let limit = match &frame {
            Some(frame) if event.seq < frame.from => continue,
            Some(frame) if event.seq < frame.at => observation_chars.min(frame.result_chars),
            _ => observation_chars,
        };
        match &event.kind {
            EventKind::UserMessage {
                content,
                images,
                answer_schema,
            } => {
                results.flush(&mut conversation);
                conversation.messages.extend(images.iter().map(image));
                let form = answer_schema.as_ref().map(form).unwrap_or_default();
                conversation.messages.push(Message::User {
                    content: format!("{content}{form}"),
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
                let segments = shown(segments, errors, raw, *limit);
                if !segments.is_empty() {
                    conversation.messages.push(Message::Assistant { segments });
                }
                results.unread.clone_from(errors);
            }
            EventKind::AnswerRejected { reason } => {
                results.flush(&mut conversation);
                conversation.messages.push(Message::User {
                    content: reason.clone(),
                });
            }
            EventKind::ToolResult { id, .. } if is_by_user(id) => {}
            EventKind::ToolResult { id, output, .. } => {
                let mut text = shorten(&output.text, limit, whole(output, id));
                if let Some(arguments) = changed.remove(id) {
                    text = format!("[the user had it called with {arguments}]\n{text}");
                }
                results.add(id, observation(&output.metadata, text));
                for (number, seen) in output.more.iter().enumerate() {
                    let kept = whole(output, &further(id, number));
                    let text = shorten(&seen.text, limit, kept);
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
            EventKind::SessionStarted { .. }
            | EventKind::ToolsChanged { .. }
            | EventKind::Compacted { .. }
            | EventKind::Resumed
            | EventKind::ApprovalRequested { .. }
            | EventKind::Approved { .. }
            | EventKind::ToolCallRequested { .. }
            | EventKind::RunEnded { .. } => {}
        }
    }
    results.flush(&mut conversation);
    conversation
}

/// A picture, without its content.
fn image(kept: &Artifact) -> Message {
    Message::Image(Image {
        name: kept.name.clone(),
        media_type: kept.media_type.clone(),
        url: None,
    })
}

/// What holds for all of the conversation, wherever its view begins.
fn frame_of_all(kind: &EventKind, conversation: &mut Conversation) {
    match kind {
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
        _ => {}
    }
}

/// Where the view begins, and what stands before that.
struct Frame<'a> {
    from: u64,
    /// When the conversation was compacted.
    at: u64,
    brief: &'a str,
    result_chars: usize,
    left_out: usize,
}

impl<'a> Frame<'a> {
    fn of(events: &[&'a Event]) -> Option<Self> {
        events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Compacted {
                from,
                brief,
                result_chars,
                ..
            } => {
                let earlier = events.iter().filter(|event| event.seq < *from);
                let replies = earlier.filter(|event| match &event.kind {
                    EventKind::ModelTurn {
                        segments,
                        errors,
                        raw,
                        limit,
                        ..
                    } => !shown(segments, errors, raw, *limit).is_empty(),
                    _ => false,
                });
                Some(Self {
                    from: *from,
                    at: event.seq,
                    brief,
                    result_chars: *result_chars,
                    left_out: replies.count(),
                })
            }
            _ => None,
        })
    }
}

/// What is shown of a reply.
fn shown(
    segments: &[Segment],
    errors: &[String],
    raw: &str,
    limit: Option<StopReason>,
) -> Vec<Segment> {
    let is_shown = |segment: &&Segment| limit.is_none() || matches!(segment, Segment::Text { .. });
    let mut segments: Vec<Segment> = segments.iter().filter(is_shown).cloned().collect();
    if segments.is_empty() && !errors.is_empty() {
        segments.push(Segment::text(raw.trim()));
    }
    segments
}

/// How a message asks for an answer that fits a schema.
pub(crate) fn form(schema: &Value) -> String {
    format!("\n\nAnswer with JSON that fits this schema, and with nothing else:\n{schema}")
}

/// Names what a call returned beside its first text.
pub(crate) fn further(id: &str, number: usize) -> String {
    format!("{id}.{}", number + 1)
}

/// The file that keeps what a call returned whole.
fn whole<'a>(output: &'a ToolOutput, id: &str) -> Option<&'a str> {
    let names = output.artifacts.iter().map(|file| file.name.as_str());
    names
        .into_iter()
        .find(|name| Artifact::is_output_of(name, id))
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

/// Keeps the beginning and the end of a text over `limit` characters, and says
/// which file has it whole.
pub(crate) fn shorten(text: &str, limit: usize, file: Option<&str>) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let tail = limit / 4;
    let head: String = text.chars().take(limit - tail).collect();
    let end: String = text.chars().skip(length - tail).collect();
    let left_out = length - limit;
    let whole = match file {
        Some(file) if !text.contains(file) => format!("; the whole is in /mnt/data/{file}"),
        _ => String::new(),
    };
    format!("{head}\n[… {left_out} characters left out{whole} …]\n{end}")
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
            cost: None,
            limit,
            result_chars: None,
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

    fn message(content: &str, answer_schema: Option<Value>) -> EventKind {
        EventKind::UserMessage {
            content: content.into(),
            images: Vec::new(),
            answer_schema,
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
            left_out: 0,
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
            message("?", None),
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

    #[test]
    fn what_was_shortened_names_the_file_that_has_it_whole() {
        let output = |text: &str| ToolOutput {
            artifacts: vec![Artifact {
                name: "outputs/call_1-x.txt".into(),
                media_type: "text/plain".into(),
                size: 12,
            }],
            ..ToolOutput::from(text)
        };
        let shown = |text: &str| {
            let log = events(vec![EventKind::ToolResult {
                id: "call_1".into(),
                name: "t".into(),
                status: Status::Ok,
                outside: false,
                output: output(text),
            }]);
            view(&log, 8).messages
        };
        let note = "4 characters left out; the whole is in /mnt/data/outputs/call_1-x.txt";
        let expected = seen(&format!("abcdef\n[… {note} …]\nkl"));
        assert_eq!(shown("abcdefghijkl"), [expected]);
        assert_eq!(shown("abc"), [seen("abc")]);
    }

    #[test]
    fn an_answer_in_a_form_is_asked_for_and_a_wrong_one_returned() {
        let log = events(vec![
            message("How warm?", Some(json!({"type": "number"}))),
            turn(vec![Segment::text("warm")], &[], None),
            EventKind::AnswerRejected {
                reason: "error: it is not JSON".into(),
            },
        ]);
        let user = |content: &str| Message::User {
            content: content.into(),
        };
        let expected = [
            user(
                "How warm?\n\nAnswer with JSON that fits this schema, and with nothing else:\n\
                 {\"type\":\"number\"}",
            ),
            Message::Assistant {
                segments: vec![Segment::text("warm")],
            },
            user("error: it is not JSON"),
        ];
        assert_eq!(view(&log, 100).messages, expected);
    }

    #[test]
    fn a_brief_stands_in_the_place_of_what_came_before() {
        let log = events(vec![
            message("one", None),
            turn(vec![Segment::text("1")], &[], None),
            message("two", None),
            turn(vec![call()], &[], None),
            result("call_1", "abcdefghijkl"),
            EventKind::Compacted {
                from: 3,
                brief: "in short".into(),
                result_chars: 4,
                cause: crate::event::Cause::Asked,
                summary_by: crate::event::Summarist::Rule,
                tokens_before: 9,
                tokens_after: 5,
                usage: Usage::default(),
                cost: None,
            },
            turn(vec![call()], &[], None),
            result("call_2", "abcdefghijkl"),
        ]);
        let expected = Conversation {
            messages: vec![
                Message::User {
                    content: "in short".into(),
                },
                Message::Assistant {
                    segments: vec![call()],
                },
                seen("abc\n[… 8 characters left out …]\nl"),
                Message::Assistant {
                    segments: vec![call()],
                },
                seen("abcdef\n[… 4 characters left out …]\nkl"),
            ],
            left_out: 1,
            ..Conversation::default()
        };
        assert_eq!(view(&log, 8), expected);
        assert_eq!(expected.replies(), 3);
    }
}
