//! Conversations that outgrow the model's window.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};
use glm_agent::{
    Agent, EventKind, Tool, ToolContext,
    engine::Scripted,
    event::Summarist,
    model::{
        self, Conversation, Delta, Engine, Finish, Message, Profile, Reply, Request, Segment,
        ToolCall, ToolChoice, Usage,
    },
};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    glm::{Glm, of_type, parse},
    paired::is_paired,
    run::ADDER,
};

/// A model that knows what it is shown and nothing else: it looks a number up, says
/// what it found, and finds the code of a locker in what it reads.
struct Reader {
    window: usize,
    /// What it was shown, each time, in tokens.
    prompts: Arc<Mutex<Vec<usize>>>,
    /// What it writes as a summary, if it does.
    summary: Option<&'static str>,
}

impl Reader {
    fn reply(&self, conversation: &Conversation) -> Vec<Segment> {
        let texts = conversation.messages.iter().map(|message| match message {
            Message::System { content }
            | Message::User { content }
            | Message::Observation { content, .. } => content.as_str(),
            _ => "",
        });
        let texts: Vec<&str> = texts.collect();
        match conversation.messages.last() {
            Some(Message::User { content }) if content.starts_with("The conversation is") => {
                vec![Segment::text(self.summary.unwrap_or_default())]
            }
            Some(Message::User { content }) if content.contains("What is Dana's code") => {
                let found = texts.iter().find_map(|text| {
                    let (_, rest) = text.split_once("Dana's code is ")?;
                    rest.split(['.', ' ']).next()
                });
                vec![Segment::text(found.unwrap_or("I was not told."))]
            }
            Some(Message::User { content }) => {
                let number: String = content.chars().filter(char::is_ascii_digit).collect();
                vec![Segment::Call(ToolCall {
                    name: "look_up".into(),
                    arguments: json!({ "n": number.parse().unwrap_or(0_u64) }),
                })]
            }
            _ => vec![Segment::text("Found.")],
        }
    }
}

#[async_trait]
impl Engine for Reader {
    fn model(&self) -> &str {
        "reader"
    }

    fn profile(&self) -> &Profile {
        Profile::by_name("glm4").unwrap()
    }

    fn context_length(&self) -> usize {
        self.window
    }

    fn count_tokens(&self, conversation: &Conversation) -> Result<usize, model::Error> {
        Scripted::new([""; 0])?.count_tokens(conversation)
    }

    fn can_improvise(&self) -> bool {
        self.summary.is_some()
    }

    async fn generate(
        &self,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Delta, model::Error>>, model::Error> {
        let tokens = self.count_tokens(&request.conversation)?;
        self.prompts.lock().unwrap().push(tokens);
        assert!(
            is_paired(&request.conversation),
            "{:#?}",
            request.conversation
        );
        let reply = Reply {
            segments: self.reply(&request.conversation),
            errors: vec![],
            raw: String::new(),
            finish: Finish::Stop,
            usage: Usage {
                prompt_tokens: tokens as u64,
                cached_tokens: 0,
                completion_tokens: 5,
            },
        };
        assert!(
            request.tool_choice != ToolChoice::None || self.summary.is_some(),
            "only a summary is asked for without tools"
        );
        Ok(stream::iter([Ok(Delta::Finished(reply))]).boxed())
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Number {
    n: u64,
}

/// Says a lot about a number; of some, more than a window holds.
fn look_up() -> Tool {
    let look_up = |args: Number, _: ToolContext| async move {
        let length = if args.n.is_multiple_of(50) {
            15_000
        } else {
            120
        };
        Ok(format!(
            "number {} is {}",
            args.n,
            "interesting ".repeat(length / 12)
        ))
    };
    Tool::new("look_up", "Looks a number up", look_up)
}

#[tokio::test]
async fn three_hundred_turns_fit_into_a_small_window_and_the_first_is_not_forgotten() {
    let prompts = Arc::new(Mutex::new(Vec::new()));
    let engine = Reader {
        window: 4096,
        prompts: Arc::clone(&prompts),
        summary: None,
    };
    let agent = Agent::builder()
        .engine(engine)
        .tool(look_up())
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    let mut before = Vec::new();
    for turn in 1..=300 {
        let message = match turn {
            1 => "Remember: Dana's code is QX-7731. Look up number 1.".to_owned(),
            300 => "What is Dana's code?".to_owned(),
            n => format!("Look up number {n}."),
        };
        let run = agent.say(&mut session, &message).await.unwrap();
        let expected = if turn == 300 { "QX-7731" } else { "Found." };
        assert_eq!(run.answer, expected, "in turn {turn}");
        // What was said stays said.
        assert_eq!(session.events()[..before.len()], before);
        if turn % 100 == 0 {
            before = session.events().to_vec();
        }
    }
    let prompts = prompts.lock().unwrap();
    assert_eq!(prompts.len(), 599);
    assert!(
        prompts.iter().all(|tokens| *tokens <= 4096),
        "{:?}",
        prompts.iter().max()
    );
    let compacted: Vec<_> = session
        .events()
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Compacted {
                tokens_before,
                tokens_after,
                summary_by,
                ..
            } => Some((tokens_before, tokens_after, *summary_by)),
            _ => None,
        })
        .collect();
    assert!(compacted.len() > 5, "{}", compacted.len());
    assert!(
        compacted
            .iter()
            .all(|(before, after, by)| after < before && *by == Summarist::Rule)
    );
}

#[tokio::test]
async fn the_models_own_summary_stands_for_what_came_before() {
    let engine = Reader {
        window: 4096,
        prompts: Arc::default(),
        summary: Some("Goal: numbers.\nFacts: 7 is lucky."),
    };
    let agent = Agent::builder()
        .engine(engine)
        .tool(look_up())
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    for n in 1..=60 {
        // Not one of those that fill the window.
        let message = format!("Look up number {}.", n * 50 + 1);
        agent.say(&mut session, &message).await.unwrap();
    }
    let briefs: Vec<_> = session
        .events()
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Compacted {
                brief,
                summary_by: Summarist::Model,
                usage,
                ..
            } => Some((brief.clone(), usage.completion_tokens)),
            _ => None,
        })
        .collect();
    assert!(!briefs.is_empty());
    for (brief, written) in briefs {
        let start = "Look up number 51.\n\n[What came after this is shown in short.\n\
                     Goal: numbers.\nFacts: 7 is lucky.]";
        assert!(brief.starts_with(start), "{brief}");
        assert_eq!(written, 5);
    }
}

#[tokio::test]
async fn a_conversation_is_compacted_when_somebody_asks() {
    let replies: Vec<String> = (0..10).map(|n| format!("\nanswer {n}")).collect();
    let agent = Agent::builder()
        .engine(Scripted::new(replies).unwrap())
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    let stop = CancellationToken::new;
    assert!(!agent.compact(&mut session, &mut (), stop()).await.unwrap());
    for n in 0..9 {
        let message = format!("question {n} {}", "about something long ".repeat(20));
        agent.say(&mut session, &message).await.unwrap();
    }
    assert!(agent.compact(&mut session, &mut (), stop()).await.unwrap());
    // A script goes on where it was.
    let run = agent.say(&mut session, "And now?").await.unwrap();
    assert_eq!(run.answer, "answer 9");
}

#[test]
fn a_long_result_is_read_on_by_a_tool_that_is_offered_then() {
    let glm = Glm::new();
    glm.file(
        "tools.toml",
        "[[tools]]\nname = \"tell\"\ndescription = \"Tells a lot\"\n\
         command = [\"seq\", \"1\", \"1500\"]\nparameters = { type = \"object\", properties = {} }\n",
    );
    let begin = [
        "run",
        "Tell",
        "--json",
        "--tools",
        "./tools.toml",
        "--max-context",
        "4096",
        "--session",
        "s",
    ];
    let engine = glm.script(&["tell\n{}", "\nA lot."]);
    let events = glm.events(&[&begin[..], &["--engine", &engine]].concat());
    let result = of_type(&events, "tool_result")[0];
    let file = result["artifacts"][0]["name"].as_str().unwrap();
    assert!(file.starts_with("outputs/call_1-"), "{file}");
    let tools = of_type(&events, "tools_changed")[0]["tools"]
        .as_array()
        .unwrap();
    let names: Vec<_> = tools.iter().map(|t| &t["function"]["name"]).collect();
    assert_eq!(names, ["tell", "read_on"]);

    let read = format!("read_on\n{{\"file\": \"/mnt/data/{file}\", \"from\": 3000}}");
    let engine = glm.script(&["tell\n{}", "\nA lot.", &read, "\nMore."]);
    let mut go_on = begin;
    go_on[1] = "Read on";
    let events = glm.events(&[&go_on[..], &["--engine", &engine]].concat());
    let read = of_type(&events, "tool_result");
    let text = read.last().unwrap()["text"].as_str().unwrap();
    let (head, part) = text.split_once('\n').unwrap();
    assert_eq!(head, "[characters 3000 to 5972 of 6392; go on from 5972]");
    assert_eq!(part.chars().count(), 2972);
}

#[test]
fn the_share_of_the_window_can_be_chosen() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let long = "x".repeat(2000);
    let engine = glm.script(&[&format!("\n{long}"), "\nWhat now?", "\nStill here."]);
    let say = |text: &str, at: &str| {
        let args = [
            "run",
            text,
            "--json",
            "--engine",
            &engine,
            "--tools",
            "none",
            "--max-context",
            "2048",
            "--session",
            "s",
            "--compact-at",
            at,
        ];
        parse(&glm.run(&args).stdout)
    };
    assert_eq!(of_type(&say("Hi", "75"), "compacted").len(), 0);
    assert_eq!(of_type(&say("Hm", "75"), "compacted").len(), 0);
    let events = say("And?", "20");
    let compacted = of_type(&events, "compacted");
    assert_eq!(compacted.len(), 1, "{events:?}");
    assert_eq!(events.last().unwrap()["answer"], "Still here.");
    let shown = glm.run(&["session", "show", "s"]).stdout;
    assert!(
        shown.contains("· the model now reads a short list in the place of earlier turns: "),
        "{shown}"
    );
}
