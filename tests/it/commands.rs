//! Commands of manifests, in the jail that `glm` makes for them.
#![cfg(target_os = "linux")]

use crate::glm::{Glm, Output};

/// A tool that runs a shell script, called once.
fn call(glm: &Glm, script: &str, more: &str) -> Output {
    let script = serde_json::Value::from(script);
    let manifest = format!(
        "[[tools]]\nname = \"t\"\ndescription = \"d\"\ncommand = [\"sh\", \"-c\", {script}]\n{more}"
    );
    let manifest = glm.file("tools.toml", &manifest);
    let manifest = manifest.to_str().unwrap();
    let args = [
        "tools",
        "call",
        "t",
        "{}",
        "--tools",
        manifest,
        "--session",
        "s",
    ];
    glm.run(&args)
}

fn printed(stdout: &str) -> Output {
    Output {
        stdout: stdout.into(),
        stderr: String::new(),
        code: Some(0),
    }
}

#[test]
fn a_command_writes_where_it_is_told_to() {
    let glm = Glm::new();
    std::fs::create_dir(glm.folder().join("out")).unwrap();
    let script = "echo kept > $GLM_FILES/f; echo x > $TMPDIR/f; echo x > out/f; \
                  cat $GLM_FILES/f; rm -r $TMPDIR/f; echo $TMPDIR > $GLM_FILES/scratch";
    assert_eq!(call(&glm, script, "writes = [\"out\"]"), printed("kept\n"));
    assert_eq!(std::fs::read(glm.folder().join("out/f")).unwrap(), b"x\n");
    // The session's files are there in the next call, and the other folder is gone.
    let again = "cat $GLM_FILES/f; ls -d $(cat $GLM_FILES/scratch) 2>&1 | grep -c 'No such'";
    assert_eq!(call(&glm, again, ""), printed("kept\n1\n"));
}

#[test]
fn a_command_that_was_denied_something_is_told_so() {
    let glm = Glm::new();
    let denied = call(&glm, "echo x > new", "");
    let lacking = "the command failed: exit status: 2\n\
        note: it ran without network and could write only below GLM_FILES, TMPDIR; the manifest can \
        allow more with `network = true` and `writes`";
    assert_eq!(denied.code, Some(1), "{denied:?}");
    let said = denied.stdout + &denied.stderr;
    assert!(said.contains("new") && said.contains(lacking), "{said}");
    assert!(!glm.folder().join("new").exists());

    let granted = call(
        &glm,
        "echo x > new; exit 1",
        "network = true\nwrites = [\".\"]",
    );
    let said = granted.stdout + &granted.stderr;
    assert!(
        said.contains("could write only below GLM_FILES, TMPDIR, .;"),
        "{said}"
    );
    assert!(glm.folder().join("new").exists());

    let trusted = call(&glm, "echo x > trusted; exit 1", "jail = false");
    assert!(!(trusted.stdout + &trusted.stderr).contains("note:"));
    assert!(glm.folder().join("trusted").exists());
}

#[test]
fn what_a_manifest_names_must_be_there() {
    let glm = Glm::new();
    let missing = call(&glm, "true", "writes = [\"none\"]");
    let said = missing.stdout + &missing.stderr;
    assert!(
        said.contains("none`, which does not exist\nhint: create it"),
        "{said}"
    );
    let manifest =
        r#"{"tools": [{"name": "t", "description": "d", "command": ["no-such-program"]}]}"#;
    let manifest = glm.file("tools.json", manifest);
    let args = [
        "tools",
        "call",
        "t",
        "{}",
        "--tools",
        manifest.to_str().unwrap(),
    ];
    let missing = glm.run(&args);
    let said = missing.stdout + &missing.stderr;
    assert!(
        said.contains("cannot run `no-such-program`: there is no such program"),
        "{said}"
    );
}
