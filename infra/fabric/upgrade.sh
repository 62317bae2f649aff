#!/usr/bin/env bash
# The chaincode's next version on the running channel, by one command: upgrade.sh [MAIN]. Both versions run until every
# peer has the new definition; then the old one ends. MAIN is the new version's entry (chaincode/src/fabric/main.ts).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
need_executables
not_in_docker upgrade.sh
main=$(realpath "${1:-$chaincode_main}")
[ -f "$main" ] || fail "there is no $main"
[ -e "$run/genesis.block" ] || fail "there is no network; infra/fabric/up.sh starts one"
names=$(awk '{print $1}' <<<"$organisations")

read -r version sequence <<<"$(committed hospital-a)"
[ -n "$sequence" ] || fail "no chaincode is committed"
next=$((version + 1))
say "installing and approving version $next, beside version $version …"
for name in $names; do
  # One that broke off may have left its own behind.
  end "chaincode-$name-next"
  with_organisation "$name" install_chaincode "$next" "$main" "chaincode-$name-next"
  approve_chaincode "$name" "$next" $((sequence + 1))
done
say "committing version $next …"
commit_chaincode "$next" $((sequence + 1))
printf '%s' "$main" >"$run/chaincode-main"
for name in $names; do
  try 60 is_committed "$name" "$next"
  end "chaincode-$name"
  for suffix in start pid log; do mv "$run/chaincode-$name-next.$suffix" "$run/chaincode-$name.$suffix"; done
done
say "channel $channel has version $next of $chaincode"
