#!/usr/bin/env bash
# Ends the engines that up.sh started, by the ids it noted. `--wipe` also removes their data.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

for name in kafka mongodb redis; do
  if alive "$name"; then
    pid=$(cat "$run/$name.pid")
    kill "$pid"
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -0 "$pid" 2>/dev/null && kill -9 "$pid"
    say "$name is down"
  fi
  rm -f "$run/$name.pid"
done
rm -f "$env_file"
[ "${1:-}" = "--wipe" ] && rm -rf "$run"
exit 0
