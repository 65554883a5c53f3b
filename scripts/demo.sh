#!/bin/bash
# The main job, as a user would run it: each sample app from its APK to verdicts, report and bundle.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
stakeout=$target/x86_64-unknown-linux-gnu/release/stakeout
apps=$target/apps demo=target/demo
export STAKEOUT_SCENARIOS=$apps
mkdir -p "$demo"

# Two rows of runs side by side, a trial at a time each: a trial is mostly one thread's work.
rows=()
stop() {
    trap - INT TERM
    for p in "${rows[@]}"; do kill -INT -- "-$p" 2>/dev/null || true; done
    wait
    exit 130
}
trap stop INT TERM

# run NAME APP OPTIONS...: 0, 10 and 11 are answers; anything else is a failure
run() {
    local name=$1 app=$2 code=0; shift 2
    echo "$name: stakeout run $app.apk $* --out $demo/$name" >&2
    "$stakeout" run "$apps/$app.apk" "$@" --device jvm --slots 1 --out "$demo/$name" --force >"$demo/$name.log" 2> >(sed -u "s/^/$name: /" >&2) || code=$?
    case $code in 0 | 10 | 11) ;; *) echo "demo: \`$name\` ended with exit code $code" >&2; exit "$code" ;; esac
}

# What a foreground service decides: without one, today's Android refuses, that of the accusation does not. old-23 plays the shutter.
first() {
    run loud loud --scenario idle-demo --trials 3
    run quiet quiet --scenario idle-demo --trials 3
    run no-service-34 loud-nofgs --scenario idle-demo --trials 1
}
second() {
    run loud-23 loud --scenario idle-demo --trials 3 --api 23
    run nag nag --scenario idle-demo --trials 3
    run no-service-23 loud-nofgs --scenario idle-demo --trials 1 --api 23
    run old-23 loud-old --scenario idle-demo --trials 1 --api 23
}

set -m
first & rows+=($!)
second & rows+=($!)
set +m
for p in "${rows[@]}"; do wait "$p"; done

echo
for d in loud quiet nag loud-23 no-service-34 no-service-23 old-23; do
    "$stakeout" report "$demo/$d"
    "$stakeout" verify "$demo/$d/bundle.zip"
    echo
done
