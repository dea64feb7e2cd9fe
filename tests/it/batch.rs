//! `glm batch`: results, resumption, limits and exit codes, with scripted replies.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use glm_agent::batch::{Task, TaskResult};
use serde_json::{Value, json};

use crate::{
    glm::{Glm, Output, parse},
    published::published,
    research::{SIMPLE, TASK, with_documents},
    run::ADDER,
    web::{html, serve},
};

/// A tool that takes a moment, so that a batch can be met in the middle of its tasks.
pub const MOMENT: &str = "[[tools]]\nname = \"moment\"\ndescription = \"Takes a moment\"\n\
    command = [\"sleep\", \"0.02\"]\nidempotent = true\n\
    parameters = { type = \"object\", properties = {} }\n";

/// A file of tasks.
pub fn tasks(glm: &Glm, tasks: &[Value]) -> PathBuf {
    let lines: String = tasks.iter().map(|task| format!("{task}\n")).collect();
    glm.file("tasks.jsonl", &lines)
}

pub fn numbered(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| json!({"id": format!("task-{n}"), "task": format!("Do number {n}")}))
        .collect()
}

/// A batch that has these flags beside.
pub fn batch<'a>(engine: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    let own = [
        "batch",
        "tasks.jsonl",
        "--out",
        "results.jsonl",
        "--engine",
        engine,
    ];
    [&own, flags].concat()
}

pub fn results(glm: &Glm) -> Vec<Value> {
    parse(&fs::read_to_string(glm.folder().join("results.jsonl")).unwrap())
}

/// Results without what differs from run to run.
fn stable(mut results: Vec<Value>) -> Vec<Value> {
    for result in &mut results {
        assert!(result["seconds"].as_f64().unwrap() >= 0.0);
        result["seconds"] = json!(0);
        let batch = result["batch"].as_str().unwrap().to_owned();
        result["batch"] = json!("BATCH");
        if let Some(session) = result["session"].as_str().map(str::to_owned) {
            let session = session.as_str();
            let name = session.strip_prefix(&format!("batch-{batch}-")).unwrap();
            let (name, _) = name.rsplit_once('-').unwrap();
            let error = result["error"].as_str();
            if let Some(error) = error.map(|error| error.replace(session, "SESSION")) {
                result["error"] = json!(error);
            }
            result["session"] = json!(name);
        }
    }
    results
}

/// The sessions below a data directory, each as often as its log has such an event.
/// Runs that were interrupted did not come to their end.
pub fn sessions_with(data: &Path, kind: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(sessions) = fs::read_dir(data.join("sessions")) else {
        return found;
    };
    for session in sessions {
        let session = session.unwrap();
        let name = session.file_name().into_string().unwrap();
        let log = fs::read(session.path().join("events.jsonl")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        // Of a log that was cut off, the last line is none.
        let events = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        for event in events {
            let event: Value = serde_json::from_str(event).unwrap();
            if event["type"] == kind && event["reason"] != "interrupted" {
                found.push(name.clone());
            }
        }
    }
    found
}

#[test]
fn every_task_gets_a_result_of_its_own_kind() {
    let glm = Glm::new();
    glm.file("adder.json", ADDER);
    glm.file(
        "waits.json",
        r#"{"tools": [{"name": "add", "description": "d", "parameters": {"type": "object"}}]}"#,
    );
    tasks(
        &glm,
        &[
            json!({"id": "sum", "task": "{{a}} + {{b}}?", "variables": {"a": 2, "b": 3},
                   "tools": ["./adder.json"], "system": "Be brief."}),
            json!({"id": "limit", "task": "2 + 3?", "tools": ["./adder.json"], "limits": {"steps": 1}}),
            json!({"id": "elsewhere", "task": "2 + 3?", "tools": ["./waits.json"]}),
            json!({"id": "none", "task": "2 + 3?", "tools": []}),
        ],
    );
    let engine = glm.script(&["add\n{\"a\": 2, \"b\": 3}", "\nThe sum is 5."]);
    let output = glm.run(&batch(&engine, &["--json"]));
    assert_eq!(output.code, Some(4), "{output:?}");
    let hint = "hint: `glm session resume SESSION` goes on with a task that waits, and \
                --retry-failed then takes its result\n";
    assert!(output.stderr.ends_with(hint), "{output:?}");
    insta::assert_json_snapshot!(stable(results(&glm)));
    let summary: Value = serde_json::from_str(&output.stdout).unwrap();
    let counts = ["tasks", "answered", "limited", "waiting", "failed", "left"].map(|k| &summary[k]);
    assert_eq!(counts, [4, 2, 1, 1, 0, 0]);
    let log = glm.run(&["session", "show", &session_of(&glm, "sum"), "--json"]);
    let message = &parse(&log.stdout)[1];
    assert_eq!(message["content"], "2 + 3?");
    assert_eq!(parse(&log.stdout)[0]["system"], "Be brief.");
    // The file with the batch's id is gone with the last task.
    assert!(!glm.folder().join("results.jsonl.batch").exists());
}

#[test]
fn answers_have_the_form_that_the_task_or_the_batch_asks_for() {
    let glm = Glm::new();
    let of = |name: &str, kind: &str| json!({"type": "object", "properties": {name: {"type": kind}}, "required": [name]});
    glm.file("usual.json", &of("n", "integer").to_string());
    tasks(
        &glm,
        &[
            json!({"id": "usual", "task": "How many?"}),
            json!({"id": "own", "task": "How many?", "schema": of("word", "string")}),
        ],
    );
    let engine = glm.script(&["\n{\"n\": 5}", "\n{\"word\": \"five\"}"]);
    let flags = [
        "--tools",
        "none",
        "--quiet",
        "--output-schema",
        "usual.json",
    ];
    let output = glm.run(&batch(&engine, &flags));
    assert_eq!(output.code, Some(0), "{output:?}");
    let answers = results(&glm).into_iter().map(|r| r["answer"].clone());
    let answers: Vec<Value> = answers
        .map(|answer| serde_json::from_str(answer.as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(answers, [json!({"n": 5}), json!({"word": "five"})]);
}

#[test]
fn results_name_the_pages_that_answers_cite() {
    let (glm, search) = with_documents();
    tasks(
        &glm,
        &[json!({"id": "a", "task": TASK, "tools": ["browser"]})],
    );
    let engine = glm.script(&SIMPLE);
    let flags = ["--tools", "none", "--search", &search, "--quiet"];
    let output = glm.run(&batch(&engine, &flags));
    assert_eq!(output.code, Some(0), "{output:?}");
    let result = results(&glm).remove(0);
    let sources = result["sources"].as_array().unwrap().iter();
    let sources: Vec<_> = sources
        .map(|source| ["number", "mark", "title"].map(|field| source[field].clone()))
        .collect();
    assert_eq!(
        sources,
        [
            [json!(1), json!("7"), json!("The lighthouse of Ardmoor")],
            [json!(2), json!("8"), json!("History of Ardmoor")],
        ]
    );
    let schema = glm_agent::tools::schema::Schema::compile(&TaskResult::schema()).unwrap();
    assert_eq!(schema.check(result.clone()), Ok(result));
}

#[test]
fn robots_txt_is_honoured_unless_the_user_decides_otherwise() {
    let glm = Glm::new();
    let site = serve(|path| match path {
        "/robots.txt" => {
            let rules = "User-agent: *\nDisallow: /\n";
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{rules}",
                rules.len()
            )
        }
        _ => html("<p>It is sunny.</p>"),
    })
    .to_string();
    let call = format!("web_fetch\n{}", json!({"url": format!("http://{site}/")}));
    let engine = glm.script(&[&call, "\nDone."]);
    for (id, robots, is_read) in [
        ("usual", &[][..], false),
        ("own", &["--robots=ignore"], true),
    ] {
        tasks(&glm, &[json!({"id": id, "task": "How is the weather?"})]);
        let flags = ["--tools", "web_fetch", "--allow-host", &site, "--quiet"];
        let output = glm.run(&batch(&engine, &[&flags, robots].concat()));
        assert_eq!(output.code, Some(0), "{output:?}");
        let log = glm.run(&["session", "show", &session_of(&glm, id), "--json"]);
        assert_eq!(log.stdout.contains("It is sunny."), is_read, "{log:?}");
    }
}

fn session_of(glm: &Glm, id: &str) -> String {
    let results = results(glm);
    let result = results.iter().find(|result| result["id"] == id).unwrap();
    result["session"].as_str().unwrap().to_owned()
}

#[test]
fn the_schemas_describe_the_lines() {
    let glm = Glm::new();
    let task = json!({"id": "a", "task": "{{x}}", "variables": {"x": [1]}, "files": ["x.csv"],
        "tools": ["python"], "system": "s", "schema": {"type": "object"},
        "limits": {"steps": 1, "tokens": 2, "tool_calls": 0, "seconds": 0.5}});
    tasks(&glm, &[json!({"id": "b", "task": "Hi"})]);
    let engine = glm.script(&["\nHello."]);
    glm.run(&batch(&engine, &["--tools", "none", "--quiet"]));
    let result = results(&glm).remove(0);
    for (name, schema, line) in [
        ("batch_task", Task::schema(), task),
        ("batch_result", TaskResult::schema(), result),
    ] {
        published(name, &schema);
        let schema = glm_agent::tools::schema::Schema::compile(&schema).unwrap();
        assert_eq!(schema.check(line.clone()), Ok(line));
    }
}

#[test]
fn files_are_named_from_where_the_tasks_lie() {
    let glm = Glm::new();
    fs::create_dir(glm.folder().join("in")).unwrap();
    glm.file("in/data.csv", "a,b\n1,2\n");
    let task = json!({"id": "a", "task": "What is in it?", "files": ["data.csv"]});
    glm.file("in/tasks.jsonl", &task.to_string());
    let engine = glm.script(&["\nTwo numbers."]);
    let output = glm.run(&[
        "batch",
        "in/tasks.jsonl",
        "--out",
        "results.jsonl",
        "--engine",
        &engine,
        "--tools",
        "python",
    ]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let copied = glm
        .run(&["session", "files", &session_of(&glm, "a")])
        .stdout;
    assert!(copied.starts_with("data.csv"), "{copied}");
}

#[test]
fn lines_that_are_no_tasks_are_told_before_anything_runs() {
    let glm = Glm::new();
    glm.file(
        "tasks.jsonl",
        "{\"id\": \"a\", \"task\": \"Hi\"}\n\n{\"id\": \"a\", \"task\": \"Ho\"}\n{\"id\": 1}\n",
    );
    let engine = glm.script(&["\nHello."]);
    assert_eq!(
        glm.run(&batch(&engine, &[])),
        Output {
            stdout: String::new(),
            stderr: "error: `tasks.jsonl` has lines that are no tasks, and nothing was run\n\
                     line 3: line 1 has the id `a` too\n\
                     line 4: invalid type: integer `1`, expected a string at column 8\n"
                .into(),
            code: Some(2),
        }
    );
    assert!(!glm.folder().join("results.jsonl").exists());
    glm.file(
        "tasks.jsonl",
        "{\"id\": \"a\", \"task\": \"Hi\", \"tools\": [\"pyton\"]}",
    );
    let output = glm.run(&batch(&engine, &[]));
    assert_eq!(output.code, Some(2));
    assert!(
        output
            .stderr
            .starts_with("error: task `a`: there is no tool `pyton`\n"),
        "{output:?}"
    );
    let output = glm.run(&["batch", "nowhere.jsonl", "--out", "results.jsonl"]);
    assert_eq!(
        (output.stderr.as_str(), output.code),
        (
            "error: cannot read the tasks from `nowhere.jsonl`: No such file or directory (os error 2)\n",
            Some(2)
        )
    );
}

#[test]
fn tasks_come_from_stdin_and_what_has_a_result_is_not_done_again() {
    let glm = Glm::new();
    let engine = glm.script(&["\nHello."]);
    let flags = [
        "batch",
        "-",
        "--out",
        "results.jsonl",
        "--engine",
        &engine,
        "--tools",
        "none",
    ];
    let give = |lines: &str| Output::of_reader(&mut glm.command(&flags), lines);
    let first = give("{\"id\": \"a\", \"task\": \"Hi\"}\n");
    assert!(
        first.stderr.starts_with("1 task: 1 answered\n1 task in "),
        "{first:?}"
    );
    let both = "{\"id\": \"a\", \"task\": \"Ho\"}\n{\"id\": \"b\", \"task\": \"Hi\"}\n";
    let second = give(both);
    assert!(
        second.stderr.starts_with(
            "warning: tasks that read otherwise now keep the results from before: 1\n\
             hint: name another file with --out\n\
             2 tasks: 2 answered; 1 of them done before\n"
        ),
        "{second:?}"
    );
    let third = give(both);
    assert!(
        third
            .stderr
            .ends_with("2 tasks: 2 answered; 2 of them done before\n"),
        "{third:?}"
    );
    let ids: Vec<Value> = results(&glm).into_iter().map(|r| r["id"].clone()).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn failures_are_told_counted_and_done_again_on_request() {
    let glm = Glm::new();
    tasks(&glm, &numbered(5));
    let broken = glm.script(&["\n"]);
    let output = glm.run(&batch(&broken, &["--tools", "none", "--max-failures", "2"]));
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.starts_with(
            "✗ task-0: the model ended its reply without an answer or a call\n\
             ✗ task-1: the model ended its reply without an answer or a call\n\
             5 tasks: 2 failed, 3 left to do\n"
        ),
        "{output:?}"
    );
    assert!(
        output.stderr.ends_with(
            "note: given up after too many failures\nhint: --max-failures N\n\
             hint: the same command goes on with what is left\n"
        ),
        "{output:?}"
    );
    let working = glm.script(&["\nDone."]);
    let output = glm.run(&batch(
        &working,
        &["--tools", "none", "--retry-failed", "-j", "3"],
    ));
    assert_eq!(output.code, Some(0), "{output:?}");
    let results = results(&glm);
    assert_eq!(results.len(), 5);
    for result in results {
        let again = matches!(result["id"].as_str().unwrap(), "task-0" | "task-1");
        assert_eq!(result["answer"], "Done.");
        assert_eq!(result["attempts"], if again { 2 } else { 1 });
    }
}

#[test]
fn a_session_that_is_not_kept_is_not_named() {
    let glm = Glm::new();
    tasks(&glm, &numbered(1));
    let engine = glm.script(&["\nHello."]);
    let output = glm.run(&batch(
        &engine,
        &["--tools", "none", "--ephemeral", "--quiet"],
    ));
    assert_eq!((output.stderr.as_str(), output.code), ("", Some(0)));
    assert_eq!(results(&glm).remove(0)["session"], Value::Null);
    assert!(sessions_with(&glm.folder().join("data"), "run_ended").is_empty());
}

/// Starts a batch of tasks that take a moment, and waits until a result is there.
fn started(glm: &Glm, engine: &str, flags: &[&str]) -> Child {
    let before = fs::read_to_string(glm.folder().join("results.jsonl")).unwrap_or_default();
    let mut child = glm
        .command(&batch(engine, flags))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while fs::read_to_string(glm.folder().join("results.jsonl")).unwrap_or_default() == before {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_second_process_on_the_same_results_is_told() {
    let glm = Glm::new();
    glm.file("moment.toml", MOMENT);
    tasks(&glm, &numbered(1000));
    let engine = glm.script(&["moment\n{}", "\nDone."]);
    let mut child = started(&glm, &engine, &["--tools", "./moment.toml"]);
    let output = glm.run(&batch(&engine, &["--tools", "./moment.toml"]));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        (output.stderr.as_str(), output.code),
        (
            "error: another process writes its results to `results.jsonl`\n",
            Some(1)
        )
    );
}

#[test]
fn ctrl_c_finishes_what_runs_and_the_rest_is_done_later() {
    let glm = Glm::new();
    glm.file("moment.toml", MOMENT);
    tasks(&glm, &numbered(200));
    let engine = glm.script(&["moment\n{}", "\nDone."]);
    let flags = ["--tools", "./moment.toml", "-j", "4"];
    let mut child = started(&glm, &engine, &flags);
    signal(&child, "INT");
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let lines: Vec<String> = stderr.lines().map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(
        lines[0],
        "finishing the tasks that run; Ctrl-C again ends at once"
    );
    // What was begun has a result.
    let data = glm.folder().join("data");
    let begun = sessions_with(&data, "user_message").len();
    assert_eq!(results(&glm).len(), begun);
    assert!(begun < 200);
    assert_eq!(glm.run(&batch(&engine, &flags)).code, Some(0));
    assert_eq!(results(&glm).len(), 200);
    assert_eq!(sessions_with(&data, "user_message").len(), 200);
}

pub fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn killed_three_times_a_batch_still_has_one_result_a_task() {
    let glm = Glm::new();
    glm.file("moment.toml", MOMENT);
    tasks(&glm, &numbered(200));
    let engine = glm.script(&["moment\n{}", "\nDone."]);
    let flags = ["--tools", "./moment.toml", "-j", "4", "--quiet"];
    for pause in [13, 101, 57] {
        let mut child = started(&glm, &engine, &flags);
        // Anywhere in the middle of things.
        thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(results_so_far(&glm) < 200, "it was too quick to be killed");
    }
    let output = glm.run(&batch(&engine, &flags));
    assert_eq!(output.code, Some(0), "{output:?}");
    let results = results(&glm);
    let ids: HashSet<&str> = results.iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!((results.len(), ids.len()), (200, 200));
    for result in &results {
        assert_eq!(result["answer"], "Done.");
    }
    // Each task was done to the end once: in the session that its result names.
    let mut ended = sessions_with(&glm.folder().join("data"), "run_ended");
    let mut named: Vec<String> = results
        .iter()
        .map(|result| result["session"].as_str().unwrap().to_owned())
        .collect();
    ended.sort();
    named.sort();
    assert_eq!(ended, named);
}

fn results_so_far(glm: &Glm) -> usize {
    let text = fs::read_to_string(glm.folder().join("results.jsonl")).unwrap();
    text.lines().count()
}

/// Resident memory of a process, in kilobytes.
#[cfg(target_os = "linux")]
fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A thousand tasks in one process take no more memory than a few.
#[test]
#[cfg(target_os = "linux")]
fn memory_stays_flat_over_a_thousand_tasks() {
    let glm = Glm::new();
    tasks(&glm, &numbered(1000));
    // So that a conversation that is kept weighs something: 100 MB all together.
    let reply = "I do not know. ".repeat(7_000);
    let engine = glm.script(&[&format!("\n{reply}")]);
    let mut child = glm
        .command(&batch(&engine, &["--tools", "none", "--quiet", "-j", "4"]))
        .spawn()
        .unwrap();
    let mut samples = Vec::new();
    while child.try_wait().unwrap().is_none() {
        let done = fs::read_to_string(glm.folder().join("results.jsonl")).unwrap_or_default();
        if let Some(memory) = resident(child.id()) {
            samples.push((done.lines().count(), memory));
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let most = |from: usize, to: usize| {
        let these = samples.iter().filter(|(done, _)| (from..to).contains(done));
        these.map(|(_, memory)| *memory).max().unwrap()
    };
    let (early, late) = (most(100, 300), most(800, 1001));
    assert!(late < early + 16 * 1024, "{early} kB grew to {late} kB");
}
