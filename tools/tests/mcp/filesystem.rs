//! `@modelcontextprotocol/server-filesystem`, which acts on files.

use glm_agent_tools::{Effects, ToolError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Connected, npm};

async fn over(folder: &TempDir, roots: Value) -> Connected {
    let folder = folder.path().canonicalize().unwrap();
    Connected::to(json!({
        "command": "node",
        "args": [npm::server("server-filesystem"), folder],
        "roots": roots,
    }))
    .await
}

#[tokio::test]
async fn files_are_listed_read_and_written_within_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("note.txt");
    std::fs::write(&file, "milk").unwrap();
    let server = over(&folder, json!([])).await;

    let list = json!({"path": folder.path().canonicalize().unwrap()});
    let listed = server.call("s__list_directory", list).await.unwrap();
    assert_eq!(listed.text, "[FILE] note.txt");
    let read = server
        .call("s__read_text_file", json!({"path": file}))
        .await;
    assert_eq!(read.unwrap().text, "milk");
    let write = json!({"path": file, "content": "bread"});
    server.call("s__write_file", write).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "bread");

    let outside = server
        .call("s__read_text_file", json!({"path": "/etc/passwd"}))
        .await;
    let outside = outside.unwrap();
    assert!(outside.failed, "{outside:?}");
    assert!(outside.text.contains("Access denied"), "{}", outside.text);

    let registry = server.registry();
    let effects = |name: &str| registry.get(name).unwrap().declared_effects();
    let writes = |effects: Effects| effects.writes;
    assert!(writes(effects("s__write_file")));
    assert!(!writes(effects("s__read_text_file")));
}

#[tokio::test]
async fn roots_that_the_user_configures_are_what_it_may_reach() {
    let (given, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root_path = root.path().canonicalize().unwrap();
    let server = over(&given, json!([root_path])).await;
    // It asks for the roots after the greeting.
    let mut allowed = String::new();
    for _ in 0..100 {
        let listed = server.call("s__list_allowed_directories", json!({})).await;
        allowed = listed.unwrap().text;
        if allowed.contains(root_path.to_str().unwrap()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(
        allowed,
        format!("Allowed directories:\n{}", root_path.display())
    );
}

#[tokio::test]
async fn wrong_arguments_do_not_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = over(&folder, json!([])).await;
    let error = server.call("s__read_text_file", json!({"file": "x"})).await;
    let Err(ToolError::Model(message)) = error else {
        panic!("{error:?}")
    };
    assert!(
        message.starts_with("wrong arguments for `s__read_text_file`"),
        "{message}"
    );
}
