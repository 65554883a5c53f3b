#!/bin/bash
# All tests in layers, the quick ones first: lint, test-deploy, test-unit, test-java, test-containers, test-farm, test-e2e.
# Arguments choose layers; lint-tools (deny, machete, typos) runs only when it is asked for, as its tools take minutes to build; where
# cargo-deny is there already, lint asks it too.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOCKER_BUILDKIT=0
target=${CARGO_TARGET_DIR:-target}
layers=("$@")
[ ${#layers[@]} -gt 0 ] || layers=(lint test-deploy test-unit test-java test-containers test-farm test-e2e)
began=$SECONDS
say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - began)); }

scripts/setup.sh
prepared=
prepare() {
    [ -z "$prepared" ] || return 0
    prepared=1
    say "programs and images"
    # With the tests: their crates have some features more, and those of the layer before are used again.
    cargo build --release --locked --workspace --bins --tests
    images/build.sh gateway jvm analysis emulator-fake
}

# Which crates may be in the tree, under which licences, from where: seconds, where its tool is.
dependencies() {
    if cargo deny --version >/dev/null 2>&1; then
        cargo deny --offline --locked check bans licenses sources
    else
        echo "lint: \`cargo deny\` is not here, so bans, licences and sources of crates are not looked at: \`scripts/setup.sh --lint\` builds it" >&2
    fi
}

for layer in "${layers[@]}"; do
    say "$layer"
    case $layer in
        lint)
            cargo fmt --all --check
            cargo clippy --release --locked --workspace --all-targets -- -D warnings
            scripts/sbom.py --out "$target/sbom.cdx.json"
            scripts/sbom.py --check "$target/sbom.cdx.json"
            dependencies
            ;;
        # Without the network, once its tools and the crates are there. Known holes (`cargo deny check advisories`) need it.
        lint-tools)
            scripts/setup.sh --lint
            # shellcheck source=deploy/tools.sh
            . deploy/tools.sh
            dependencies
            cargo machete
            "$typos"
            ;;
        # Needs no engine, no program of ours and, once its tools are there, no network. `deploy` is another name of it.
        test-deploy | deploy)
            scripts/setup.sh --deploy
            deploy/check.sh
            ;;
        # Needs root, nft, tshark and ffmpeg, and no engine.
        test-unit) cargo nextest run --release --locked --workspace -E 'not (package(stakeout-e2e) or binary(docker))' ;;
        test-java)
            images/jvm/test.sh
            tests/frida/test.sh
            ;;
        test-containers)
            prepare
            tests/apps/build.sh "$target/apps" --only loud,conform
            cargo nextest run --release --locked --workspace --profile e2e -E 'binary(docker)'
            images/emulator/test.sh
            ;;
        test-e2e)
            prepare
            tests/apps/build.sh "$target/apps"
            cargo nextest run --release --locked --workspace --profile e2e -E 'package(stakeout-e2e)'
            scripts/setup.sh --deploy
            deploy/compose/try.sh "$target/apps/quiet.apk"
            ;;
        # The server from the outside, and a short cut of `make test-faults`.
        test-farm)
            prepare
            tests/apps/build.sh "$target/apps" --only quiet
            tests/schemathesis.sh
            unshare --mount --propagation private "$target/x86_64-unknown-linux-gnu/release/stakeout-farm" faults --faults 12 --out "$target/bench/faults-short.json"
            ;;
        *) echo "test: unknown layer \`$layer\`" >&2; exit 2 ;;
    esac
done
say "all layers passed: ${layers[*]}"
