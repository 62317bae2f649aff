#!/usr/bin/env bash
# Ends one process of the network and starts it again: restart.sh [--kill [--only]] NAME. With --kill it ends without
# warning, as by a power cut; with --only it is not started. Names: orderer1 to orderer3, and peer- or chaincode- with
# an organisation's name.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
signal=TERM
[ "${1:-}" = "--kill" ] && { signal=KILL; shift; }
only=""
[ "${1:-}" = "--only" ] && { only=1; shift; }
name=${1:-}
[ -n "$name" ] && { in_docker || [ -s "$run/$name.start" ]; } || fail "no process $name; there are: $(cd "$run" 2>/dev/null && ls -- *.start 2>/dev/null | sed 's/\.start$//' | tr '\n' ' ')"
end "$name" "$signal"
[ -n "$only" ] || launch "$name"
