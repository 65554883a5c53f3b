#!/bin/bash
# Runs the apps of others that docs/third-party-apps.md lists, and prints what Stakeout answers for each.
#
#   scripts/third-party.sh DIR              check and run each DIR/NAME.apk of the list
#   scripts/third-party.sh DIR NAME...      only these
#   scripts/third-party.sh --table          only print the table of earlier runs
#
# An app whose SHA-256 is not the listed one is not run. Results: target/third-party/NAME (OUT sets another folder).
set -euo pipefail
cd "$(dirname "$0")/.."
stakeout=${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/stakeout
out=${OUT:-target/third-party}
list=docs/third-party-apps.md

case ${1:-} in
    --table) table=1; shift ;;
    -h | --help | '') sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) table=; dir=$(realpath -- "$1"); shift ;;
esac
mkdir -p "$out"

# The rows of the list: name, repository, commit, path, SHA-256, API
rows() { sed -nE 's/^\| ([^|]+) \| ([^|]+) \| ([0-9a-f]{40}) \| ([^|]+) \| ([0-9a-f]{64}) \| ([0-9]+) \|$/\1\t\5\t\6/p' "$list"; }

failed=0
run() {
    local name=$1 sha=$2 api=$3 code=0
    if [ ! -f "$dir/$name.apk" ]; then
        echo "third-party: \`$dir/$name.apk\` is missing" >&2; failed=1; return
    fi
    if ! echo "$sha  $dir/$name.apk" | sha256sum --status -c -; then
        echo "third-party: \`$dir/$name.apk\` is not the listed file" >&2; failed=1; return
    fi
    echo "== $name, API $api" >&2
    "$stakeout" run "$dir/$name.apk" --scenario idle-demo --trials 1 --api "$api" --device jvm --out "$out/$name" --force \
        >"$out/$name.txt" 2>"$out/$name.log" </dev/null || code=$?
    # 0 and 10 to 13 are answers; 2 and others say that there is none
    case $code in 0 | 10 | 11 | 12 | 13) ;; *) echo "third-party: \`$name\` ended with exit code $code" >&2; tail -n 5 "$out/$name.log" >&2; failed=1 ;; esac
    echo "$code" >"$out/$name.code"
}

if [ -z "$table" ]; then
    wanted=" $* "
    while IFS=$'\t' read -r name sha api; do
        if [ $# = 0 ] || [[ $wanted == *" $name "* ]]; then run "$name" "$sha" "$api"; fi
    done < <(rows)
fi

python3 - "$out" $(rows | cut -f1) <<'PY'
import json, os, sys
from collections import Counter

STATES = ["in_use", "foreground", "background", "screen_off", "doze", "after_reboot"]

def found(verdicts):
    """Each claim with evidence, but those that follow from the manifest alone, and the states it is answered for."""
    for v in verdicts:
        if v["device_state"] == "any" and v["verdict"] in ("proven", "supported") and v["rung"] != "declared":
            same = {w["device_state"]: w["verdict"] for w in verdicts if (w["kind"], w["rung"]) == (v["kind"], v["rung"])}
            states = [s for s in STATES if same.get(s) in ("proven", "supported")]
            yield f'{v["kind"]} {v["rung"]} {v["verdict"]} ({", ".join(states) or "no state"})'

def count(verdicts, sort):
    """How many claims of camera and microphone, and of data, have this answer over all states."""
    mine = [v["kind"] in ("camera", "microphone") for v in verdicts if v["device_state"] == "any" and v["verdict"] == sort]
    return f"{sum(mine)} + {len(mine) - sum(mine)}"

out, names = sys.argv[1], sys.argv[2:]
print("Claims are counted for camera and microphone + data, in any state.")
print()
print("| name | exit | found | not observed | inconclusive | reasons |")
print("| --- | --- | --- | --- | --- | --- |")
for name in names:
    path = os.path.join(out, name, "result.json")
    if not os.path.exists(path):
        print(f"| {name} | | not run | | | |")
        continue
    result = json.load(open(path))
    verdicts = result["verdicts"]
    code_path = os.path.join(out, name + ".code")
    code = open(code_path).read().strip() if os.path.exists(code_path) else ""
    reasons = Counter(r if isinstance(r, str) else json.dumps(r) for v in verdicts for r in v["reasons"])
    cells = [name, code, "; ".join(found(verdicts)), count(verdicts, "not_observed"), count(verdicts, "inconclusive"),
             "; ".join(r.replace("|", "/") for r, _ in reasons.most_common(4))]
    print("| " + " | ".join(cells) + " |")
PY
exit $failed
