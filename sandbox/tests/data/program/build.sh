#!/bin/sh
# Builds the programs of the tests, a component and a module, from main.rs; needs
# `rustup target add wasm32-wasip2 wasm32-wasip1`.
set -eu
cd "$(dirname "$0")"
for target in wasip2:component wasip1:module; do
    rustc --edition 2024 --target "wasm32-${target%:*}" -C opt-level=z -C strip=symbols \
        -C panic=abort -C lto -o "${target#*:}.wasm" main.rs
done
