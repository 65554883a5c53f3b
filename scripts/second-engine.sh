#!/bin/bash
# A Docker engine of its own beside the one that runs: other folders, another socket, and a network namespace of its own, since
# two engines in one take each other's bridge and rules away. For trying walls (user namespaces, other runtimes) and for tracing.
# Needs root.
#
#   scripts/second-engine.sh start DIR [DOCKERD-OPTION..]      says the DOCKER_HOST to use
#   scripts/second-engine.sh images DIR IMAGE..                copies images of the first engine into it
#   scripts/second-engine.sh stop DIR                          ends it; DIR stays
#   scripts/second-engine.sh remove DIR                        ends it and removes DIR
#
# Cells of scenarios with `policy: live` reach nothing from it.
set -euo pipefail
die() { echo "second-engine: $1" >&2; echo "hint: $2" >&2; exit 1; }
[ $# -ge 2 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
what=$1 dir=$(realpath -m "$2"); shift 2
# A socket's path has at most 107 characters, and containerd makes some of its own below.
run=/run/stakeout-engine-$(echo -n "$dir" | sha256sum | cut -c1-8)
socket=$run/docker.sock pid=$run/docker.pid

stop() {
    [ ! -e "$pid" ] || { n=$(cat "$pid") && kill "$n" 2>/dev/null && tail --pid="$n" -f /dev/null; } || true
    rm -f "$pid"
}

case $what in
    start)
        mkdir -p "$dir" "$run"
        [ ! -e "$pid" ] || die "it runs already" "$0 stop $dir"
        setsid unshare --net sh -c 'ip link set lo up && exec dockerd "$@"' dockerd --data-root "$dir/data" --exec-root "$run/exec" \
            --pidfile "$pid" -H "unix://$socket" "$@" >"$dir/dockerd.log" 2>&1 </dev/null &
        engine=$!
        for _ in $(seq 150); do
            docker -H "unix://$socket" version >/dev/null 2>&1 && { echo "DOCKER_HOST=unix://$socket"; exit; }
            kill -0 "$engine" 2>/dev/null || break
            sleep 0.2
        done
        tail -5 "$dir/dockerd.log" >&2
        die "it did not start" "its log is $dir/dockerd.log"
        ;;
    images) for image in "$@"; do docker save "$image" | docker -H "unix://$socket" load -q; done ;;
    stop) stop ;;
    remove)
        stop
        rm -rf "$dir" "$run"
        ;;
    *) die "unknown \`$what\`" "start, images, stop or remove" ;;
esac
