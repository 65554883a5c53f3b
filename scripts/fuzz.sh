#!/bin/bash
# Fuzzes every parser that is ours with libFuzzer; the compiler's own coverage is enough, so a stable toolchain and g++ will do.
#   scripts/fuzz.sh [SECONDS] [TARGET ...]     default: 60 seconds for each; what breaks one is kept in target/fuzz/TARGET/
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
mapfile -t all < <(sed -n 's/^name = "\(.*\)"$/\1/p' tests/fuzz/Cargo.toml | grep -v stakeout-fuzz)
[ $# -gt 0 ] && all=("$@")
target=$PWD/${CARGO_TARGET_DIR:-target}/fuzz
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
bins=()
for t in "${all[@]}"; do bins+=(--bin "$t"); done
# A target is named, so that what runs while building is not instrumented.
triple=$(rustc -vV | sed -n 's/^host: //p')
CARGO_TARGET_DIR=$target/build cargo build --release --manifest-path tests/fuzz/Cargo.toml --target "$triple" "${bins[@]}"
failed=0
for t in "${all[@]}"; do
    mkdir -p "$target/$t/corpus"
    seeds=()
    [ -d "tests/fuzz/seeds/$t" ] && seeds=("tests/fuzz/seeds/$t")
    echo "== fuzz $t, $seconds s"
    "$target/build/$triple/release/$t" "$target/$t/corpus" "${seeds[@]}" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=3000 -max_len=65536 \
        -artifact_prefix="$target/$t/" -print_final_stats=1 2> >(grep -E "^(==|#.*DONE|stat::|SUMMARY|artifact_prefix|thread|MS:)" >&2) || failed=1
done
exit $failed
