//! Notebook semantics: what cells share, and what one cell gives back.

use crate::{Notebook, finished, open, sandbox, timeless};
use glm_agent_sandbox::{Cell, Limits, Outcome, Output, Stream};
use std::time::Duration;

#[tokio::test]
async fn cells_share_variables_and_show_their_last_expression() {
    let mut notebook = Notebook::new().await;
    assert_eq!(timeless(notebook.run("x = 41").await), finished("", None));
    assert_eq!(
        timeless(
            notebook
                .run("def f(n):\n    return n + 1\nprint('hi')\nf(x)")
                .await
        ),
        finished("hi\n", Some("42"))
    );
    assert_eq!(
        timeless(notebook.run("_ + 1").await),
        finished("", Some("43"))
    );
    assert_eq!(timeless(notebook.run("None").await), finished("", None));
    assert_eq!(timeless(notebook.run("").await), finished("", None));
}

#[tokio::test]
async fn both_streams_are_kept_in_order_and_print_is_complete() {
    let mut notebook = Notebook::new().await;
    let code = "import os, sys\nprint('a', end='')\nsys.stdout.write('é🎉\\ud800')\nprint('b', file=sys.stderr)\nos.write(1, b'c');";
    let cell = timeless(notebook.run(code).await);
    assert_eq!(
        cell,
        Cell {
            output: [
                (Stream::Stdout, "aé🎉\\ud800"),
                (Stream::Stderr, "b\n"),
                (Stream::Stdout, "c")
            ]
            .map(|(stream, text)| Output {
                stream,
                text: text.into()
            })
            .into(),
            ..finished("", Some("1"))
        }
    );
}

#[tokio::test]
async fn exceptions_show_the_source_and_keep_the_state() {
    let mut notebook = Notebook::new().await;
    notebook
        .run("x = 1\ndef divide(a):\n    return a / 0")
        .await;
    assert_eq!(
        timeless(notebook.run("print('before')\ndivide(x)").await),
        Cell {
            outcome: Outcome::Raised {
                kind: "ZeroDivisionError".into(),
                message: "division by zero".into(),
                traceback: "\
Traceback (most recent call last):
  File \"<cell 2>\", line 2, in <module>
    divide(x)
    ~~~~~~^^^
  File \"<cell 1>\", line 3, in divide
    return a / 0
           ~~^~~
ZeroDivisionError: division by zero
"
                .into(),
            },
            ..finished("before\n", None)
        }
    );
    assert_eq!(
        notebook.see("for").await,
        "  File \"<cell 3>\", line 1\n    for\n       ^\nSyntaxError: invalid syntax\n"
    );
    assert_eq!(notebook.see("x").await, "1");
}

#[tokio::test]
async fn exceptions_that_resist_being_shown() {
    let mut notebook = Notebook::new().await;
    let cell = notebook
        .run("class E(Exception):\n    def __str__(self): raise self\nraise E")
        .await;
    assert!(
        matches!(cell.outcome, Outcome::Raised { ref kind, .. } if kind == "E"),
        "{cell:?}"
    );
    let cell = notebook.run("raise Exception('\\ud800')").await;
    assert!(
        matches!(cell.outcome, Outcome::Raised { ref message, .. } if message == "\\ud800"),
        "{cell:?}"
    );
    let cell = notebook
        .run("class R:\n    def __repr__(self): raise ValueError('no repr')\nR()")
        .await;
    assert!(
        matches!(cell.outcome, Outcome::Raised { ref message, .. } if message == "no repr"),
        "{cell:?}"
    );
    notebook.assert_usable().await;
}

#[tokio::test]
async fn leaving_a_cell_is_not_leaving_the_session() {
    let mut notebook = Notebook::new().await;
    notebook.run("x = 1").await;
    assert_eq!(
        timeless(notebook.run("import sys\nsys.exit()").await),
        finished("", None)
    );
    assert_eq!(timeless(notebook.run("exit()").await), finished("", None));
    let cell = notebook.run("raise SystemExit('bad input')").await;
    assert_eq!(
        cell.observation(),
        "Traceback (most recent call last):\n  File \"<cell 4>\", line 1, in <module>\n    raise SystemExit('bad input')\nSystemExit: bad input\n"
    );
    assert_eq!(notebook.see("x").await, "1");
}

#[tokio::test]
async fn ending_the_interpreter_undoes_the_cell_only() {
    let mut notebook = Notebook::new().await;
    notebook.run("x = 1\nopen('kept', 'w').write('file')").await;
    assert_eq!(
        notebook
            .see("import os\nprint('last words')\nos._exit(3)")
            .await,
        "last words\nstopped: the code ended the interpreter\n\
         note: variables are as they were before this cell, files in /mnt/data are kept"
    );
    assert_eq!(
        notebook.see("print(x, open('kept').read())").await,
        "1 file\n"
    );
}

#[tokio::test]
async fn broken_streams_last_one_cell() {
    let mut notebook = Notebook::new().await;
    notebook
        .run("import sys\nsys.stdout.close()\nsys.stderr = None")
        .await;
    notebook.assert_usable().await;
}

#[tokio::test]
async fn sessions_do_not_see_each_other() {
    let mut one = Notebook::new().await;
    let mut two = Notebook::new().await;
    one.run("secret = 1\nimport builtins, json\nbuiltins.leak = json.leak = 2\nopen('file', 'w').close()").await;
    assert_eq!(
        two.see("import json, os\nprint('secret' in globals(), hasattr(json, 'leak'), os.listdir())\nleak").await,
        "False False []\nTraceback (most recent call last):\n  File \"<cell 1>\", line 3, in <module>\n    leak\nNameError: name 'leak' is not defined\n"
    );
}

#[tokio::test]
async fn randomness_differs_between_sessions() {
    let code = "import os, random, sympy.core.random as s\n(random.random(), s.rng.random(), os.urandom(8))";
    let one = Notebook::new().await.run(code).await.value.unwrap();
    let two = Notebook::new().await.run(code).await.value.unwrap();
    let parts = |text: &str| text.split(", ").map(str::to_owned).collect::<Vec<_>>();
    let same = parts(&one)
        .into_iter()
        .zip(parts(&two))
        .filter(|(one, two)| one == two)
        .count();
    assert_eq!(same, 0, "{one} {two}");
}

#[tokio::test]
async fn files_outlive_the_session() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("made/for/it");
    let write = "import os\nopen('a.txt', 'w').write('written')\nos.getcwd()";
    let mut session = sandbox()
        .await
        .session(&folder, Limits::default())
        .await
        .unwrap();
    assert_eq!(
        session.run(write).await.unwrap().value.as_deref(),
        Some("'/mnt/data'")
    );
    drop(session);
    assert_eq!(
        std::fs::read_to_string(folder.join("a.txt")).unwrap(),
        "written"
    );

    let mut session = sandbox()
        .await
        .session(&folder, Limits::default())
        .await
        .unwrap();
    let cell = session.run("open('/mnt/data/a.txt').read()").await.unwrap();
    assert_eq!(cell.value.as_deref(), Some("'written'"));
}

#[tokio::test]
async fn a_cell_imports_modules_that_cells_wrote() {
    let mut notebook = Notebook::new().await;
    notebook
        .run("open('mine.py', 'w').write('answer = 42')")
        .await;
    assert_eq!(notebook.see("import mine\nmine.answer").await, "42");
}

#[tokio::test]
async fn dropping_the_future_stops_the_cell() {
    for code in ["while True: pass", "import time\ntime.sleep(1000)"] {
        let mut notebook = Notebook::new().await;
        notebook.run("open('kept', 'w').close()\nx = 1").await;
        // The executor has one thread: that the timer fires shows that the cell
        // yields, and that the next cell runs shows that this one is gone.
        let cancelled =
            tokio::time::timeout(Duration::from_millis(300), notebook.session.run(code)).await;
        assert!(cancelled.is_err());
        assert_eq!(
            notebook.see("import os\nprint(os.listdir(), x)").await,
            "['kept'] 1\nnote: the previous cell was cancelled, and variables are as they were before it"
        );
        notebook.assert_usable().await;
    }
}

#[tokio::test]
async fn sessions_run_side_by_side_on_one_thread() {
    let (mut busy, mut quick) = (Notebook::new().await, Notebook::new().await);
    let busy = busy.session.run("while True: pass");
    let quick = async {
        for _ in 0..10 {
            quick.assert_usable().await;
        }
    };
    tokio::select! {
        _ = busy => panic!("the endless cell ended"),
        () = quick => {}
    }
}

#[tokio::test]
async fn the_guest_opens_twice_at_once() {
    let (one, two) = tokio::join!(open(), open());
    for sandbox in [one, two] {
        let data = tempfile::tempdir().unwrap();
        let mut session = sandbox
            .session(data.path(), Limits::default())
            .await
            .unwrap();
        drop(sandbox);
        assert_eq!(session.run("1 + 1").await.unwrap().observation(), "2");
    }
}
