#!/usr/bin/env bash
# Brings the two PROV tools of others that ours is compared with into a cache: PyPI's prov (Python 3.9 or newer) and
# ProvToolbox (Java 17, Maven). Writes prov.env, which npm run test:prov reads. MEDTRACE_PROV_CACHE: another place.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${MEDTRACE_PROV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/medtrace-prov}
for tool in python3 java mvn; do
  command -v "$tool" >/dev/null || { echo "prov: $tool is not on PATH" >&2; exit 1; }
done
mkdir -p "$cache"
[ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
"$cache/venv/bin/pip" install --quiet --disable-pip-version-check prov==3.2.3 rdflib==7.6.0 lxml==6.1.3
[ -d "$cache/libs" ] || mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/libs.new"
[ -d "$cache/libs" ] || mv "$cache/libs.new" "$cache/libs"
cat >"$here/prov.env" <<ENV
PROV_PYTHON=$cache/venv/bin/python
PROV_TOOLBOX=$cache/libs
ENV
