#!/usr/bin/env bash
# From nothing to a channel with the chaincode committed: two hospitals, a supervisor, three Raft orderers, TLS everywhere.
# Starts from executables on PATH: peer, orderer, osnadmin, configtxgen, cryptogen. With --docker, peers, orderers and
# chaincode are containers (docker-compose.yml), and the executables only set them up. Writes fabric.env for `source`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
need_executables
[ ! -e "$run/crypto" ] || fail "a network is there already; infra/fabric/down.sh ends and removes it"
mkdir -p "$run/config"
[ "${1:-}" != "--docker" ] || cat >"$docker_env" <<EOF
FABRIC_RUN=$run
CHAINCODE_USER=$(id -u):$(id -g)
$(for port in 51 53 61 63 71 73 151 251 351; do echo "PORT_$port=$((base + port))"; done)
HOSPITAL_A_CHAINCODE_ID=
HOSPITAL_B_CHAINCODE_ID=
SUPERVISOR_CHAINCODE_ID=
EOF

# Ports that configtx.yaml names, and the host of each where every process has a host of its own.
addresses="17051 orderer1.orderer.medtrace
17061 orderer2.orderer.medtrace
17071 orderer3.orderer.medtrace
17151 peer0.hospital-a.medtrace
17251 peer0.hospital-b.medtrace
17351 peer0.supervisor.medtrace"

identities() {
  say "making development identities …"
  make_identities "$here/config/crypto-config.yaml"
  cp "$here/config/orderer.yaml" "$run/config/"
  local port host builder=$here/builder snapshots=$run/snapshots edits=()
  while read -r port host; do
    if in_docker; then
      edits+=(-e "s/127.0.0.1:$port/$host:$port/" -e "s/Host: 127.0.0.1, Port: $port/Host: $host, Port: $port/")
    else
      edits+=(-e "s/\b$port\b/$((base + port - 17000))/")
    fi
  done <<<"$addresses"
  ! in_docker || { builder=/opt/hyperledger/ccaas_builder snapshots=/var/hyperledger/snapshots; }
  sed -e "s#crypto/#$crypto/#" "${edits[@]}" "$here/config/configtx.yaml" >"$run/config/configtx.yaml"
  sed -e "s#BUILDER_PATH#$builder#" -e "s#SNAPSHOTS_PATH#$snapshots#" "$here/config/core.yaml" >"$run/config/core.yaml"
  generate_block "$run/genesis.block"
}

start_orderers() {
  local name listen admin operations home tls
  while read -r name listen admin operations; do
    home=$crypto/ordererOrganizations/orderer.medtrace/orderers/$name.orderer.medtrace
    tls=$home/tls
    spawn "$name" FABRIC_CFG_PATH="$run/config" FABRIC_LOGGING_SPEC=warning \
      ORDERER_GENERAL_LISTENPORT="$listen" ORDERER_GENERAL_LOCALMSPDIR="$home/msp" \
      ORDERER_GENERAL_TLS_PRIVATEKEY="$tls/server.key" ORDERER_GENERAL_TLS_CERTIFICATE="$tls/server.crt" \
      ORDERER_GENERAL_TLS_ROOTCAS="[$tls/ca.crt]" \
      ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE="$tls/server.crt" ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY="$tls/server.key" \
      ORDERER_GENERAL_CLUSTER_ROOTCAS="[$tls/ca.crt]" \
      ORDERER_FILELEDGER_LOCATION="$run/$name/ledger" ORDERER_CONSENSUS_WALDIR="$run/$name/wal" \
      ORDERER_CONSENSUS_SNAPDIR="$run/$name/snapshots" \
      ORDERER_ADMIN_LISTENADDRESS="127.0.0.1:$admin" ORDERER_ADMIN_TLS_CERTIFICATE="$tls/server.crt" \
      ORDERER_ADMIN_TLS_PRIVATEKEY="$tls/server.key" ORDERER_ADMIN_TLS_CLIENTROOTCAS="[$tls/ca.crt]" \
      ORDERER_OPERATIONS_LISTENADDRESS="127.0.0.1:$operations" orderer
  done <<<"$orderers"
  while read -r name listen admin operations; do
    tls=$crypto/ordererOrganizations/orderer.medtrace/orderers/$name.orderer.medtrace/tls
    try 30 osnadmin channel join --channelID "$channel" --config-block "$run/genesis.block" -o "127.0.0.1:$admin" \
      --ca-file "$tls/ca.crt" --client-cert "$tls/server.crt" --client-key "$tls/server.key" --no-status
  done <<<"$orderers"
}

each_organisation() {
  local name
  for name in $(awk '{print $1}' <<<"$organisations"); do "$@" "$name"; done
}

peer_of() { with_organisation "$1" start_peer; }

chaincode_of() {
  with_organisation "$1" install_chaincode 1 "$chaincode_main" "chaincode-$1"
  approve_chaincode "$1" 1 1
}

identities
say "starting three orderers and three peers …"
start_orderers
each_organisation peer_of
each_organisation join_channel
say "installing, approving and committing the chaincode …"
each_organisation chaincode_of
commit_chaincode 1 1
printf '%s' "$chaincode_main" >"$run/chaincode-main"
write_env
say "up: channel $channel with chaincode $chaincode; next: source $env_file"
