# Organisations, ports and places of the native Fabric network; sourced by the scripts beside it. A second network on one
# machine has a run folder, an env file and ports of its own.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
run=${MEDTRACE_FABRIC_RUN:-$here/.run}
env_file=${MEDTRACE_FABRIC_ENV:-$here/fabric.env}
# The network's ports are this one plus 51 to 999.
base=${FABRIC_PORT_BASE:-17000}
channel=medtrace
chaincode=medtrace

# organisation  MSP id         domain                peer   chaincode-events  chaincode server
organisations="hospital-a HospitalAMSP hospital-a.medtrace $((base + 151)) $((base + 152)) $((base + 159))
hospital-b HospitalBMSP hospital-b.medtrace $((base + 251)) $((base + 252)) $((base + 259))
supervisor SupervisorMSP supervisor.medtrace $((base + 351)) $((base + 352)) $((base + 359))"
# Those that add-institution.sh added.
[ ! -s "$run/added" ] || organisations="$organisations
$(cat "$run/added")"
# orderer  listen admin operations
orderers="orderer1 $((base + 51)) $((base + 53)) $((base + 54))
orderer2 $((base + 61)) $((base + 63)) $((base + 64))
orderer3 $((base + 71)) $((base + 73)) $((base + 74))"
orderer=127.0.0.1:$((base + 51))

crypto=$run/crypto
# Processes of the network run in containers where up.sh was asked for that; it notes it here, with what compose needs.
docker_env=$run/docker.env
in_docker() { [ -e "$docker_env" ]; }
compose() {
  local command=(docker-compose)
  ! docker compose version >/dev/null 2>&1 || command=(docker compose)
  (set -a && . "$docker_env" && exec "${command[@]}" -p "medtrace-fabric-$base" -f "$here/docker-compose.yml" "$@")
}

orderer_ca=$crypto/ordererOrganizations/orderer.medtrace/tlsca/tlsca.orderer.medtrace-cert.pem

say() { printf '%s\n' "$*" >&2; }
fail() { say "fabric: $*"; exit 1; }
alive() {
  ! in_docker || { compose ps -q "$1" | xargs -r docker inspect -f '{{.State.Running}}' | grep -qx true; return; }
  [ -s "$run/$1.pid" ] && kill -0 "$(cat "$run/$1.pid")" 2>/dev/null
}

# launch NAME: starts a process of the network as up.sh described it.
launch() {
  ! in_docker || { compose up -d --no-deps "$1" >>"$run/compose.log" 2>&1; return; }
  setsid bash "$run/$1.start" >>"$run/$1.log" 2>&1 </dev/null &
  echo $! >"$run/$1.pid"
}

# end NAME [SIGNAL]: ends a process of the network, and waits for it.
end() {
  local pid
  ! in_docker || { compose kill -s "${2:-TERM}" "$1" >>"$run/compose.log" 2>&1; return; }
  if alive "$1"; then
    pid=$(cat "$run/$1.pid")
    kill "-${2:-TERM}" "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
  fi
  # Another process may be given this id.
  rm -f "$run/$1.pid"
}

# The executables that no registry has; on a machine without them the Fabric tests are skipped.
missing_executables() {
  for name in peer orderer osnadmin configtxgen cryptogen; do command -v "$name" >/dev/null || printf '%s ' "$name"; done
}

# as ORGANISATION COMMAND…: runs a peer command as this organisation's administrator.
as() {
  local want=$1 name msp domain port rest
  shift
  while read -r name msp domain port rest; do
    [ "$name" = "$want" ] || continue
    CORE_PEER_TLS_ENABLED=true CORE_PEER_LOCALMSPID=$msp CORE_PEER_ADDRESS=127.0.0.1:$port \
      CORE_PEER_TLS_ROOTCERT_FILE=$crypto/peerOrganizations/$domain/tlsca/tlsca.$domain-cert.pem \
      CORE_PEER_MSPCONFIGPATH=$crypto/peerOrganizations/$domain/users/Admin@$domain/msp \
      FABRIC_CFG_PATH=$run/config FABRIC_LOGGING_SPEC=error "$@"
    return
  done <<<"$organisations"
  fail "no organisation $want"
}
