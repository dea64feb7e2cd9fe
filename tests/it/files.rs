//! Files that go into a session and come out of it.

use std::fs;

use serde_json::json;

use crate::glm::{Glm, Output, of_type};

fn python(code: &str) -> String {
    format!("python\n{code}")
}

/// A session `s` with one file of the user's and two that a cell made.
fn session() -> Glm {
    let glm = Glm::new();
    glm.file("sales.csv", "1,2\n3,4\n");
    let cell = "import os\nos.mkdir('out')\n\
                open('out/sum.json', 'w').write('10')\nopen('note.txt', 'w').write('ok')";
    let engine = glm.script(&[&python(cell), "\nDone."]);
    let output = glm.run(&[
        "run",
        "Add up",
        "--engine",
        &engine,
        "--session",
        "s",
        "--file",
        "sales.csv",
        "--quiet",
    ]);
    assert_eq!(output.stdout, "Done.\n", "{output:?}");
    glm
}

fn success(stdout: &str) -> Output {
    Output {
        stdout: stdout.into(),
        stderr: String::new(),
        code: Some(0),
    }
}

fn usage(stderr: &str) -> Output {
    Output {
        stdout: String::new(),
        stderr: stderr.into(),
        code: Some(2),
    }
}

#[test]
fn files_are_there_and_the_model_is_told() {
    let glm = Glm::new();
    glm.file("sales.csv", "1,2\n3,4\n");
    fs::create_dir_all(glm.folder().join("more/deep")).unwrap();
    glm.file("more/deep/a.txt", "a");
    let cell = python("print(open('sales.csv').read(), open('more/deep/a.txt').read())");
    let engine = glm.script(&[&cell, "\nDone."]);
    for kept in [&["--session", "s"][..], &["--ephemeral"]] {
        let mut args = vec!["run", "Read", "--json", "--engine", &engine];
        args.extend(["--file", "sales.csv", "--file", "./more"]);
        args.extend(kept);
        let events = glm.events(&args);
        assert_eq!(
            of_type(&events, "user_message")[0]["content"],
            "Files in /mnt/data: sales.csv (8 B), more/ (1 file, 1 B)\n\nRead"
        );
        let result = of_type(&events, "tool_result")[0];
        assert_eq!(result["text"], "1,2\n3,4\n a");
    }
}

#[test]
fn the_files_of_a_session_are_listed_and_copied_out() {
    let glm = session();
    let listed = glm.run(&["session", "files", "s", "--json"]);
    let mut files: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
    for file in &mut files {
        let time = file.as_object_mut().unwrap().shift_remove("modified");
        assert!(time.unwrap().as_str().unwrap().ends_with('Z'));
    }
    let file = |name: &str, media_type: &str, size: u64| json!({"name": name, "media_type": media_type, "size": size});
    assert_eq!(
        files,
        [
            file("note.txt", "text/plain", 2),
            file("out/sum.json", "application/json", 2),
            file("sales.csv", "text/csv", 8),
        ]
    );
    let table = glm
        .run(&["session", "files", "s", "out", "sales.csv"])
        .stdout;
    let columns: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().take(4).collect())
        .collect();
    assert_eq!(
        columns,
        [
            ["out/sum.json", "application/json", "2", "B"],
            ["sales.csv", "text/csv", "8", "B"],
        ]
    );

    let copied = glm.run(&[
        "session", "files", "s", "out/", "note.txt", "--to", "results",
    ]);
    assert_eq!(copied, success("results/note.txt\nresults/out/sum.json\n"));
    let sum = glm.folder().join("results/out/sum.json");
    assert_eq!(fs::read_to_string(&sum).unwrap(), "10");
    fs::write(&sum, "mine").unwrap();
    let again = ["session", "files", "s", "out", "--to", "results"];
    assert_eq!(
        glm.run(&again),
        usage("error: `results/out/sum.json` exists\nhint: `--force` replaces it\n")
    );
    assert_eq!(fs::read_to_string(&sum).unwrap(), "mine");
    assert_eq!(
        glm.run(&[&again[..], &["--force"]].concat()),
        success("results/out/sum.json\n")
    );
    assert_eq!(fs::read_to_string(&sum).unwrap(), "10");
}

#[test]
fn what_is_not_there_is_said() {
    let glm = session();
    assert_eq!(
        glm.run(&["session", "files", "s", "sum.json"]),
        usage(
            "error: session `s` has no file `sum.json`\nhint: `glm session files s` lists them\n"
        )
    );
    assert_eq!(
        glm.run(&["session", "files", "nobody"]),
        usage("error: there is no session `nobody`\nhint: `glm session list` shows them\n")
    );
    assert_eq!(
        glm.run(&["session", "files", "s", "../events.jsonl", "--to", "."]),
        usage(
            "error: session `s` has no file `../events.jsonl`\nhint: `glm session files s` lists \
             them\n"
        )
    );
}

#[test]
fn files_that_cannot_be_taken_along_are_refused_before_the_model_is_asked() {
    let glm = session();
    glm.file("sales.csv", "other");
    let engine = glm.script(&["\nNever asked."]);
    let run = |more: &[&str]| {
        let mut args = vec!["run", "Hi", "--engine", &engine, "--session", "s"];
        args.extend(more);
        glm.run(&args)
    };
    assert_eq!(
        run(&["--file", "sales.csv"]),
        usage(
            "error: another file of the session is or would be `sales.csv`\nhint: rename yours, \
             or start another session\n"
        )
    );
    let missing = run(&["--file", "missing.csv"]);
    assert_eq!(missing.code, Some(2));
    assert!(
        missing
            .stderr
            .starts_with("error: cannot read `missing.csv`: "),
        "{missing:?}"
    );
    assert_eq!(
        run(&["--file", "sales.csv", "--tools", "web_fetch"]),
        usage(
            "error: the files of `--file` are for the tool `python`, which is not on offer\nhint: \
             --tools python\n"
        )
    );
    let shown = glm.run(&["session", "show", "s"]).stdout;
    assert!(!shown.contains("Hi"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_link_in_a_folder_is_not_followed() {
    let glm = Glm::new();
    fs::create_dir(glm.folder().join("d")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", glm.folder().join("d/link")).unwrap();
    let output = glm.run(&[
        "run",
        "Hi",
        "--engine",
        &glm.script(&["\nNo."]),
        "--file",
        "d",
    ]);
    let folder = glm.folder().canonicalize().unwrap().display().to_string();
    assert_eq!(
        (output.code, output.stderr.replace(&folder, "DIR").as_str()),
        (
            Some(2),
            "error: cannot copy `DIR/d/link` into the session's folder: it is a link; name what \
             it leads to instead\n"
        )
    );
}
