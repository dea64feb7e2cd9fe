#!/bin/sh
# Installs what `cargo bench --workspace --bench notebook` compares with into
# target/peers: Jupyter's kernel, smolagents' executor and Pyodide. Needs python3
# with venv, node and npm.
set -eu
cd "$(dirname "$0")/../../.."
mkdir -p target/peers
cp sandbox/benches/peers/requirements.txt sandbox/benches/peers/package.json target/peers/
cd target/peers
python3 -m venv venv
venv/bin/pip install --quiet --requirement requirements.txt
npm install --silent
