#!/usr/bin/env bash
# A new institution on the running channel, by one command: add-institution.sh NAME, such as hospital-c. Makes its
# identities, has the channel's configuration changed by a majority of the institutions that are there, joins its peer,
# and installs and approves the chaincode. From then on it counts in every majority. It may be run again where it broke off.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
need_executables
not_in_docker add-institution.sh
name=${1:-}
[[ $name =~ ^[a-z]+(-[a-z0-9]+)*$ ]] || fail "add-institution.sh NAME: a-z and 0-9 in words with - between, such as hospital-c"
[ -e "$run/genesis.block" ] || fail "there is no network; infra/fabric/up.sh starts one"

before=$organisations
msp=$(sed -E 's/(^|-)(.)/\u\2/g' <<<"$name")MSP
if ! grep -q "^$name " <<<"$organisations"; then
  slot=$(($(wc -l <<<"$organisations") + 1))
  [ "$slot" -le 9 ] || fail "a development network has nine institutions at most"
  port=$((base + 100 * slot + 51))
  printf '%s %s %s.medtrace %s %s %s\n' "$name" "$msp" "$name" "$port" $((port + 1)) $((port + 8)) >>"$run/added"
  organisations="$organisations
$(tail -1 "$run/added")"
else
  [ -e "$run/added" ] && grep -q "^$name " "$run/added" || fail "$name is one of the network's first institutions"
  before=$(grep -v "^$name " <<<"$organisations")
fi

identities() {
  [ ! -e "$crypto/peerOrganizations/$name.medtrace" ] || return 0
  say "making identities of $name …"
  cat >"$run/config/$name.yaml" <<EOF
PeerOrgs:
  - Name: $name
    Domain: $name.medtrace
    EnableNodeOUs: true
    Template: { Count: 1, SANS: [127.0.0.1, localhost] }
    Specs: [{ Hostname: chaincode, SANS: [127.0.0.1, localhost] }]
    Users: { Count: 1 }
EOF
  make_identities "$run/config/$name.yaml"
}

# The institution as the channel's configuration would have it, had it been there from the start.
describe() {
  mkdir -p "$run/config/$name"
  awk -v name="$name" -v msp="$msp" -v crypto="$crypto" -v port="$2" '
    /^Profiles:/ {
      print "  - &Newcomer"
      print "    Name: " name
      print "    ID: " msp
      print "    MSPDir: " crypto "/peerOrganizations/" name ".medtrace/msp"
      print "    Policies:"
      print "      Readers: { Type: Signature, Rule: \"OR(\x27" msp ".member\x27)\" }"
      print "      Writers: { Type: Signature, Rule: \"OR(\x27" msp ".admin\x27, \x27" msp ".client\x27)\" }"
      print "      Admins: { Type: Signature, Rule: \"OR(\x27" msp ".admin\x27)\" }"
      print "      Endorsement: { Type: Signature, Rule: \"OR(\x27" msp ".peer\x27)\" }"
      print "    AnchorPeers: [{ Host: 127.0.0.1, Port: " port " }]"
    }
    { sub(/\*HospitalA, /, "*Newcomer, &"); print }' "$run/config/configtx.yaml" >"$run/config/$name/configtx.yaml"
  FABRIC_CFG_PATH=$run/config/$name configtxgen -profile Medtrace -channelID "$channel" -outputBlock "$1" \
    2>"$run/configtxgen.log" || { tail -5 "$run/configtxgen.log" >&2; fail "configtxgen failed"; }
}

# By the administrators of more than half of the institutions that are there.
change_configuration() {
  local work majority signers
  work=$(mktemp -d)
  as hospital-a peer channel fetch config "$work/config.block" -c "$channel" -o "$orderer" --tls --cafile "$orderer_ca" 2>"$work/log" ||
    { cat "$work/log" >&2; fail "the channel's configuration cannot be read"; }
  describe "$work/described.block" "$(awk -v name="$name" '$1 == name {print $4}' <<<"$organisations")"
  "$node" "$here/../../packages/engines/src/ledger/fabric/governance/main.ts" \
    "$work/config.block" "$work/described.block" "$name" "$work/update.pb" || fail "the configuration cannot be changed"
  if [ -s "$work/update.pb" ]; then
    majority=$(($(wc -l <<<"$before") / 2 + 1))
    signers=$(head -n "$majority" <<<"$before" | awk '{print $1}')
    say "changing the channel's configuration, signed by: $(tr '\n' ' ' <<<"$signers")"
    for signer in $signers; do
      as "$signer" peer channel signconfigtx -f "$work/update.pb" 2>"$work/log" || { cat "$work/log" >&2; fail "$signer does not sign"; }
    done
    try 30 as hospital-a peer channel update -f "$work/update.pb" -c "$channel" -o "$orderer" --tls --cafile "$orderer_ca"
  fi
  rm -rf "$work"
}

# has_joined: whether the newcomer's peer has the channel.
has_joined() { as "$name" peer channel list 2>/dev/null | grep -qx "$channel"; }

# knows_chaincode: whether the newcomer's peer has caught up as far as the chaincode's definition.
knows_chaincode() { [ -n "$(committed "$name")" ]; }

identities
change_configuration
say "joining the peer of $name …"
alive "peer-$name" || with_organisation "$name" start_peer
has_joined || join_channel "$name"
try 60 knows_chaincode
read -r version sequence <<<"$(committed "$name")"
say "installing and approving the chaincode, version $version …"
alive "chaincode-$name" || with_organisation "$name" install_chaincode "$version" "$(cat "$run/chaincode-main")" "chaincode-$name"
approve_chaincode "$name" "$version" "$sequence"
write_env
say "$name is on channel $channel as $msp; next: source $env_file"
