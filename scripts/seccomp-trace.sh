#!/bin/bash
# Which system calls the containers of trials make, and whether the profiles in worker/containers/seccomp fit: run it after a
# change of JDK, of a base image, of ffmpeg, of a library that speaks with the kernel. Takes some minutes; trials are slow under
# strace.
#
#   scripts/seccomp-trace.sh [APP..]      default: loud loud:23 quiet nag exits, and the conformance suite (`conform`)
#
# An APP is a sample app's name, with an API level after a colon if it is another than the scenario's. Each is run on an engine of
# its own (second-engine.sh), where containers have the engine's default filter and their first process starts under strace. What
# that filter refuses is not seen, and fails with ours too. target/seccomp/calls.json has what was called, with how often.
#
# Needs root, strace, the programs and images (make images) and the apps (tests/apps/build.sh target/apps).
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath "${CARGO_TARGET_DIR:-target}")
stakeout=$target/x86_64-unknown-linux-gnu/release/stakeout
state=$target/seccomp engine=$target/seccomp/engine
apps=("$@")
[ ${#apps[@]} -gt 0 ] || apps=(loud loud:23 quiet nag exits conform)
command -v strace >/dev/null || { echo "seccomp-trace: \`strace\` is missing" >&2; echo "hint: apt-get install strace" >&2; exit 1; }

rm -rf "$state/traces"
mkdir -p "$state/traces" "$state/out"
# The engine calls this as its runtime. strace steps aside (-DDD), so that the runtime is the engine's own child; calls that are
# made all the time are let through without a stop.
cat >"$state/traced" <<EOF
#!/bin/bash
runc=$(command -v runc) bundle=.
args=("\$@")
for i in "\${!args[@]}"; do
    case \${args[i]} in
        --bundle) bundle=\${args[i + 1]} ;;
        --bundle=*) bundle=\${args[i]#*=} ;;
        create) create=1 ;;
    esac
done
[ -n "\${create:-}" ] || exec "\$runc" "\$@"
case \$(tr -d ' \n' <"\$bundle/config.json" | grep -o '"args":\[[^]]*\]' | head -1) in
    *stakeout-gateway*) kind=gateway ;;
    *stakeout-device*emulator*) kind=emulator ;;
    *stakeout-device*) kind=jvm ;;
    *analyze*) kind=analysis ;;
    *) kind=other ;;
esac
exec strace -DDD -f --seccomp-bpf --decode-pids=pidns -X raw -s 0 -e 'trace=!read,write,futex' -o "$state/traces/\$kind.\$\$" "\$runc" "\$@"
EOF
chmod +x "$state/traced"

trap 'scripts/second-engine.sh stop "$engine"' EXIT
scripts/second-engine.sh stop "$engine"
scripts/second-engine.sh start "$engine" --add-runtime "traced=$state/traced" --default-runtime traced >"$state/host"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
images=()
for i in gateway jvm analysis emulator-fake; do
    ! docker image inspect "stakeout/$i:$version" >/dev/null 2>&1 || images+=("stakeout/$i:$version")
done
scripts/second-engine.sh images "$engine" "${images[@]}"

export "$(cat "$state/host")" STAKEOUT_SECCOMP=engine STAKEOUT_SCENARIOS=$target/apps
for a in "${apps[@]}"; do
    name=${a%%:*} api=${a#"$name"} code=0
    echo "== $a" >&2
    case $name in
        conform)
            "$stakeout" conformance --device jvm --app "$target/apps/conform.apk" >"$state/out/conform.txt" || code=$?
            [[ " ${images[*]} " != *emulator-fake* ]] || "$stakeout" conformance --device emulator --on fake --app "$target/apps/conform.apk" >"$state/out/conform-fake.txt" || code=$?
            ;;
        exits) "$stakeout" run "$target/apps/exits.apk" --scenario "$target/apps/scenarios/exits.yaml" --trials 1 --slots 1 --out "$state/out/exits" --force >/dev/null || code=$? ;;
        *) "$stakeout" run "$target/apps/$name.apk" --scenario idle-demo ${api:+--api "${api#:}"} --trials 1 --slots 1 --out "$state/out/$name${api/:/-}" --force >/dev/null || code=$? ;;
    esac
    case $code in 0 | 10 | 11 | 13) ;; *) echo "seccomp-trace: \`$a\` ended with exit code $code" >&2 ;; esac
done
scripts/second-engine.sh stop "$engine"
scripts/seccomp_calls.py "$state/traces" worker/containers/seccomp --out "$state/calls.json"
