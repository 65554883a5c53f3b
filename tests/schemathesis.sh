#!/bin/bash
# The API against its own document: schemathesis sends what the document allows and what it forbids, and every answer must be one
# that the document has. It serves a new farm, asks as its admin, and is over in a minute and a half.
#
#   tests/schemathesis.sh [OPTION of `schemathesis run` ...]
#
# STAKEOUT_SERVE is the command that serves, the built `stakeout serve` if not given. The tool is installed from PyPI, once,
# into ~/.cache/stakeout/tools.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=deploy/tools.sh
. deploy/tools.sh
version=4.32.5
venv=$tools/schemathesis-$version
serve=${STAKEOUT_SERVE:-${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/stakeout serve}

if [ ! -e "$venv/done" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "schemathesis==$version"
    touch "$venv/done"
fi

dir=$(mktemp -d)
server=
end() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$dir"
}
trap end EXIT
# The command may have words of its own.
# shellcheck disable=SC2086
$serve --listen 127.0.0.1:0 --store "$dir/db" --blobs "$dir/blobs" --key "$dir/op.pem" --seal-key "$dir/seal" \
    --admin-token-file "$dir/admin.token" 2>"$dir/log" &
server=$!
url=
for _ in $(seq 300); do
    url=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$dir/log" | head -n 1)
    [ -z "$url" ] || break
    kill -0 "$server" 2>/dev/null || { echo "schemathesis: the server did not start:" >&2; cat "$dir/log" >&2; exit 2; }
    sleep 0.1
done
[ -n "$url" ] || { echo "schemathesis: the server does not say where it listens" >&2; exit 2; }

# What it learns it keeps beside its work.
root=$PWD
export SCHEMATHESIS_HOOKS=$root/tests/schemathesis_hooks.py
cd "$dir"
admin=$(cat admin.token)
ask() { # TOKEN OPTION..
    local token=$1
    shift
    "$venv/bin/schemathesis" --config-file "$root/tests/schemathesis.toml" run "$url/v1/openapi.json" -H "Authorization: Bearer $token" \
        --warnings off "$@"
}
worker=$(curl -sSf -H "Authorization: Bearer $admin" -H 'Content-Type: application/json' -d '{"role": "worker"}' "$url/v1/tokens" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["secret"])')

failed=
# What takes its own token away, or bounds its own requests, would leave the rest unasked.
ask "$admin" --exclude-path-regex '^/v1/leases|/heartbeat$' --exclude-operation-id revokeToken --exclude-operation-id putTenant "$@" || failed=1
ask "$worker" --include-path-regex '^/v1/leases|/heartbeat$' --phases coverage,fuzzing "$@" || failed=1
ask "$admin" --include-operation-id revokeToken --include-operation-id putTenant --phases coverage,fuzzing "$@" || failed=1
if grep -E ' (ERROR|panicked)' "$dir/log"; then
    echo "schemathesis: the server's log has errors" >&2
    failed=1
fi
[ -z "$failed" ] || exit 1
