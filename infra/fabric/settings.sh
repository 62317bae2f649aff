# Organisations, ports and places of the native Fabric network; sourced by the scripts beside it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
run=${MEDTRACE_FABRIC_RUN:-$here/.run}
env_file=$here/fabric.env
channel=medtrace
chaincode=medtrace

# organisation  MSP id         domain                peer   chaincode-events  chaincode server
organisations="hospital-a HospitalAMSP hospital-a.medtrace 17151 17152 17159
hospital-b HospitalBMSP hospital-b.medtrace 17251 17252 17259
supervisor SupervisorMSP supervisor.medtrace 17351 17352 17359"
# orderer  listen admin operations
orderers="orderer1 17051 17053 17054
orderer2 17061 17063 17064
orderer3 17071 17073 17074"

crypto=$run/crypto
orderer_ca=$crypto/ordererOrganizations/orderer.medtrace/tlsca/tlsca.orderer.medtrace-cert.pem

say() { printf '%s\n' "$*" >&2; }
fail() { say "fabric: $*"; exit 1; }
alive() { [ -s "$run/$1.pid" ] && kill -0 "$(cat "$run/$1.pid")" 2>/dev/null; }

# launch NAME: starts a process of the network as up.sh described it.
launch() {
  setsid bash "$run/$1.start" >>"$run/$1.log" 2>&1 </dev/null &
  echo $! >"$run/$1.pid"
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
      FABRIC_CFG_PATH=$run/config "$@"
    return
  done <<<"$organisations"
  fail "no organisation $want"
}
