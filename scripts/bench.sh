#!/bin/bash
# Measures what a trial costs and how well the codes are read. Prints tables; writes
# target/bench/{trials,emulator,codes-camera,codes-sound,side-by-side}.json.
#   scripts/bench.sh [trials] [emulator] [codes] [side]     default: all
#   emulator: what is ours around trials of the emulator device, played by the stand-in, one and 16 at once
#   side: our codes beside a perceptual hash, QR codes and a sound fingerprint, on the same pictures and sounds
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
release=$target/x86_64-unknown-linux-gnu/release bench=$target/bench
mkdir -p "$bench"
what=("$@")
[ ${#what[@]} -gt 0 ] || what=(trials emulator codes side)
for w in "${what[@]}"; do
    case $w in
        trials) python3 scripts/bench_trials.py "$release/stakeout" "$target/apps" "$bench" ;;
        emulator)
            tests/apps/build.sh "$target/apps" --only loud-played
            images/build.sh --quiet gateway analysis emulator-fake
            python3 scripts/bench_emulator.py "$release/stakeout" "$target/apps" "$bench"
            ;;
        codes)
            cargo build --release --locked -p stakeout-feed --example codes_table
            for table in camera sound; do
                echo "== codes: $table"
                "$release/examples/codes_table" "$bench/codes-$table.json" "${BENCH_SAMPLES:-8}" "$table"
            done
            ;;
        side)
            cargo build --release --locked -p stakeout-feed --example side_by_side
            echo "== our codes beside others"
            "$release/examples/side_by_side" "$bench/side-by-side.json" "${BENCH_SAMPLES:-8}"
            ;;
        *) echo "bench: unknown part \`$w\`" >&2; exit 2 ;;
    esac
done
