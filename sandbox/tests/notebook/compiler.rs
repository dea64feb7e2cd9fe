//! A worker program compiles WebAssembly, too, for the scientific pack.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn compile(module: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_glm-sandbox-worker"))
        .env_clear()
        .env("GLM_SANDBOX_COMPILE", module)
        .output()
        .unwrap()
}

#[test]
fn a_module_is_compiled_into_a_file_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("module.wasm");
    fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
    let output = compile(&module);
    assert!(output.status.success(), "{output:?}");
    let compiled = fs::read(folder.path().join("module.compiled")).unwrap();
    assert!(compiled.starts_with(b"\x7fELF"));
}

#[test]
fn what_cannot_be_compiled_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("module.wasm");
    fs::write(&module, b"no module").unwrap();
    let output = compile(&module);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.starts_with("cannot compile the Python sandbox: "),
        "{said}"
    );
    assert!(!folder.path().join("module.compiled").exists());
}
