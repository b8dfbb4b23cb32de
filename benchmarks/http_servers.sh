#!/usr/bin/env bash
# 256 clients stream from our HTTP server and from cpp-httplib's, in turns, without a model behind:
# the processor time that each takes, and the time between pieces, 20 ms where nothing delays them.
# Needs libcpp-httplib-dev and the load generator:
#   cmake --preset release && ninja -C build/release http_servers stemma && benchmarks/http_servers.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-2}
for round in $(seq "$rounds"); do
  for server in beast httplib; do
    build/release/benchmarks/http_servers "$server" 8190 &
    pid=$!
    sleep 0.5
    build/release/src/cli/stemma load --url http://127.0.0.1:8190/v1 --streams 256 --requests 2048 \
      --prompt-words 128 --output-tokens 128 2> /dev/null
    kill -TERM "$pid"
    wait "$pid"
  done
done
