#!/usr/bin/env bash
# A peer's ledger made anew from the orderers' blocks: rebuild-peer.sh ORGANISATION. For a peer whose data is lost, or
# was changed. Its identity and its approvals stay; the other peers endorse meanwhile.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
need_executables
not_in_docker rebuild-peer.sh
name=${1:-}
[ -n "$name" ] && [ -s "$run/peer-$name.start" ] || fail "rebuild-peer.sh ORGANISATION, one of: $(awk '{printf "%s ", $1}' <<<"$organisations")"

# Any other organisation's peer knows which version there is.
other=$(awk -v name="$name" '$1 != name {print $1; exit}' <<<"$organisations")
version=$(committed "$other" | cut -d" " -f1)
[ -n "$version" ] || fail "the peer of $other does not know the chaincode"
end "peer-$name"
rm -rf "$run/peer-$name"
launch "peer-$name"
join_channel "$name"
try 30 as "$name" peer lifecycle chaincode install "$run/$name-$version.tar.gz"
try 120 is_committed "$name" "$version"
say "the peer of $name has the channel again, up to the chaincode's version $version"
