#!/usr/bin/env bash
# From nothing to a channel with the chaincode committed: two hospitals, a supervisor, three Raft orderers, TLS everywhere.
# Starts from executables on PATH: peer, orderer, osnadmin, configtxgen, cryptogen. Writes fabric.env for `source`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
missing=$(missing_executables)
[ -z "$missing" ] || fail "not on PATH: $missing(they come with a Hyperledger Fabric 3.1 release)"
[ ! -e "$run/crypto" ] || fail "a network is there already; infra/fabric/down.sh ends and removes it"
mkdir -p "$run/config"
node=${MEDTRACE_NODE:-$(cd "$here/../.." && pwd)/node_modules/.bin/node}

# spawn NAME [VARIABLE=VALUE…] COMMAND…: keeps how it was started, so that restart.sh can do it again.
spawn() {
  local name=$1
  shift
  printf 'exec env' >"$run/$name.start"
  printf ' %q' "$@" >>"$run/$name.start"
  launch "$name"
}

# try SECONDS COMMAND…: until it succeeds; its last output where it never does.
try() {
  local until=$(($(date +%s) + $1)) output
  shift
  while ! output=$("$@" 2>&1); do
    [ "$(date +%s)" -lt "$until" ] || { say "$output"; fail "gave up on: $*"; }
    sleep 0.3
  done
}

identities() {
  say "making development identities …"
  (umask 077 && cryptogen generate --config="$here/config/crypto-config.yaml" --output="$crypto") >/dev/null
  cp "$here/config/orderer.yaml" "$run/config/"
  local port ports=()
  for port in 51 61 71 151 251 351; do ports+=(-e "s/\b$((17000 + port))\b/$((base + port))/"); done
  sed -e "s#crypto/#$crypto/#" "${ports[@]}" "$here/config/configtx.yaml" >"$run/config/configtx.yaml"
  sed -e "s#BUILDER_PATH#$here/builder#" -e "s#SNAPSHOTS_PATH#$run/snapshots#" "$here/config/core.yaml" >"$run/config/core.yaml"
  FABRIC_CFG_PATH=$run/config configtxgen -profile Medtrace -channelID "$channel" -outputBlock "$run/genesis.block" \
    2>"$run/configtxgen.log" || { tail -5 "$run/configtxgen.log" >&2; fail "configtxgen failed"; }
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

start_peers() {
  local name msp domain port chaincode_port service home bootstrap
  bootstrap=$(awk '{printf "%s127.0.0.1:%s", (NR > 1 ? " " : ""), $4}' <<<"$organisations")
  while read -r name msp domain port chaincode_port service; do
    home=$crypto/peerOrganizations/$domain/peers/peer0.$domain
    spawn "peer-$name" FABRIC_CFG_PATH="$run/config" FABRIC_LOGGING_SPEC=warning \
      CORE_PEER_ID="peer0.$domain" CORE_PEER_LOCALMSPID="$msp" CORE_PEER_MSPCONFIGPATH="$home/msp" \
      CORE_PEER_LISTENADDRESS="127.0.0.1:$port" CORE_PEER_ADDRESS="127.0.0.1:$port" \
      CORE_PEER_CHAINCODELISTENADDRESS="127.0.0.1:$chaincode_port" CORE_PEER_CHAINCODEADDRESS="127.0.0.1:$chaincode_port" \
      CORE_PEER_GOSSIP_EXTERNALENDPOINT="127.0.0.1:$port" CORE_PEER_GOSSIP_BOOTSTRAP="$bootstrap" \
      CORE_PEER_TLS_CERT_FILE="$home/tls/server.crt" CORE_PEER_TLS_KEY_FILE="$home/tls/server.key" \
      CORE_PEER_TLS_ROOTCERT_FILE="$home/tls/ca.crt" CORE_PEER_FILESYSTEMPATH="$run/peer-$name" \
      CORE_OPERATIONS_LISTENADDRESS="127.0.0.1:$((port + 4))" peer node start
  done <<<"$organisations"
  while read -r name msp domain port chaincode_port service; do
    try 30 as "$name" peer channel join -b "$run/genesis.block"
  done <<<"$organisations"
}

# One package per organisation, since each peer connects to its own chaincode server.
install_chaincode() {
  local name msp domain port chaincode_port service work package
  while read -r name msp domain port chaincode_port service; do
    work=$(mktemp -d)
    printf '{"address":"127.0.0.1:%s","dial_timeout":"10s","tls_required":false}' "$service" >"$work/connection.json"
    tar -C "$work" -czf "$work/code.tar.gz" connection.json
    printf '{"type":"ccaas","label":"%s_1"}' "$chaincode" >"$work/metadata.json"
    tar -C "$work" -czf "$run/$name.tar.gz" metadata.json code.tar.gz
    rm -rf "$work"
    package=$(as "$name" peer lifecycle chaincode calculatepackageid "$run/$name.tar.gz")
    try 30 as "$name" peer lifecycle chaincode install "$run/$name.tar.gz"
    spawn "chaincode-$name" CORE_CHAINCODE_LOGGING_LEVEL=WARNING CHAINCODE_ID="$package" CHAINCODE_SERVER_ADDRESS="127.0.0.1:$service" \
      "$node" "$here/../../chaincode/src/fabric/main.ts"
    try 60 as "$name" peer lifecycle chaincode approveformyorg --channelID "$channel" --name "$chaincode" --version 1 --sequence 1 \
      --package-id "$package" -o "$orderer" --tls --cafile "$orderer_ca"
  done <<<"$organisations"
  local peers=()
  while read -r name msp domain port chaincode_port service; do
    peers+=(--peerAddresses "127.0.0.1:$port" --tlsRootCertFiles "$crypto/peerOrganizations/$domain/tlsca/tlsca.$domain-cert.pem")
  done <<<"$organisations"
  try 60 as hospital-a peer lifecycle chaincode commit --channelID "$channel" --name "$chaincode" --version 1 --sequence 1 \
    -o "$orderer" --tls --cafile "$orderer_ca" "${peers[@]}"
}

# Each organisation's client under its MSP id, as the ledger engine looks for it.
write_env() {
  local name msp domain rest
  mkdir -p "$run/identities"
  while read -r name msp domain rest; do
    ln -sfn "$crypto/peerOrganizations/$domain/users/User1@$domain/msp" "$run/identities/$msp"
  done <<<"$organisations"
  cat "$crypto"/peerOrganizations/*/tlsca/*.pem >"$run/tls-cas.pem"
  local peers
  peers=$(awk '{printf "%slocalhost:%s", (NR > 1 ? "," : ""), $4}' <<<"$organisations")
  cat >"$env_file" <<EOF
export LEDGER_URL="fabric://$peers/$channel/$chaincode"
export LEDGER_OWNER="HospitalAMSP"
export FABRIC_IDENTITIES="$run/identities"
export FABRIC_TLS_CA="$run/tls-cas.pem"
export MEDTRACE_FABRIC_RUN="$run"
export MEDTRACE_FABRIC_ENV="$env_file"
export FABRIC_PORT_BASE="$base"
EOF
}

identities
say "starting three orderers and three peers …"
start_orderers
start_peers
say "installing, approving and committing the chaincode …"
install_chaincode
write_env
say "up: channel $channel with chaincode $chaincode; next: source $env_file"
