#!/usr/bin/env bash
# Renews requirements.lock with uv: one pin per package for every supported Python, hashes, and no addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --fork-strategy fewest \
  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements.lock
