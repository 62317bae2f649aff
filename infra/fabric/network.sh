# What up.sh, add-institution.sh and upgrade.sh share: processes of the network, and steps of one organisation.
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
node=${MEDTRACE_NODE:-$(cd "$here/../.." && pwd)/node_modules/.bin/node}
chaincode_main=$(cd "$here/../../chaincode" && pwd)/src/fabric/main.ts
# Makes chaincode packages the same bytes for the same content.
tar_options=(--sort=name --owner=0 --group=0 --mtime=@0)

need_executables() {
  local missing
  missing=$(missing_executables)
  [ -z "$missing" ] || fail "not on PATH: $missing(they come with a Hyperledger Fabric 3.1 release)"
}

# spawn NAME [VARIABLE=VALUE…] COMMAND…: keeps how it was started, so that restart.sh can do it again.
spawn() {
  local name=$1
  shift
  # A container is described in docker-compose.yml.
  ! in_docker || { launch "$name"; return; }
  printf 'exec env' >"$run/$name.start"
  printf ' %q' "$@" >>"$run/$name.start"
  launch "$name"
}

# not_in_docker WHAT: stops where the network's processes are containers.
not_in_docker() { ! in_docker || fail "$1 wants a network of processes (up.sh without --docker)"; }

# try SECONDS COMMAND…: until it succeeds; its last output where it never does.
try() {
  local until=$(($(date +%s) + $1)) output
  shift
  while ! output=$("$@" 2>&1); do
    [ "$(date +%s)" -lt "$until" ] || { say "$output"; fail "gave up on: $*"; }
    sleep 0.3
  done
}

# make_identities SPECIFICATION: by cryptogen, readable to us alone. A chaincode server has TLS alone, no identity to sign by.
make_identities() {
  (umask 077 && cryptogen generate --config="$1" --output="$crypto") >/dev/null
  rm -rf "$crypto"/peerOrganizations/*/peers/chaincode.*/msp
}

# describe_connection DOMAIN ADDRESS: how a peer connects to its chaincode server: by TLS, each knowing the other.
describe_connection() {
  local tls=$crypto/peerOrganizations/$1/peers/peer0.$1/tls
  "$node" -e 'const [address, ...files] = process.argv.slice(1);
    const [client_key, client_cert, root_cert] = files.map((file) => require("node:fs").readFileSync(file, "utf8"));
    const tls = { tls_required: true, client_auth_required: true, client_key, client_cert, root_cert };
    process.stdout.write(JSON.stringify({ address, dial_timeout: "10s", ...tls }));' \
    "$2" "$tls/server.key" "$tls/server.crt" "$tls/ca.crt"
}

# generate_block FILE: the channel's genesis by the settings in the run folder.
generate_block() {
  FABRIC_CFG_PATH=$run/config configtxgen -profile Medtrace -channelID "$channel" -outputBlock "$1" \
    2>"$run/configtxgen.log" || { tail -5 "$run/configtxgen.log" >&2; fail "configtxgen failed"; }
}

# with_organisation NAME COMMAND…: calls the command with the organisation's name, MSP id, domain and ports.
with_organisation() {
  local want=$1 line
  shift
  line=$(grep "^$want " <<<"$organisations") || fail "no organisation $want"
  # shellcheck disable=SC2086
  "$@" $line
}

start_peer() {
  local name=$1 msp=$2 domain=$3 port=$4 chaincode_port=$5 home bootstrap
  bootstrap=$(awk '{printf "%s127.0.0.1:%s", (NR > 1 ? " " : ""), $4}' <<<"$organisations")
  home=$crypto/peerOrganizations/$domain/peers/peer0.$domain
  spawn "peer-$name" FABRIC_CFG_PATH="$run/config" FABRIC_LOGGING_SPEC=warning \
    CORE_PEER_ID="peer0.$domain" CORE_PEER_LOCALMSPID="$msp" CORE_PEER_MSPCONFIGPATH="$home/msp" \
    CORE_PEER_LISTENADDRESS="127.0.0.1:$port" CORE_PEER_ADDRESS="127.0.0.1:$port" \
    CORE_PEER_CHAINCODELISTENADDRESS="127.0.0.1:$chaincode_port" CORE_PEER_CHAINCODEADDRESS="127.0.0.1:$chaincode_port" \
    CORE_PEER_GOSSIP_EXTERNALENDPOINT="127.0.0.1:$port" CORE_PEER_GOSSIP_BOOTSTRAP="$bootstrap" \
    CORE_PEER_TLS_CERT_FILE="$home/tls/server.crt" CORE_PEER_TLS_KEY_FILE="$home/tls/server.key" \
    CORE_PEER_TLS_ROOTCERT_FILE="$home/tls/ca.crt" CORE_PEER_FILESYSTEMPATH="$run/peer-$name" \
    CORE_OPERATIONS_LISTENADDRESS="127.0.0.1:$((port + 4))" peer node start
}

join_channel() { try 30 as "$1" peer channel join -b "$run/genesis.block"; }

# install_chaincode VERSION MAIN PROCESS NAME MSP DOMAIN PORTS…: a package of the organisation's own, since its peer
# connects to its own chaincode server, and that server. Two versions, one after another, have different ports.
install_chaincode() {
  local version=$1 main=$2 process=$3 name=$4 domain=$6 service=$9 work package tls host=127.0.0.1
  tls=$crypto/peerOrganizations/$domain/peers/chaincode.$domain/tls
  service=$((service - (version + 1) % 2))
  ! in_docker || { host=$process service=17159; }
  work=$(mktemp -d)
  describe_connection "$domain" "$host:$service" >"$work/connection.json"
  tar -C "$work" "${tar_options[@]}" -czf "$work/code.tar.gz" connection.json
  printf '{"type":"ccaas","label":"%s_%s"}' "$chaincode" "$version" >"$work/metadata.json"
  (umask 077 && tar -C "$work" "${tar_options[@]}" -czf "$run/$name-$version.tar.gz" metadata.json code.tar.gz)
  rm -rf "$work"
  package=$(as "$name" peer lifecycle chaincode calculatepackageid "$run/$name-$version.tar.gz")
  ! in_docker || printf '%s_CHAINCODE_ID=%q\n' "$(tr a-z- A-Z_ <<<"$name")" "$package" >>"$docker_env"
  spawn "$process" CORE_CHAINCODE_LOGGING_LEVEL=WARNING CHAINCODE_ID="$package" CHAINCODE_SERVER_ADDRESS="127.0.0.1:$service" \
    CHAINCODE_TLS_KEY="$tls/server.key" CHAINCODE_TLS_CERTIFICATE="$tls/server.crt" CHAINCODE_TLS_CLIENT_CA="$tls/ca.crt" \
    "$node" "$main"
  # The peer connects as soon as it has the package.
  in_docker || try 60 listens "$service"
  as "$name" peer lifecycle chaincode queryinstalled 2>/dev/null | grep -qF "Package ID: $package," ||
    try 30 as "$name" peer lifecycle chaincode install "$run/$name-$version.tar.gz"
}

listens() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# approve_chaincode NAME VERSION SEQUENCE: unless it has approved this already.
approve_chaincode() {
  local package
  ! as "$1" peer lifecycle chaincode queryapproved --channelID "$channel" --name "$chaincode" --sequence "$3" >/dev/null 2>&1 ||
    return 0
  package=$(as "$1" peer lifecycle chaincode calculatepackageid "$run/$1-$2.tar.gz")
  try 60 as "$1" peer lifecycle chaincode approveformyorg --channelID "$channel" --name "$chaincode" --version "$2" \
    --sequence "$3" --package-id "$package" -o "$orderer" --tls --cafile "$orderer_ca"
}

# commit_chaincode VERSION SEQUENCE
commit_chaincode() {
  local name msp domain port rest peers=()
  while read -r name msp domain port rest; do
    peers+=(--peerAddresses "127.0.0.1:$port" --tlsRootCertFiles "$crypto/peerOrganizations/$domain/tlsca/tlsca.$domain-cert.pem")
  done <<<"$organisations"
  try 60 as hospital-a peer lifecycle chaincode commit --channelID "$channel" --name "$chaincode" --version "$1" --sequence "$2" \
    -o "$orderer" --tls --cafile "$orderer_ca" "${peers[@]}"
}

# committed NAME: version and sequence of the chaincode as this organisation's peer knows it.
committed() {
  as "$1" peer lifecycle chaincode querycommitted --channelID "$channel" --name "$chaincode" 2>/dev/null |
    sed -n 's/^Version: \([0-9]*\), Sequence: \([0-9]*\),.*/\1 \2/p'
}

# is_committed NAME VERSION: whether this organisation's peer has this version.
is_committed() { [ "$(committed "$1" | cut -d" " -f1)" = "$2" ]; }

# Each organisation's client under its MSP id, as the ledger engine looks for it.
write_env() {
  local name msp domain rest peers
  mkdir -p "$run/identities"
  while read -r name msp domain rest; do
    ln -sfn "$crypto/peerOrganizations/$domain/users/User1@$domain/msp" "$run/identities/$msp"
  done <<<"$organisations"
  cat "$crypto"/peerOrganizations/*/tlsca/*.pem >"$run/tls-cas.pem"
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
