#!/usr/bin/env bash
# Records the cassettes again, with the default model, and with `glm` from the PATH or
# from $GLM:
#
#     GLM=target/release/glm tests/data/cassettes/record.sh
#
# What differs from run to run stays in them, since sessions are replayed as they were;
# only the folder is made everybody's.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
glm="$(realpath "$(command -v "${GLM:-glm}")")"
tools="$(cd "$here/../../.." && pwd)/examples/tools.toml"
home="$(mktemp -d)"
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$home"' EXIT
cd "$home"
export GLM_DATA_DIR="$home/data" GLM_CONFIG_DIR="$home/config"

cp "$tools" tools.toml
mkdir site
echo '<title>Museum</title><p>The museum opens at 9:45.</p>' > site/hours.html
python3 -u -m http.server --bind 127.0.0.1 --directory site 0 > port 2>/dev/null &
server=$!
until port="$(grep -om1 'port [0-9]*' port)"; do sleep 0.1; done
site="127.0.0.1:${port#port }"

say() { "$glm" run --quiet --session "$@"; }
say arithmetic "What is 37 * 41? Use python."
say words --tools ./tools.toml "How many words are in 'to be or not to be'?"
say page --allow-host "$site" "Fetch http://$site/hours.html and tell me when the museum opens."
say dialogue "Hello!"
say dialogue "What is 6 * 7? Use python."
say dialogue "Thank you!"
say limit --max-steps 1 "What is 2 ** 10? Use python." || [ $? = 3 ]

for name in arithmetic words page dialogue limit; do
    sed "s#$home#/home/ada#g" "$home/data/sessions/$name/events.jsonl" > "$here/$name.jsonl"
done
