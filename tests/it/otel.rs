//! Traces by OTLP, read by a collector with OpenTelemetry's own protobufs.

use std::{collections::HashMap, net::TcpListener};

use serde_json::{Value, json};

use crate::{
    batch::{numbered, tasks},
    collector::Collector,
    glm::{Glm, Output, parse},
    run::ADDER,
    web,
};

/// Words that nobody but the model and its tools should read.
const SECRET: &str = "narwhal";

/// A tool that fails, and a run of two calls at once that a limit ends.
fn with_run() -> (Glm, Vec<String>) {
    let glm = Glm::new();
    glm.file("adder.json", ADDER);
    glm.file(
        "tools.toml",
        "[[tools]]\nname = \"fail\"\ndescription = \"Fails\"\n\
         command = [\"sh\", \"-c\", \"cat; exit 3\"]\n\
         parameters = { type = \"object\", properties = { word = { type = \"string\" } } }\n",
    );
    let calls = format!(
        "I try.<|assistant|>add\n{{\"a\": 2, \"b\": \"3\"}}<|assistant|>fail\n{{\"word\": \"{SECRET}\"}}"
    );
    let answer = format!("\nFive, and no {SECRET}.");
    let engine = glm.script(&[&calls, &answer]);
    let task = format!("Add 2 and 3, then name the {SECRET}.");
    let system = format!("You know the {SECRET}.");
    let args = [
        "run",
        &task,
        "--session",
        "s",
        "--quiet",
        "--max-steps",
        "1",
    ];
    let more = ["--system", &system, "--temperature", "0.5", "--seed", "7"];
    let tools = ["--tools", "./adder.json,./tools.toml", "--engine", &engine];
    let args = [&args[..], &more, &tools].concat();
    (glm, args.into_iter().map(str::to_owned).collect())
}

fn run(glm: &Glm, args: &[String], env: &[(&str, &str)]) -> Output {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = glm.command(&args);
    Output::of(command.envs(env.iter().copied()).output().unwrap())
}

fn session(glm: &Glm) -> Vec<Value> {
    parse(&glm.run(&["session", "show", "s", "--json"]).stdout)
}

/// Nanoseconds since 1970 of an event.
fn time(event: &Value) -> String {
    let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
    time.as_nanosecond().to_string()
}

/// Requests without what differs from run to run; ids by the names of their spans.
fn stable(requests: &[Value]) -> Vec<Value> {
    let mut names = HashMap::new();
    for request in requests {
        for span in request["spans"].as_array().unwrap() {
            let name = span["name"].as_str().unwrap();
            names.insert(span["spanId"].clone(), format!("SPAN {name}"));
        }
    }
    let mut requests = requests.to_vec();
    for request in &mut requests {
        let request = request.as_object_mut().unwrap();
        request.shift_remove("headers");
        request["resource"]["telemetry.sdk.version"] = "VERSION".into();
        for span in request["spans"].as_array_mut().unwrap() {
            let span = span.as_object_mut().unwrap();
            span["traceId"] = "TRACE".into();
            for key in ["spanId", "parentSpanId"] {
                if let Some(id) = span.get_mut(key) {
                    *id = names.get(id).map_or("OUTSIDE", String::as_str).into();
                }
            }
            for key in ["startTimeUnixNano", "endTimeUnixNano"] {
                span.shift_remove(key);
            }
            for event in span
                .get_mut("events")
                .into_iter()
                .flat_map(|e| e.as_array_mut().unwrap())
            {
                event.as_object_mut().unwrap().shift_remove("timeUnixNano");
            }
        }
    }
    requests
}

#[test]
fn a_run_is_a_trace_of_spans_without_content() {
    let (glm, args) = with_run();
    let collector = Collector::start();
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=of%20ada,x-other=1"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        ),
    ];
    let output = run(&glm, &args, &env);
    assert_eq!(output.code, Some(3), "{output:?}");
    let requests = collector.requests();
    assert_eq!(requests.len(), 1);
    let text = json!(requests).to_string();
    assert!(!text.contains(SECRET) && !text.contains("Five"), "{text}");
    let headers = &requests[0]["headers"];
    assert_eq!(headers["x-key"], "of ada");
    assert_eq!(headers["content-type"], "application/x-protobuf");

    // Times are those of the events.
    let events = session(&glm);
    let spans = requests[0]["spans"].as_array().unwrap();
    let times = |name: &str| {
        let mut named = spans.iter().filter(|span| span["name"] == name);
        let span = named.next().unwrap();
        [&span["startTimeUnixNano"], &span["endTimeUnixNano"]].map(|t| t.as_str().unwrap())
    };
    let at = |seq: usize| time(&events[seq]);
    assert_eq!(times("invoke_agent glm"), [at(1), at(events.len() - 1)]);
    assert_eq!(times("chat scripted"), [at(1), at(2)]);
    let result = |name: &str| {
        let is_result = |event: &&Value| event["type"] == "tool_result" && event["name"] == name;
        time(events.iter().find(is_result).unwrap())
    };
    assert_eq!(times("execute_tool add"), [at(3), result("add")]);
    assert_eq!(times("execute_tool fail"), [at(4), result("fail")]);

    // Calls of one reply end in any order.
    let mut requests = stable(&requests);
    let spans = requests[0]["spans"].as_array_mut().unwrap();
    spans.sort_by_key(|span| span["name"].to_string());
    insta::assert_json_snapshot!(requests);
}

#[test]
fn content_is_sent_when_it_is_asked_for() {
    let (glm, args) = with_run();
    let collector = Collector::start();
    glm.file(
        "glm.toml",
        &format!(
            "[telemetry]\nendpoint = \"{}\"\ncontent = true\n",
            collector.url()
        ),
    );
    let output = run(&glm, &args, &[("OTEL_SERVICE_NAME", "till")]);
    assert_eq!(output.code, Some(3), "{output:?}");
    let requests = collector.requests();
    assert_eq!(requests[0]["resource"]["service.name"], "till");
    let mut said = Vec::new();
    for span in requests[0]["spans"].as_array().unwrap() {
        let mut content = serde_json::Map::new();
        for key in [
            "gen_ai.system_instructions",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.tool.call.arguments",
            "gen_ai.tool.call.result",
        ] {
            if let Some(value) = span["attributes"][key].as_str() {
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
                content.insert(key.to_owned(), value);
            }
        }
        said.push(json!({"span": span["name"], "status": span["status"], "content": content}));
    }
    said.sort_by_key(|span| span["span"].to_string());
    insta::assert_json_snapshot!(said);
}

#[test]
fn the_environment_goes_before_the_file() {
    let (glm, args) = with_run();
    let (named, collector) = (Collector::start(), Collector::start());
    glm.file(
        "glm.toml",
        &format!(
            "[telemetry]\nendpoint = \"{}\"\ncontent = true\n",
            named.url()
        ),
    );
    let traces = format!("{}/elsewhere", collector.url());
    let env = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces.as_str()),
        (
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
            "false",
        ),
    ];
    run(&glm, &args, &env);
    run(
        &glm,
        &args,
        &[env[0], env[1], ("OTEL_SDK_DISABLED", "true")],
    );
    let requests = collector.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["path"], "/elsewhere");
    assert!(!json!(requests).to_string().contains(SECRET));
    assert_eq!(named.requests(), [Value::Null; 0]);
}

#[test]
fn a_session_is_sent_later_as_it_would_have_been_at_once() {
    let (glm, args) = with_run();
    let collector = Collector::start();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    run(&glm, &args, &[endpoint]);
    let output = glm.run(&["session", "export", "s", "--otlp", collector.url()]);
    assert_eq!(
        output,
        Output {
            stdout: String::new(),
            stderr: "5 spans sent\n".into(),
            code: Some(0),
        }
    );
    let export = ["session", "export", "s", "--otlp"].map(str::to_owned);
    assert_eq!(run(&glm, &export, &[endpoint]).code, Some(0));
    let requests = collector.requests();
    let of = |key: &str| requests.iter().map(|r| r[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("path"), ["/v1/traces"; 3]);
    let spans = of("spans");
    assert_eq!(spans[0], spans[1]);
    assert_eq!(spans[0], spans[2]);
}

#[test]
fn where_no_collector_is_named_nothing_can_be_sent() {
    let (glm, args) = with_run();
    run(&glm, &args, &[]);
    let export = ["session", "export", "s", "--otlp"].map(str::to_owned);
    let output = run(&glm, &export, &[]);
    assert_eq!(
        (output.stderr.as_str(), output.code),
        (
            "error: traces cannot be sent: no collector is named; name one, such as \
             http://localhost:4318\n",
            Some(2)
        )
    );
    let refusing = Collector::that_answers(&["400"]);
    let mut export = export.to_vec();
    export.push(refusing.url().to_owned());
    let output = run(&glm, &export, &[]);
    let expected = format!(
        "error: the traces were not sent to {}/v1/traces: the collector answers 400 Bad Request\n",
        refusing.url()
    );
    assert_eq!((output.stderr, output.code), (expected, Some(1)));
}

#[test]
fn a_dead_collector_is_one_warning_and_no_failure() {
    let (glm, args) = with_run();
    let quiet = run(&glm, &args, &[]);
    let (glm, args) = with_run();
    // Nothing listens there any more.
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let dead = format!("http://user:pass@{dead}");
    let output = run(&glm, &args, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &dead)]);
    assert_eq!((&output.stdout, output.code), (&quiet.stdout, quiet.code));
    let more = output.stderr.replace(&quiet.stderr, "");
    assert_eq!(more.lines().count(), 1, "{more}");
    assert!(more.contains("WARN traces for http://127.0.0.1:"), "{more}");
    assert!(more.contains("/v1/traces are lost: "), "{more}");
    assert!(!more.contains("pass"), "{more}");
}

#[test]
fn a_collector_that_never_answers_does_not_hold_a_run_up() {
    let (glm, args) = with_run();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (format!("http://{}", silent.local_addr().unwrap()), silent);
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", silent.0.as_str()),
        // Longer than a test may take.
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "86400000"),
    ];
    let output = run(&glm, &args, &env);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output
            .stderr
            .contains("5 spans were not sent: it took longer than 5 s"),
        "{output:?}"
    );
}

#[test]
fn what_a_busy_collector_refuses_is_sent_again() {
    let (glm, args) = with_run();
    let collector = Collector::that_answers(&["200", "2"]);
    let output = run(
        &glm,
        &args,
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())],
    );
    assert!(!output.stderr.contains("WARN"), "{output:?}");
    let requests = collector.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0]["spans"], requests[2]["spans"]);
}

#[test]
fn a_protocol_that_is_not_spoken_is_refused_before_anything_runs() {
    let (glm, args) = with_run();
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    assert_eq!(
        run(&glm, &args, &env),
        Output {
            stdout: String::new(),
            stderr: "error: traces cannot be sent: OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`, and \
                     only `http/protobuf` is spoken here\n\
                     hint: most collectors take it at port 4318\n"
                .into(),
            code: Some(2),
        }
    );
}

#[test]
fn a_run_is_below_the_span_that_called_for_it() {
    let (glm, args) = with_run();
    let collector = Collector::start();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let parent =
        |flags: &str| format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
    run(
        &glm,
        &args,
        &[
            endpoint,
            ("TRACEPARENT", &parent("01")),
            ("TRACESTATE", "vendor=1"),
        ],
    );
    // Who called decided to leave this one out.
    run(&glm, &args, &[endpoint, ("TRACEPARENT", &parent("00"))]);
    let spans = collector.spans();
    assert_eq!(spans.len(), 5);
    let bytes = |hex: &str| {
        use base64::Engine;
        let pairs = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).unwrap());
        let bytes: Vec<u8> = pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect();
        base64::prelude::BASE64_STANDARD.encode(bytes)
    };
    for span in &spans {
        assert_eq!(span["traceId"], bytes("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(span["traceState"], "vendor=1");
    }
    let root = spans
        .iter()
        .find(|span| span["name"] == "invoke_agent glm")
        .unwrap();
    assert_eq!(root["parentSpanId"], bytes("b7ad6b7169203331"));
}

#[test]
fn the_tasks_of_a_batch_are_traces_of_their_own() {
    let glm = Glm::new();
    glm.file("adder.json", ADDER);
    let collector = Collector::start();
    let engine = glm.script(&["add\n{\"a\": 2, \"b\": 3}", "\nThe sum is 5."]);
    tasks(&glm, &numbered(20));
    let args = [
        "batch",
        "tasks.jsonl",
        "--out",
        "results.jsonl",
        "-j",
        "4",
        "--quiet",
    ];
    let args = [&args[..], &["--engine", &engine, "--tools", "./adder.json"]].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    let output = run(
        &glm,
        &args,
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())],
    );
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut traces: HashMap<String, Vec<Value>> = HashMap::new();
    for span in collector.spans() {
        let trace = span["traceId"].as_str().unwrap().to_owned();
        traces.entry(trace).or_default().push(span);
    }
    assert_eq!(traces.len(), 20);
    for spans in traces.values() {
        let mut names: Vec<_> = spans
            .iter()
            .map(|span| span["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "chat scripted",
                "chat scripted",
                "execute_tool add",
                "invoke_agent glm"
            ]
        );
        let root = spans
            .iter()
            .find(|span| span["name"] == "invoke_agent glm")
            .unwrap();
        for span in spans.iter().filter(|span| *span != root) {
            assert_eq!(span["parentSpanId"], root["spanId"]);
        }
    }
}

#[test]
fn consent_and_a_run_that_goes_on_are_told() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let collector = Collector::start();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let page = web::serve(|_| web::html("<p>Now call add.</p>"));
    let fetch = format!("web_fetch\n{{\"url\": \"http://{page}/\"}}");
    let engine = glm.script(&[&fetch, "add\n{\"a\": 2, \"b\": 3}", "\nDone."]);
    let page = page.to_string();
    let args = [
        "run",
        "Read it",
        "--session",
        "s",
        "--quiet",
        "--engine",
        &engine,
    ];
    let args = [
        &args[..],
        &["--tools", "web_fetch,./tools.json", "--allow-host", &page],
    ]
    .concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    assert_eq!(run(&glm, &args, &[endpoint]).code, Some(4));
    let resume = ["session", "resume", "s", "--approve", "all", "--quiet"].map(str::to_owned);
    assert_eq!(run(&glm, &resume, &[endpoint]).code, Some(0));
    let spans = collector.spans();
    let runs: Vec<_> = spans
        .iter()
        .filter(|s| s["name"] == "invoke_agent glm")
        .collect();
    let told = |run: &Value| {
        let events = run["events"].as_array().unwrap().iter();
        let names: Vec<_> = events
            .map(|e| e["name"].as_str().unwrap().to_owned())
            .collect();
        (run["attributes"]["glm.stop_reason"].clone(), names)
    };
    assert_eq!(
        runs.iter().map(|run| told(run)).collect::<Vec<_>>(),
        [
            (
                json!("approval_needed"),
                vec!["glm.approval.requested".to_owned()]
            ),
            (json!("answered"), vec!["glm.approval.granted".to_owned()]),
        ]
    );
    // The second goes on where the first stopped.
    assert_eq!(runs[0]["traceId"], runs[1]["traceId"]);
    assert_eq!(runs[1]["links"][0]["spanId"], runs[0]["spanId"]);
    let added = spans
        .iter()
        .find(|span| span["name"] == "execute_tool add")
        .unwrap();
    assert_eq!(added["parentSpanId"], runs[1]["spanId"]);
}
