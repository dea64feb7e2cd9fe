//! Prompts that the server makes: messages and tools go there, and parts of a message
//! come back.

use serde_json::{Map, Value, json};

use super::{Guided, plan::Plan, text::sampled};
use crate::{
    Delta, Error, Finish, Profile, Reply, Request, ToolChoice, ToolSpec, Usage,
    json::dumps,
    parse::{Parser, message_text},
    prompt,
};

/// Writes the request.
///
/// # Errors
/// When a tool must be called that is not on offer.
pub fn body(plan: &Plan, request: &Request, guided: Guided) -> Result<Map<String, Value>, Error> {
    let conversation = &request.conversation;
    let tools = prompt::chat_tools(conversation);
    let mut body = Map::new();
    body.insert("model".into(), plan.model.clone().into());
    body.insert(
        "messages".into(),
        prompt::chat_messages(conversation).into(),
    );
    body.insert("stream".into(), true.into());
    body.insert(plan.server.max_tokens().into(), request.max_tokens.into());
    sampled(plan, request, &mut body);
    if conversation.skip_thoughts {
        plan.server.skip_thoughts(&mut body);
    }
    let has_tools = !tools.is_empty();
    if has_tools {
        body.insert("tools".into(), tools.into());
    }
    if plan.server.is_strict() {
        return Ok(body);
    }
    body.insert("stream_options".into(), json!({ "include_usage": true }));
    let choice = match &request.tool_choice {
        ToolChoice::Auto => None,
        ToolChoice::None => has_tools.then(|| json!("none")),
        ToolChoice::Required if has_tools => Some(json!("required")),
        ToolChoice::Required => return Err(Error::NoSuchTool { name: "any".into() }),
        ToolChoice::Tool(name) if conversation.tools.iter().any(|tool| tool.name() == name) => {
            Some(json!({ "type": "function", "function": { "name": name } }))
        }
        ToolChoice::Tool(name) => return Err(Error::NoSuchTool { name: name.clone() }),
    };
    let calls = has_tools && request.tool_choice != ToolChoice::None;
    if let Some(choice) = choice {
        body.insert("tool_choice".into(), choice);
    }
    // With tools, some servers would hold calls to it, too.
    if let Some(schema) = request.answer_schema.as_ref().filter(|_| !calls)
        && let Some(format) = plan.server.response_format(guided, schema)
    {
        body.insert("response_format".into(), format);
    }
    Ok(body)
}

/// A message as it comes.
#[derive(Debug)]
pub struct Message {
    tools: Vec<ToolSpec>,
    words: String,
    thoughts: String,
    calls: Vec<Call>,
    /// The index of the call that is being written.
    current: Option<u64>,
}

#[derive(Debug, Default)]
struct Call {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

impl Message {
    pub fn new(tools: &[ToolSpec]) -> Self {
        Self {
            tools: tools.to_vec(),
            words: String::new(),
            thoughts: String::new(),
            calls: Vec::new(),
            current: None,
        }
    }

    /// Takes a part, and says why the message ended if it did.
    pub fn take<'a>(&mut self, event: &'a Value, deltas: &mut Vec<Delta>) -> Option<&'a str> {
        let choice = event.pointer("/choices/0")?;
        // A reply in one piece has a message instead.
        let part = choice.get("delta").or_else(|| choice.get("message"));
        if let Some(part) = part {
            for key in ["reasoning_content", "reasoning"] {
                let thoughts = text(part.get(key));
                if !thoughts.is_empty() {
                    self.thoughts += &thoughts;
                    deltas.push(Delta::Reasoning(thoughts));
                    break;
                }
            }
            let words = text(part.get("content"));
            if !words.is_empty() {
                self.words += &words;
                deltas.push(Delta::Text(words));
            }
            let calls = part.get("tool_calls").and_then(Value::as_array);
            for (position, call) in calls.into_iter().flatten().enumerate() {
                self.call(call, position, deltas);
            }
            // Its form before there were several.
            if let Some(function) = part.get("function_call").filter(|call| call.is_object()) {
                self.call(&json!({ "index": 0, "function": function }), 0, deltas);
            }
        }
        choice.get("finish_reason").and_then(Value::as_str)
    }

    /// A part of a call.
    fn call(&mut self, part: &Value, position: usize, deltas: &mut Vec<Delta>) {
        let function = part.get("function").unwrap_or(part);
        let id = text(part.get("id"));
        let name = text(function.get("name"));
        let arguments = match function.get("arguments") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => dumps(other),
        };
        let index = match part.get("index").and_then(Value::as_u64) {
            Some(index) => index,
            // Who leaves it out names each call when it begins.
            None if !id.is_empty() || !name.is_empty() => {
                let known = self
                    .calls
                    .iter()
                    .find(|call| !id.is_empty() && call.id == id);
                known.map_or(self.calls.len() as u64, |call| call.index)
            }
            None => self.current.unwrap_or(position as u64),
        };
        let known = self.calls.iter().position(|call| call.index == index);
        let at = known.unwrap_or(self.calls.len());
        if known.is_none() {
            self.calls.push(Call {
                index,
                id,
                ..Call::default()
            });
        }
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        // Some repeat it with each part.
        if !name.is_empty() && call.name.is_empty() {
            call.name.clone_from(&name);
            deltas.push(Delta::Call { name });
        }
        if !arguments.is_empty() {
            call.arguments += &arguments;
            deltas.push(Delta::Arguments(arguments));
        }
        self.current = Some(index);
    }

    /// The reply as a whole. What it consists of is read from its text, as it will be from
    /// the log.
    pub fn finish(self, finish: Finish, usage: Usage) -> Reply {
        let calls: Vec<_> = self
            .calls
            .into_iter()
            .map(|c| (c.name, c.arguments))
            .collect();
        let raw = message_text(&self.words, &self.thoughts, &calls);
        let mut parser = Parser::new(Profile::chat(), &self.tools);
        parser.push(&raw);
        let (_, parsed) = parser.finish();
        Reply {
            segments: parsed.segments,
            errors: parsed.errors,
            raw,
            finish,
            usage,
        }
    }

    /// Forgets calls that have no end: those whose arguments are no JSON yet.
    pub fn drop_half_calls(&mut self) {
        self.calls
            .retain(|call| serde_json::from_str::<Value>(&call.arguments).is_ok());
    }
}

/// A text, or texts in a list of parts.
fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let text = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_owned);
            parts.iter().filter_map(text).collect()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        Conversation, Message as Turn, Sampling, Segment, ToolCall, engine::remote::server::Server,
    };

    fn tools() -> Vec<ToolSpec> {
        vec![
            ToolSpec::function("get_weather", "Weather", json!({"type": "object"})),
            ToolSpec::Python,
        ]
    }

    fn request(tools: Vec<ToolSpec>, tool_choice: ToolChoice, schema: Option<Value>) -> Request {
        Request {
            conversation: Conversation {
                tools,
                messages: vec![Turn::User {
                    content: "Hi".into(),
                }],
                skip_thoughts: true,
                ..Conversation::default()
            },
            sampling: Sampling::default(),
            max_tokens: 100,
            tool_choice,
            answer_schema: schema,
            cancel: CancellationToken::new(),
        }
    }

    fn written(server: Server, request: &Request) -> Value {
        let plan = Plan {
            model: "glm-4.5".into(),
            server,
            profile: Profile::chat().clone(),
            leaves_out_prefix: false,
            context: 8192,
            context_from: "a test",
            sees_images: false,
            why: "a test",
        };
        Value::Object(body(&plan, request, Guided::Auto).unwrap())
    }

    #[test]
    fn each_server_is_told_in_its_way() {
        let request = request(tools(), ToolChoice::Required, None);
        insta::assert_json_snapshot!("zhipu", written(Server::Zhipu, &request));
        insta::assert_json_snapshot!("openai", written(Server::OpenAi, &request));
        insta::assert_json_snapshot!("transformers", written(Server::Transformers, &request));
    }

    #[test]
    fn a_form_is_asked_for_where_no_call_can_come() {
        let schema = json!({"type": "number"});
        let format = |tools, choice| {
            let request = request(tools, choice, Some(schema.clone()));
            written(Server::Other, &request)
                .get("response_format")
                .cloned()
        };
        let expected = json!({
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "number"}},
        });
        assert_eq!(format(vec![], ToolChoice::Auto), Some(expected.clone()));
        assert_eq!(format(tools(), ToolChoice::None), Some(expected));
        assert_eq!(format(tools(), ToolChoice::Auto), None);
    }

    /// What comes of these parts.
    fn read(parts: &[Value]) -> (Vec<Delta>, Reply) {
        let mut message = Message::new(&tools());
        let mut deltas = Vec::new();
        for part in parts {
            let event = json!({"choices": [{"index": 0, "delta": part}]});
            assert_eq!(message.take(&event, &mut deltas), None);
        }
        (deltas, message.finish(Finish::Stop, Usage::default()))
    }

    fn call(name: &str, arguments: Value) -> Segment {
        Segment::Call(ToolCall {
            name: name.into(),
            arguments,
        })
    }

    #[test]
    fn calls_are_put_together_by_index() {
        let (deltas, reply) = read(&[
            json!({"role": "assistant", "content": null}),
            json!({"reasoning_content": "Hm."}),
            json!({"content": "Let me see."}),
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "get_weather", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"city\":"}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": " \"Ü\"}"}}]}),
            json!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "python", "arguments": "{\"code\": \"1\"}"}}]}),
        ]);
        assert_eq!(
            reply.segments,
            [
                Segment::Reasoning { text: "Hm.".into() },
                Segment::text("Let me see."),
                call("get_weather", json!({"city": "Ü"})),
                call("python", json!("1")),
            ]
        );
        let names = deltas
            .iter()
            .filter(|delta| matches!(delta, Delta::Call { .. }));
        assert_eq!(names.count(), 2);
    }

    #[test]
    fn what_servers_do_otherwise_is_read_all_the_same() {
        let city = json!({"city": "A"});
        // Without indices, with the arguments as an object.
        let (_, reply) = read(&[
            json!({"tool_calls": [{"id": "a", "function": {"name": "get_weather", "arguments": city}}]}),
            json!({"tool_calls": [{"id": "b", "function": {"name": "get_weather", "arguments": {}}}]}),
        ]);
        assert_eq!(
            reply.segments,
            [
                call("get_weather", city.clone()),
                call("get_weather", json!({}))
            ]
        );
        // With the name in every part, and the old form.
        let (_, reply) = read(&[
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "get_weather", "arguments": "{\"city\": "}}]}),
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "get_weather", "arguments": "\"A\"}"}}]}),
        ]);
        assert_eq!(reply.segments, [call("get_weather", city.clone())]);
        let (_, reply) = read(&[
            json!({"function_call": {"name": "get_weather", "arguments": "{\"city\": \"A\"}"}}),
        ]);
        assert_eq!(reply.segments, [call("get_weather", city)]);
        // Words in parts.
        let (_, reply) = read(&[json!({"content": [{"type": "text", "text": "A"}]})]);
        assert_eq!(reply.segments, [Segment::text("A")]);
    }

    #[test]
    fn half_a_call_is_none() {
        let mut message = Message::new(&tools());
        let part = json!({"choices": [{"delta": {"tool_calls": [
            {"index": 0, "function": {"name": "get_weather", "arguments": "{\"city\": \"Par"}},
        ]}}]});
        message.take(&part, &mut Vec::new());
        message.drop_half_calls();
        let reply = message.finish(Finish::Cancelled, Usage::default());
        assert_eq!((reply.segments, reply.errors), (vec![], vec![]));
    }
}
