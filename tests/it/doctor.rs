//! `glm doctor`: what is wrong, in a line each.

use serde_json::{Value, json};

use crate::glm::{Glm, Output};

/// Without what differs from machine to machine.
fn stable(text: &str, glm: &Glm) -> String {
    let text = text.replace(&glm.folder().display().to_string(), "DIR");
    let lines = text.lines().map(|line| match line.rsplit_once(", ") {
        Some((start, end)) if end.ends_with(" free") => format!("{start}, ROOM free"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_broken_is_a_problem_with_a_hint() {
    let glm = Glm::new();
    glm.file("data", "in the way");
    let output = glm
        .command(&["doctor"])
        .env("GLM_CACHE_DIR", glm.folder().join("cache"))
        .env("GLM_PYTHON", glm.folder().join("python"))
        .env("GLM_CHROMIUM", glm.folder().join("chromium"))
        .output()
        .unwrap();
    let output = Output::of(output);
    assert_eq!((output.code, output.stderr.as_str()), (Some(1), ""));
    insta::assert_snapshot!(stable(&output.stdout, &glm));
}

#[test]
fn a_python_without_pip_is_told_from_none() {
    let glm = Glm::new();
    let output = glm
        .command(&["doctor", "--json"])
        .env("GLM_CACHE_DIR", glm.folder().join("cache"))
        .env("GLM_PYTHON", "false")
        .output()
        .unwrap();
    let report: Value = serde_json::from_str(&Output::of(output).stdout).unwrap();
    assert_eq!(report["ok"], json!(false));
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(
        checks
            .iter()
            .find(|check| check["name"] == "python and pip"),
        Some(&json!({
            "name": "python and pip",
            "status": "problem",
            "detail": "`false` has no pip",
            "hint": "install Python 3.9 or later with pip (Debian: `apt-get install python3 \
                     python3-pip`), or name it in GLM_PYTHON",
        }))
    );
}

#[test]
fn where_cells_run_the_sandbox_and_its_walls_are_tried() {
    let glm = Glm::new();
    let built = glm.run(&["tools", "call", "python", "6*7"]);
    assert_eq!(built.stdout, "42\n", "{built:?}");
    let output = glm.run(&["doctor", "--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let sandbox = checks.iter().find(|check| check["name"] == "sandbox");
    assert_eq!(
        sandbox,
        Some(&json!({"name": "sandbox", "status": "ok", "detail": "Python runs"}))
    );
    let is_wall = |check: &&Value| check["name"].as_str().unwrap().starts_with("wall: ");
    assert!(checks.iter().any(|check| is_wall(&check)), "{output:?}");
}
