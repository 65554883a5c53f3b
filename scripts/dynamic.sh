#!/bin/bash
# The programs of `make test-faults` once more, linked dynamically, in target/dynamic: a static one takes no library that sets its
# clock. Only the last step, the program itself, is compiled again; all crates below it are those of the static one.
set -euo pipefail

# As cargo's wrapper: this script before the compiler. Both values of the setting together would count as the static one.
if [ "${1-}" != "" ]; then
    args=()
    for a in "$@"; do
        if [ "$a" = target-feature=+crt-static ]; then a=target-feature=-crt-static; fi
        args+=("$a")
    done
    case " $* " in *" stakeout_dynamic "*) exec "${args[@]}" ;; *) exec "$@" ;; esac
fi

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
release=$target/x86_64-unknown-linux-gnu/release
mkdir -p "$target/dynamic"
for name in stakeout stakeout-farm; do
    RUSTC_WRAPPER=$PWD/scripts/dynamic.sh cargo rustc --release --locked -p "$name" --bin "$name" -- --cfg stakeout_dynamic
    cp "$release/$name" "$target/dynamic/"
done
# Those beside the others are the static ones again.
cargo build --release --locked -p stakeout -p stakeout-farm --bins
