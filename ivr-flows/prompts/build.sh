#!/usr/bin/env bash
# Speaks what has no recording yet, and computes the music on hold: `dozvon prompts build`, whose arguments it takes,
# then music.sh. Without dozvon in the PATH it is built.
set -euo pipefail
cd "$(dirname "$0")"

if command -v dozvon >/dev/null; then
    dozvon prompts build . "$@"
else
    cargo run --quiet --manifest-path ../../Cargo.toml -- prompts build . "$@"
fi
[ -e music/moh-soft.wav ] || ./music.sh
