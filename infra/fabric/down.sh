#!/usr/bin/env bash
# Ends the Fabric processes that up.sh started, by the ids it noted, and removes the network's data (`--keep`: leaves it).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

if in_docker; then
  if [ "${1:-}" = "--keep" ]; then compose stop; else compose down -v; fi
fi
pids=$(cat "$run"/*.pid 2>/dev/null || true)
for pid in $pids; do kill "$pid" 2>/dev/null || true; done
for _ in $(seq 100); do
  left=""
  for pid in $pids; do kill -0 "$pid" 2>/dev/null && left="$left $pid"; done
  [ -z "$left" ] && break
  sleep 0.1
done
for pid in ${left:-}; do kill -9 "$pid" 2>/dev/null || true; done
rm -f "$run"/*.pid "$env_file"
[ "${1:-}" = "--keep" ] || rm -rf "$run"
say "fabric is down"
