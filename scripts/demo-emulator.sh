#!/bin/bash
# The emulator device without an emulator: what the sample apps do, played by the stand-in, through the whole product.
# Every page and document of it says that a stand-in played the phone: it tests us and says nothing of an app.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
stakeout=$target/x86_64-unknown-linux-gnu/release/stakeout
demo=$target/demo/emulator-fake
export STAKEOUT_SCENARIOS=$target/apps/scenarios
mkdir -p "$demo"
for name in loud quiet nag; do
    code=0
    echo "== stakeout run $name-played.apk --scenario emulator --device emulator-fake --out $demo/$name" >&2
    "$stakeout" run "$target/apps/$name-played.apk" --scenario emulator --device emulator-fake --out "$demo/$name" --force || code=$?
    case $code in 0 | 10 | 11 | 13) ;; *) echo "demo-emulator: \`$name\` ended with exit code $code" >&2; exit "$code" ;; esac
done
echo
for name in loud quiet nag; do
    "$stakeout" report "$demo/$name"
    "$stakeout" verify "$demo/$name/bundle.zip"
    echo
done
