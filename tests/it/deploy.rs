//! The files in `deploy/`, judged by what others wrote to judge such files.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::venv;

const MANIFESTS: [&str; 4] = [
    "namespace.yaml",
    "secret.example.yaml",
    "vllm.yaml",
    "worker.yaml",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// A program of the tests' own Python finds nothing wrong.
fn passes(program: &str, args: &[&str]) {
    let program = venv::python().with_file_name(program);
    let output = Command::new(program)
        .args(args)
        .current_dir(folder())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_compose_file_is_one() {
    passes(
        "check-jsonschema",
        &["--builtin-schema", "vendor.compose-spec", "compose.yaml"],
    );
}

#[test]
fn the_manifests_are_what_kubernetes_takes() {
    for name in MANIFESTS {
        passes(
            "kubernetes-validate",
            &["--strict", &format!("kubernetes/{name}")],
        );
    }
}

#[test]
fn every_manifest_but_the_secret_is_applied() {
    let folder = folder().join("kubernetes");
    let list = std::fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "kustomization.yaml")
        .collect();
    files.sort();
    assert_eq!(files, MANIFESTS);
    for name in MANIFESTS {
        let is_applied = list.contains(&format!("  - {name}\n"));
        assert_eq!(is_applied, name != "secret.example.yaml", "{name}");
    }
}

#[test]
fn all_of_it_is_tidy() {
    passes(
        "yamllint",
        &["--config-file", "yamllint.yaml", "--strict", "."],
    );
    passes("hadolint", &["Dockerfile"]);
}
