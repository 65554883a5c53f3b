#!/bin/bash
# The programs of `make test-faults` once more, linked dynamically, in target/dynamic: a static one takes no library that sets its
# clock. Only the last step, the program itself, is done again; all crates below it are those of the static one.
set -euo pipefail

# As cargo's wrapper: the compiler and its arguments.
if [ $# -gt 0 ]; then
    "$@"
    # Packages alone are selected with other features than the whole workspace, and everything below them would be built again.
    case " $* " in *" --crate-type bin "*) ;; *) exit 0 ;; esac
    args=(); out=
    for a in "$@"; do
        case $out in
            name) case $a in stakeout | stakeout_farm) ;; *) exit 0 ;; esac ;;
            dir) a=$STAKEOUT_DYNAMIC ;;
        esac
        out=
        case $a in
            --crate-name) out=name ;;
            --out-dir) out=dir ;;
            target-feature=+crt-static) a="target-feature=-crt-static" ;;
            extra-filename=*) a=extra-filename= ;;
            incremental=*) a=incremental=$STAKEOUT_DYNAMIC/incremental ;;
        esac
        args+=("$a")
    done
    # Not to cargo, which reads what its own compiler says.
    "${args[@]}" >"$STAKEOUT_DYNAMIC/link.log" 2>&1 && exit 0
    echo "dynamic: a program could not be linked; the compiler's words are in $STAKEOUT_DYNAMIC/link.log" >&2
    exit 1
fi

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/dynamic"
export STAKEOUT_DYNAMIC=$PWD/$target/dynamic
# Cargo calls no compiler for what is there already.
touch orchestrator/cli/src/main.rs tests/farm/src/main.rs
# With the tests where these were built: the crates below have other features then.
RUSTC_WRAPPER=$PWD/scripts/dynamic.sh cargo build --release --locked --workspace --bins ${STAKEOUT_TESTS:+--tests}
mv "$STAKEOUT_DYNAMIC/stakeout_farm" "$STAKEOUT_DYNAMIC/stakeout-farm"
