//! The sandbox as a user reaches it.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use crate::glm::{Glm, Output, of_type};

fn python(code: &str, more: &[&str]) -> Output {
    let mut args = vec!["tools", "call", "python", code];
    args.extend(more);
    let mut output = Glm::new().run(&args);
    // The first call on a machine builds the guest and says so.
    output.stderr.clear();
    output
}

#[test]
fn code_prints() {
    assert_eq!(
        python("print(6*7)", &[]),
        Output {
            stdout: "42\n".into(),
            stderr: String::new(),
            code: Some(0)
        }
    );
}

#[test]
fn an_endless_loop_ends_at_its_limit() {
    let output = python("while True: pass", &["--timeout", "1"]);
    assert_eq!(output.code, Some(1));
    insta::assert_snapshot!(output.stdout);
}

#[test]
fn nothing_of_the_host_is_there() {
    let code = "\
import os, socket
def attempt(f):
    try: return f()
    except BaseException as e: return type(e).__name__
print(attempt(lambda: open('/etc/passwd').read()))
print(attempt(lambda: socket.create_connection(('127.0.0.1', 80), 1)))
print(attempt(lambda: socket.getaddrinfo('localhost', 80)))
print(attempt(lambda: os.listdir('/home')))
print(sorted(os.environ))
print(attempt(lambda: os.system('true')))
print(attempt(lambda: os.fork()))
";
    let output = python(code, &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    insta::assert_snapshot!(output.stdout);
}

#[test]
fn the_promised_modules_are_ready() {
    let code = "\
import math, json, re, datetime, statistics, sympy
x = sympy.symbols('x')
print(math.isqrt(17), json.dumps([1]), re.sub('a', 'b', 'aa'), datetime.date(2024, 2, 29))
print(statistics.mean([1, 2, 6]), sympy.integrate(2 * x, x))
";
    assert_eq!(python(code, &[]).stdout, "4 [1] bb 2024-02-29\n3 x**2\n");
}

#[test]
fn an_exception_is_shown_with_its_line_and_fails_the_call() {
    let output = python("x = 1\nx / 0", &[]);
    assert_eq!(output.code, Some(1));
    insta::assert_snapshot!(output.stdout);
}

#[test]
fn output_is_shown_while_the_cell_runs() {
    let glm = Glm::new();
    let cell = "import os, time\nprint('one')\nwhile not os.path.exists('seen'): time.sleep(0.01)\nprint('two')\n6 * 7";
    let engine = glm.script(&[&format!("python\n{cell}"), "\nDone."]);
    let mut child = glm
        .command(&["run", "Count", "--engine", &engine, "--session", "s"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("    one\n") {
        assert_ne!(stderr.read_line(&mut shown).unwrap(), 0, "{shown}");
    }
    fs::write(glm.folder().join("data/sessions/s/files/seen"), "").unwrap();
    stderr.read_to_string(&mut shown).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(
        shown.ends_with(
            "  │ 6 * 7\n    one\n    two\n  ✓ 42\n    seen  application/octet-stream  0 B\n"
        ),
        "{shown}"
    );
}

#[test]
fn a_session_that_goes_on_in_another_process_has_its_variables_and_files() {
    let glm = Glm::new();
    let cells = [
        "import random, time\nx = random.random()\nt = time.time()\nprint(x, t)",
        "with open('log.txt', 'a') as log: log.write('once\\n')\nx / 0",
        "print(x, t)\nprint(open('log.txt').read(), end='')",
    ];
    let replies: Vec<String> = cells
        .iter()
        .flat_map(|cell| [format!("python\n{cell}"), "\nDone.".into()])
        .collect();
    let replies: Vec<&str> = replies.iter().map(String::as_str).collect();
    let engine = glm.script(&replies);
    let mut texts = Vec::new();
    for _ in cells {
        let events = glm.events(&[
            "run",
            "Go on",
            "--json",
            "--engine",
            &engine,
            "--session",
            "s",
        ]);
        let result = of_type(&events, "tool_result")[0];
        texts.push(result["text"].as_str().unwrap().to_owned());
    }
    assert_eq!(texts[2], format!("{}\nonce", texts[0]));
}
