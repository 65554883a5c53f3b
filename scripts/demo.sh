#!/bin/bash
# The main job, as a user would run it: each sample app from its APK to verdicts, report and bundle.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
stakeout=$target/x86_64-unknown-linux-gnu/release/stakeout
apps=$target/apps demo=target/demo
export STAKEOUT_SCENARIOS=$apps
mkdir -p "$demo"

# run NAME APP OPTIONS...: 0, 10, 11 and 13 are answers; anything else is a failure
run() {
    local name=$1 app=$2 code=0; shift 2
    echo "stakeout run $app.apk $* --out $demo/$name" >&2
    "$stakeout" run "$apps/$app.apk" "$@" --device jvm --out "$demo/$name" --force || code=$?
    case $code in 0 | 10 | 11 | 13) ;; *) echo "demo: \`$name\` ended with exit code $code" >&2; return "$code" ;; esac
}

# also NAME APP OPTIONS...: runs it beside the others, three at a time. Each line says whose it is; the tables come at the end.
running=0 names=()
also() {
    [ "$running" -lt 3 ] || next
    names+=("$1")
    { run "$@" 2>&1 >/dev/null | sed -un "/^[a-z]/s/^/$1: /p" >&2 && shown "$1" >"$demo/$1/table.txt"; } & running=$((running + 1))
}
shown() {
    "$stakeout" report "$demo/$1"
    "$stakeout" verify "$demo/$1/bundle.zip"
}
next() {
    local code=0
    wait -n || code=$?
    [ "$code" = 0 ] || { wait; exit "$code"; }
    running=$((running - 1))
}
trap 'wait; exit 130' INT

also loud loud --scenario idle-demo --trials 3
also loud-23 loud --scenario idle-demo --trials 3 --api 23
also quiet quiet --scenario idle-demo --trials 3
also nag nag --scenario idle-demo --trials 3
# What a foreground service decides: without one, today's Android refuses, that of the accusation does not. It plays the shutter.
also no-service-23 loud-nofgs --scenario idle-demo --trials 1 --api 23
also old-23 loud-old --scenario idle-demo --trials 1 --api 23
also no-service-34 loud-nofgs --scenario idle-demo --trials 1
while [ "$running" -gt 0 ]; do next; done

for d in "${names[@]}"; do
    echo
    cat "$demo/$d/table.txt"
    rm "$demo/$d/table.txt"
done
