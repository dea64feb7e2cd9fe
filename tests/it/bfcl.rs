//! `glm eval bfcl`: the checker against the official one, whole runs over data of our own
//! and over the leaderboard's, with scripted replies.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use glm_agent::{
    eval::{Call, Category, Data, Entry, Expected, Fault, Shape, Source, checker, handler, judge},
    model::Profile,
};
use serde_json::{Value, json};

use crate::{
    cache::source,
    glm::{Glm, Output, parse},
    venv,
};

const ADD: &str = "add\n{\"a\": 2, \"b\": 3}<|observation|>";

fn tiny() -> String {
    source("data/bfcl/tiny").display().to_string()
}

/// A run over our own data, with these flags beside.
fn tiny_run<'a>(data: &'a str, engine: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    let own = [
        "eval",
        "bfcl",
        "--data",
        data,
        "--other-data",
        "--engine",
        engine,
    ];
    [&own, flags].concat()
}

/// Text without where the data is.
fn stable(text: &str) -> String {
    text.replace(&tiny(), "DATA")
}

fn results(glm: &Glm, folder: &str) -> Vec<Value> {
    let mut results =
        parse(&fs::read_to_string(glm.folder().join(folder).join("results.jsonl")).unwrap());
    for result in &mut results {
        assert!(result["seconds"].as_f64().unwrap() >= 0.0);
        result.as_object_mut().unwrap().shift_remove("seconds");
    }
    results
}

#[test]
fn a_run_is_told_as_a_table_a_page_and_results() {
    let (glm, data) = (Glm::new(), tiny());
    let engine = glm.script(&[ADD]);
    let output = glm.run(&tiny_run(&data, &engine, &[]));
    assert_eq!(output.code, Some(0), "{output:?}");
    insta::assert_snapshot!("bfcl_table", stable(&output.stdout));
    assert_eq!(
        output.stderr,
        "failures by kind: bfcl-scripted/report.html\n"
    );
    let folder = glm.folder().join("bfcl-scripted");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    insta::assert_snapshot!("bfcl_page", stable(&page).replace("><", ">\n<"));
    insta::assert_json_snapshot!("bfcl_results", results(&glm, "bfcl-scripted"));

    // The summary is what --json prints, and a finished run is only told again.
    let again = glm.run(&tiny_run(&data, &engine, &["--json", "--quiet"]));
    assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""));
    let summary = fs::read_to_string(folder.join("summary.json")).unwrap();
    assert_eq!(again.stdout, summary);
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["score"]["means"][0]["name"], "non-live AST");
    assert_eq!(summary.get("overall"), None);
}

#[test]
fn what_is_cut_off_goes_on_and_ends_as_it_would_have() {
    let (glm, data) = (Glm::new(), tiny());
    let engine = glm.script(&[ADD]);
    let whole = glm.run(&tiny_run(&data, &engine, &["--out", "whole"]));
    let cut = glm.run(&tiny_run(&data, &engine, &["--out", "cut"]));
    assert_eq!(cut.stdout, whole.stdout);
    let file = glm.folder().join("cut/results.jsonl");
    let bytes = fs::read(&file).unwrap();
    let kept = &bytes[..bytes.len() / 2];
    fs::write(&file, kept).unwrap();
    let output = glm.run(&tiny_run(&data, &engine, &["--out", "cut"]));
    assert_eq!((output.code, &output.stdout), (Some(0), &whole.stdout));
    // What was whole stays as it was, to the time that it took.
    let end = kept.iter().rposition(|byte| *byte == b'\n').unwrap();
    let after = fs::read(&file).unwrap();
    assert_eq!(&after[..end], &kept[..end]);
    assert_eq!(results(&glm, "cut"), results(&glm, "whole"));
}

#[cfg(unix)]
#[test]
fn a_killed_run_goes_on_and_one_that_is_stopped_says_so() {
    let glm = Glm::new();
    // Some entries begin with replies.
    let (engine, data) = (glm.script(&[ADD; 10]), venv::bfcl());
    let (engine, data) = (engine.as_str(), data.to_str().unwrap());
    let args = [
        "eval", "bfcl", "--data", data, "--engine", engine, "--out", "out",
    ];
    let file = glm.folder().join("out/results.jsonl");
    let until = |lines: usize| {
        while fs::read_to_string(&file)
            .unwrap_or_default()
            .lines()
            .count()
            < lines
        {
            thread::sleep(Duration::from_millis(1));
        }
    };
    let mut run = glm.command(&args).stdout(Stdio::null()).spawn().unwrap();
    until(20);
    run.kill().unwrap();
    run.wait().unwrap();
    let before = fs::read_to_string(&file).unwrap().lines().count();

    let run = glm
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until(before + 20);
    let pid = run.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = Output::of(run.wait_with_output().unwrap());
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(
        output
            .stderr
            .contains("of 3641 entries done\nhint: the same command goes on")
    );

    let output = glm.run(&args);
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut ids: Vec<String> = results(&glm, "out")
        .iter()
        .map(|result| result["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3641);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3641);
}

#[test]
fn a_limit_takes_the_same_entries_each_time_and_more_of_them_with_more() {
    let glm = Glm::new();
    let (engine, data) = (glm.script(&[ADD]), venv::bfcl());
    let run = |limit: &str, seed: &str, out: &str| -> Vec<String> {
        let output = glm.run(&[
            "eval",
            "bfcl",
            "--data",
            data.to_str().unwrap(),
            "--engine",
            &engine,
            "--limit",
            limit,
            "--seed",
            seed,
            "--out",
            out,
            "--categories",
            "multiple,live_parallel",
            "-j",
            "4",
        ]);
        assert_eq!(output.code, Some(0), "{output:?}");
        let mut ids: Vec<String> = results(&glm, out)
            .iter()
            .map(|result| result["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let few = run("9", "1", "a");
    let of = |ids: &[String], name: &str| ids.iter().filter(|id| id.starts_with(name)).count();
    assert_eq!((of(&few, "multiple"), of(&few, "live_parallel")), (5, 4));
    assert_eq!(run("9", "1", "b"), few);
    assert_ne!(run("9", "2", "c"), few);
    let more = run("50", "1", "a");
    // The smaller category has 16 in all.
    assert_eq!(
        (of(&more, "multiple"), of(&more, "live_parallel")),
        (34, 16)
    );
    assert!(few.iter().all(|id| more.contains(id)));
}

#[test]
fn what_cannot_be_is_told() {
    let (glm, data) = (Glm::new(), tiny());
    let engine = glm.script(&[ADD]);
    let told = |flags: &[&str]| {
        let output = glm.run(&[&["eval", "bfcl"], flags].concat());
        let text = format!("{:?}\n{}", output.code, stable(&output.stderr));
        text.replace(&glm.folder().display().to_string(), "HOME")
    };
    let empty = glm.folder().join("empty");
    fs::create_dir(&empty).unwrap();
    glm.file("replies.txt", "{\"id\": \"simple_python_9\"}\n");
    glm.file("broken.txt", "{\"id\": 1}\n");
    fs::copy(
        glm.folder().join("replies.jsonl"),
        glm.folder().join("others.jsonl"),
    )
    .unwrap();
    let elsewhere = engine.replace("replies.jsonl", "others.jsonl");
    let other = ["--data", &data, "--other-data", "--engine", &engine];
    let with = |more: &[&'static str]| [&other, more].concat();
    glm.run(&[&["eval", "bfcl"], with(&["--out", "out"]).as_slice()].concat());
    let cases = [
        told(&["--data", "empty", "--engine", &engine]),
        told(&["--data", &data, "--engine", &engine]),
        told(&["--categories", "simple"]),
        told(&["--categories", "memory_kv,multiple"]),
        told(&with(&["--out", "out", "--temperature", "1"])),
        told(&[&other[..4], &[elsewhere.as_str(), "--out", "out"]].concat()),
        told(&with(&["--no-constraint"])),
        told(&with(&["--score", "replies.txt"])),
        told(&with(&["--score", "broken.txt"])),
        told(&with(&["--no-thinking"])),
        told(&["--approve", "never"]),
    ];
    insta::assert_snapshot!("bfcl_errors", cases.join("\n"));
}

#[test]
fn replies_of_others_are_judged() {
    let (glm, data) = (Glm::new(), tiny());
    let replies = [
        json!({"id": "simple_python_0", "calls": [{"name": "add", "arguments": {"a": 2, "b": 3}}]}),
        json!({"id": "simple_python_1", "calls": []}),
        json!({"id": "irrelevance_0", "raw": "Lima.", "calls": []}),
        json!({"id": "live_simple_0-0-0", "raw": ADD}),
        // A line of results: nothing was said, which is not to say the right thing.
        json!({"id": "irrelevance_1", "calls": [],
            "error": {"kind": "reply:engine_failed", "message": "it is gone"}}),
    ];
    let lines: String = replies.iter().map(|line| format!("{line}\n")).collect();
    glm.file("others.jsonl", &lines);
    let score = |flags: &[&str]| {
        let own = [
            "eval",
            "bfcl",
            "--data",
            &data,
            "--other-data",
            "--score",
            "others.jsonl",
        ];
        let output = glm.run(&[&own, flags].concat());
        assert_eq!(output.code, Some(0), "{output:?}");
        stable(&output.stdout)
    };
    let verdicts = |folder: &str| -> Vec<(String, bool)> {
        let results = results(&glm, folder);
        let verdict = |result: &Value| {
            let id = result["id"].as_str().unwrap().to_owned();
            (id, result["valid"].as_bool().unwrap())
        };
        results.iter().map(verdict).collect()
    };
    let named = |verdicts: [bool; 5]| -> Vec<(String, bool)> {
        let ids = replies
            .iter()
            .map(|reply| reply["id"].as_str().unwrap().to_owned());
        ids.zip(verdicts).collect()
    };
    insta::assert_snapshot!("bfcl_score", score(&[]));
    assert_eq!(
        verdicts("bfcl-others"),
        named([true, false, true, false, false])
    );
    // Read here, a reply without a text has no call.
    score(&["--profile", "glm4", "--out", "read"]);
    assert_eq!(verdicts("read"), named([false, false, true, true, false]));
}

#[test]
fn what_a_model_would_be_asked_can_be_had() {
    let (glm, data) = (Glm::new(), tiny());
    let flags = ["--prompts", "prompts.jsonl", "--categories", "live_simple"];
    let output = glm.run(&tiny_run(&data, "local", &flags));
    assert_eq!(output.code, Some(0), "{output:?}");
    let prompts = fs::read_to_string(glm.folder().join("prompts.jsonl")).unwrap();
    insta::assert_json_snapshot!("bfcl_prompts", parse(&prompts));
}

/// What `pairs.py` prints.
fn pairs(seed: &str, count: &str) -> Vec<Value> {
    let output = Command::new(venv::bfcl().join("bin/python"))
        .arg(source("data/bfcl/pairs.py"))
        .args([seed, count])
        .output()
        .unwrap();
    let output = Output::of(output);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    parse(&output.stdout)
}

fn official_entries() -> Vec<Entry> {
    let source = Source::named(&venv::bfcl()).unwrap();
    let data = Data::load(&source, &Category::ALL).unwrap();
    assert!(data.is_known);
    data.entries
}

/// The verdict as the official package words it.
fn worded(checked: Result<(), Fault>) -> (bool, Option<String>) {
    let kind = checked.err().map(|fault| match fault.kind.as_str() {
        Fault::UNDEFINED => "exception".to_owned(),
        _ => fault.kind,
    });
    (kind.is_none(), kind)
}

#[test]
fn verdicts_are_the_official_ones() {
    let entries = official_entries();
    let profile = Profile::by_name("glm4").unwrap();
    let (mut checked, mut told, mut right) = (0, 0, 0);
    for pair in pairs("1", "500") {
        let entry = entries
            .iter()
            .find(|entry| pair["id"] == *entry.id)
            .unwrap();
        if pair["sort"] == "tools" {
            assert_eq!(json!(entry.tools()), pair["tools"], "{}", entry.id);
            // Keys in the same order, too: a prompt shows them.
            let tools = serde_json::to_string(&entry.tools()).unwrap();
            assert_eq!(tools, pair["tools"].to_string());
            told += 1;
            continue;
        }
        let (calls, unread): (Vec<Call>, _) = if pair["sort"] == "raw" {
            match handler::call(pair["raw"].as_str().unwrap(), profile) {
                Ok(call) => (vec![call], None),
                Err(fault) => (Vec::new(), Some(fault)),
            }
        } else {
            (serde_json::from_value(pair["calls"].clone()).unwrap(), None)
        };
        let ours = match (&entry.expected, unread) {
            (Expected::Calls(_), Some(fault)) => Err(fault),
            (Expected::Calls(answers), None) => {
                checker::check(entry.category, &entry.functions, &calls, answers)
            }
            (_, unread) => judge(entry, &calls, || {
                unread.unwrap_or_else(|| Fault {
                    kind: String::new(),
                    message: String::new(),
                })
            }),
        };
        let kind = pair["error"].as_str().map(str::to_owned);
        let official = (pair["valid"].as_bool().unwrap(), kind);
        assert_eq!(worded(ours), official, "{pair}");
        checked += 1;
        right += usize::from(official.0);
    }
    assert_eq!((checked, told), (500 * 13, entries.len()));
    assert!(
        right > 1000 && right < checked - 1000,
        "{right} of {checked}"
    );
}

/// A run over one conversation of the leaderboard, with these replies.
fn converse(category: Category, replies: &[String]) -> (Entry, Value) {
    let glm = Glm::new();
    let entry = conversation(category);
    let replies: Vec<&str> = replies.iter().map(String::as_str).collect();
    let engine = glm.script(&replies);
    let output = glm.run(&[
        "eval",
        "bfcl",
        "--data",
        venv::bfcl().to_str().unwrap(),
        "--engine",
        &engine,
        "--limit",
        "1",
        "--categories",
        category.name(),
        "--out",
        "out",
    ]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let result = results(&glm, "out").remove(0);
    assert_eq!(result["id"], *entry.id);
    // Judged again from its own results, it is the same.
    let output = glm.run(&[
        "eval",
        "bfcl",
        "--data",
        venv::bfcl().to_str().unwrap(),
        "--score",
        "out/results.jsonl",
        "--out",
        "again",
    ]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(results(&glm, "again"), std::slice::from_ref(&result));
    (entry, result)
}

/// The conversation that `--limit 1` takes.
fn conversation(category: Category) -> Entry {
    let source = Source::named(&venv::bfcl()).unwrap();
    let mut data = Data::load(&source, &[category]).unwrap();
    data.limit(1, 0);
    data.entries.remove(0)
}

/// The right calls of a conversation, as replies.
fn right_replies(entry: &Entry) -> Vec<String> {
    let Expected::State(whole) = &entry.expected else {
        panic!("{} has one turn", entry.id)
    };
    let later = entry.later.iter().flat_map(|(_, functions)| functions);
    let functions: Vec<&Value> = entry.functions.iter().chain(later).collect();
    let question = json!({"functions": functions, "ground_truth": whole["ground_truth"]});
    let mut python = Command::new(venv::bfcl().join("bin/python"))
        .arg(source("data/bfcl/replies.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python
        .stdin
        .take()
        .unwrap()
        .write_all(question.to_string().as_bytes())
        .unwrap();
    let output = python.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn conversations_are_held_with_the_official_tools() {
    let categories = Category::ALL
        .into_iter()
        .filter(|c| c.shape() == Shape::MultiTurn);
    for category in categories {
        let replies = right_replies(&conversation(category));
        let (entry, result) = converse(category, &replies);
        assert_eq!(result["valid"], true, "{result}");
        let turns = result["turns"].as_array().unwrap();
        assert_eq!(turns.len(), entry.turns.len());
        let steps = turns.iter().flat_map(|steps| steps.as_array().unwrap());
        let called = steps.filter(|step| step["calls"] != json!([]));
        for step in called {
            let count = |key: &str| step[key].as_array().unwrap().len();
            assert_eq!(count("calls"), count("results"));
        }
    }
}

#[test]
fn conversations_that_go_wrong_are_judged_by_the_official_checker() {
    let category = Category::MultiTurnBase;
    let words = vec!["\nI cannot.<|user|>".to_owned(); 20];
    let (_, result) = converse(category, &words);
    assert_eq!(
        result["error"]["kind"],
        "multi_turn:empty_turn_model_response"
    );

    // One call too few.
    let mut replies = right_replies(&conversation(category));
    let called = |reply: &String| reply.ends_with("<|observation|>");
    let last = replies.iter().rposition(called).unwrap();
    replies.remove(last);
    let (_, result) = converse(category, &replies);
    assert_eq!(result["valid"], false, "{result}");

    // One that never ends.
    let first = replies.iter().find(|reply| called(reply)).unwrap();
    let endless = vec![first.clone(); 30];
    let (_, result) = converse(category, &endless);
    assert_eq!(result["error"]["kind"], "multi_turn:force_terminated");
    assert_eq!(result["turns"][0].as_array().unwrap().len(), 21);
}

#[test]
fn conversations_need_the_official_tools() {
    let glm = Glm::new();
    let engine = glm.script(&["\nNo.<|user|>"]);
    // The data without the code, and a Python without either.
    let source = Source::named(&venv::bfcl()).unwrap();
    let data = glm.folder().join("data-only");
    for folder in ["possible_answer", "multi_turn_func_doc"] {
        fs::create_dir_all(data.join(folder)).unwrap();
    }
    for folder in ["", "possible_answer", "multi_turn_func_doc"] {
        for entry in fs::read_dir(source.folder().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let copy = data.join(folder).join(path.file_name().unwrap());
                fs::copy(path, copy).unwrap();
            }
        }
    }
    let output = glm
        .command(&["eval", "bfcl", "--data", "data-only", "--engine", &engine])
        .args(["--categories", "multi_turn_base", "--limit", "1"])
        .env("GLM_PYTHON", venv::python())
        .output()
        .unwrap();
    let output = Output::of(output);
    assert_eq!(output.code, Some(1), "{output:?}");
    let said = "the official tools fail: No module named 'bfcl_eval'\n\
        hint: `pip install --no-deps bfcl-eval==2026.3.23 mpmath==1.3.0`";
    assert!(output.stderr.contains(said), "{}", output.stderr);
}

/// The default model, over data of our own.
#[cfg(feature = "local")]
#[test]
fn the_default_model_is_measured_with_the_constraint_and_without() {
    let (glm, data) = (Glm::new(), tiny());
    let run = |flags: &[&str]| {
        let output = glm.run(&tiny_run(&data, "local", flags));
        assert_eq!(output.code, Some(0), "{output:?}");
    };
    run(&["--out", "on"]);
    run(&["--out", "off", "--no-constraint"]);
    for (folder, constraint) in [("on", true), ("off", false)] {
        let info = fs::read_to_string(glm.folder().join(folder).join("run.json")).unwrap();
        let info: Value = serde_json::from_str(&info).unwrap();
        assert_eq!(info["constraint"], constraint);
        let results = results(&glm, folder);
        assert_eq!(results.len(), 16);
        for result in &results {
            assert_ne!(result["raw"], "", "{result}");
            let kind = result["error"]["kind"].as_str();
            assert!(kind != Some(Fault::ENGINE), "{result}");
            // What is held to the schemas can be read.
            assert!(
                !constraint || kind != Some("ast_decoder:decoder_failed"),
                "{result}"
            );
        }
    }
}

/// Without data, it is fetched into the cache, once.
#[test]
fn data_is_fetched_where_there_is_none() {
    let glm = Glm::new();
    let cache = glm.folder().join("cache");
    let prompts = |out: &Path| {
        let output = glm
            .command(&[
                "eval",
                "bfcl",
                "--categories",
                "live_relevance",
                "--prompts",
            ])
            .arg(out)
            .env("GLM_CACHE_DIR", &cache)
            // One without the package.
            .env("GLM_PYTHON", venv::python())
            .output()
            .unwrap();
        Output::of(output)
    };
    let out: PathBuf = glm.folder().join("prompts.jsonl");
    let first = prompts(&out);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 16);
    let said = "fetching the leaderboard's data (bfcl-eval 2026.3.23, 2 MB)\n";
    assert_eq!(first.stderr, said);
    assert_eq!(prompts(&out).stderr, "");
}
