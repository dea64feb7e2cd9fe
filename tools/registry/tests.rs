#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use super::*;

fn tool(name: &str) -> Tool {
    Tool::new(name, "d", |args: Value, _cx| async move { Ok(args) })
}

fn registry(names: &[&str]) -> Registry {
    Registry::new(names.iter().map(|name| tool(name)).collect()).unwrap()
}

fn waiting() -> Tool {
    Tool::new("wait", "d", |_: Value, _cx| {
        std::future::pending::<Result<String, ToolError>>()
    })
}

#[tokio::test]
async fn an_unknown_name_is_answered_with_the_nearest_first() {
    let registry = registry(&["get_weather", "web_fetch", "web_search"]);
    let error = registry
        .call("web_fech", json!({}), ToolContext::default())
        .await;
    assert_eq!(
        error,
        Err(ToolError::Model(
            "there is no tool `web_fech`; there are: `web_fetch`, `web_search`, `get_weather`"
                .into()
        ))
    );
}

#[test]
fn a_name_is_nearest_to_itself_in_another_spelling() {
    let mut names: Vec<String> = (0..30).map(|n| format!("tool_{n}")).collect();
    names.extend(["get_weather", "send_mail", "files__read_text_file"].map(str::to_owned));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let registry = registry(&names);
    for (written, nearest) in [
        ("getWeather", "get_weather"),
        ("functions.get_weather", "get_weather"),
        ("GET-WEATHER", "get_weather"),
        ("read_text_file", "files__read_text_file"),
        ("files.read_text_file", "files__read_text_file"),
        ("sendmail", "send_mail"),
    ] {
        let said = registry.check(written, json!({})).unwrap_err().to_string();
        let start = format!("there is no tool `{written}`; there are: `{nearest}`, ");
        assert!(said.starts_with(&start), "{said}");
        assert!(said.ends_with(" and 13 more"), "{said}");
    }
}

#[tokio::test]
async fn a_tool_that_takes_too_long_is_stopped() {
    let registry = Registry::new(vec![waiting().timeout(Duration::from_millis(10))]).unwrap();
    let error = registry
        .call("wait", json!({}), ToolContext::default())
        .await;
    assert_eq!(
        error,
        Err(ToolError::Model(
            "`wait` was stopped at its time limit of 0.01 s".into()
        ))
    );
}

#[tokio::test]
async fn a_cancelled_call_ends_although_the_tool_does_not_look() {
    let registry = Registry::new(vec![waiting()]).unwrap();
    let cx = ToolContext::default();
    let cancel = cx.cancel.clone();
    let (error, ()) = tokio::join!(registry.call("wait", json!({}), cx), async {
        cancel.cancel()
    });
    assert_eq!(error, Err(ToolError::Model("`wait` was cancelled".into())));
}

#[tokio::test]
async fn a_panic_is_an_error_of_the_call() {
    async fn run(_: Value, _: ToolContext) -> Result<String, ToolError> {
        panic!("no such {}", "luck")
    }
    let registry = Registry::new(vec![Tool::new("boom", "d", run)]).unwrap();
    let error = registry
        .call("boom", json!({}), ToolContext::default())
        .await;
    assert_eq!(
        error,
        Err(ToolError::User(
            "`boom` failed because of an error in its code: no such luck".into()
        ))
    );
}

#[tokio::test]
async fn results_are_cleaned_and_arguments_checked() {
    let spec = ToolSpec::function(
        "t",
        "d",
        json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
    );
    struct Echo;
    #[async_trait::async_trait]
    impl crate::Invoke for Echo {
        async fn invoke(&self, a: Value, _: ToolContext) -> Result<ToolOutput, ToolError> {
            Ok(format!("\u{1b}[1m{a}").into())
        }
    }
    let registry = Registry::new(vec![Tool::with_state(spec, Echo)]).unwrap();
    let good = registry
        .call("t", json!({"n": "3"}), ToolContext::default())
        .await;
    assert_eq!(good, Ok("{\"n\":3}".into()));
    let bad = registry.call("t", json!({}), ToolContext::default()).await;
    assert_eq!(
        bad,
        Err(ToolError::Model(
            "wrong arguments for `t`\n- `n`: expected an integer, got nothing".into()
        ))
    );
}

#[test]
fn names_are_unique_and_well_formed() {
    let error =
        |names: &[&str]| Registry::new(names.iter().map(|n| tool(n)).collect()).unwrap_err();
    assert!(matches!(error(&["a", "a"]), Error::DuplicateTool { name } if name == "a"));
    for name in ["", "a b", "a\n", "<|user|>", &"a".repeat(65)] {
        assert!(matches!(error(&[name]), Error::ToolName { .. }), "{name}");
    }
}

/// Fails so often, then says how often it was called.
fn flaky(failures: u32) -> Tool {
    let calls = std::sync::atomic::AtomicU32::new(0);
    Tool::new("flaky", "d", move |_: Value, _cx| {
        let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        async move {
            if call <= failures {
                Err(ToolError::Transient(format!("busy {call}")))
            } else {
                Ok(format!("call {call}"))
            }
        }
    })
}

#[tokio::test]
async fn what_time_may_mend_is_tried_again_only_if_it_does_no_harm() {
    let call = async |tool: Tool| {
        let registry = Registry::new(vec![tool]).unwrap();
        registry
            .call("flaky", json!({}), ToolContext::default())
            .await
    };
    let busy = |n: u32| Err(ToolError::Transient(format!("busy {n}")));
    assert_eq!(call(flaky(2).idempotent(true)).await, Ok("call 3".into()));
    assert_eq!(call(flaky(3).idempotent(true)).await, busy(3));
    assert_eq!(call(flaky(1)).await, busy(1));
}

#[tokio::test]
async fn a_long_text_is_kept_whole_beside_the_shortened_one() {
    let folder = tempfile::tempdir().unwrap();
    let whole = "0123456789\n".repeat(5000);
    let said = whole.clone();
    let tool = Tool::new("long", "d", move |_: Value, _cx| {
        let said = said.clone();
        async move { Ok(said) }
    });
    let cx = ToolContext {
        call: "call_7".into(),
        directory: Some(folder.path().to_owned()),
        ..ToolContext::default()
    };
    let registry = Registry::new(vec![tool]).unwrap();
    let output = registry.call("long", json!({}), cx).await.unwrap();
    let [artifact] = output.artifacts.as_slice() else {
        panic!("{:?}", output.artifacts)
    };
    assert!(artifact.name.starts_with("outputs/call_7-"), "{artifact:?}");
    assert_eq!(artifact.size, whole.len() as u64);
    let pointer = format!("\n[the whole text is in /mnt/data/{}]", artifact.name);
    assert!(output.text.ends_with(&pointer), "{}", output.text);
    assert!(output.text.len() <= text::CAP + pointer.len());
    let kept = std::fs::read_to_string(folder.path().join(&artifact.name)).unwrap();
    assert_eq!(kept, whole);
}

#[tokio::test]
async fn a_secret_is_used_and_not_said() {
    let tool = Tool::new("leaky", "d", |_: Value, cx: ToolContext| async move {
        let key = cx.secret("KEY")?;
        Ok(json!({ "sent": key.reveal() }))
    });
    let registry = Registry::new(vec![tool.secret("KEY")])
        .unwrap()
        .with_secrets([("KEY", "pa55word")].into());
    let output = registry
        .call("leaky", json!({}), ToolContext::default())
        .await
        .unwrap();
    assert_eq!(output, json!({"sent": "[secret KEY]"}).into());
}

#[tokio::test]
async fn a_secret_is_not_said_amid_escapes_nor_while_the_call_runs() {
    let tool = Tool::new("leaky", "d", |_: Value, cx: ToolContext| async move {
        cx.secret("KEY")?;
        for piece in ["the key is pa55", "word\n", "and no more"] {
            cx.progress.say(piece);
        }
        Ok(ToolOutput {
            citations: vec![crate::Citation {
                mark: String::new(),
                title: "pa55word".into(),
                url: "https://a.test/?key=pa55word".into(),
            }],
            ..ToolOutput::from("pa55\u{1b}[1mword")
        })
    });
    let registry = Registry::new(vec![tool.secret("KEY")])
        .unwrap()
        .with_secrets([("KEY", "pa55word")].into());
    let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let into = std::sync::Arc::clone(&heard);
    let cx = ToolContext {
        progress: crate::Progress::new(move |text| into.lock().unwrap().push_str(text)),
        ..ToolContext::default()
    };
    let output = registry.call("leaky", json!({}), cx).await.unwrap();
    assert_eq!(output.text, "[secret KEY]");
    assert_eq!(
        (
            output.citations[0].title.as_str(),
            output.citations[0].url.as_str()
        ),
        ("[secret KEY]", "https://a.test/?key=[secret KEY]")
    );
    assert_eq!(
        *heard.lock().unwrap(),
        "the key is [secret KEY]\nand no more"
    );
}

#[tokio::test]
async fn json_that_no_log_could_be_read_back_with_is_left_out() {
    let deep = |depth: usize| (0..depth).fold(json!({}), |inner, _| json!({"in": inner}));
    for (depth, kept) in [(90, true), (110, false)] {
        let tool = Tool::new(
            "deep",
            "d",
            move |_: Value, _cx| async move { Ok(deep(depth)) },
        );
        let registry = Registry::new(vec![tool]).unwrap();
        let output = registry
            .call("deep", json!({}), ToolContext::default())
            .await;
        assert_eq!(output.unwrap().json.is_some(), kept, "{depth}");
    }
}

#[tokio::test]
async fn a_tool_learns_that_its_call_is_over() {
    let (sender, heard) = tokio::sync::oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let tool = Tool::new("spawns", "d", move |_: Value, cx: ToolContext| {
        let sender = sender.lock().unwrap().take().unwrap();
        tokio::spawn(async move {
            cx.cancel.cancelled().await;
            sender.send("stopped").unwrap();
        });
        std::future::pending::<Result<String, ToolError>>()
    });
    let registry = Registry::new(vec![tool.timeout(Duration::from_millis(5))]).unwrap();
    let result = registry
        .call("spawns", json!({}), ToolContext::default())
        .await;
    assert!(result.is_err());
    assert_eq!(heard.await, Ok("stopped"));
}
