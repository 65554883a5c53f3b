#!/bin/sh
# Prepares a Debian or Ubuntu machine to build, run and test Stakeout, and starts a container engine where nothing else
# does. Safe to run again: what is there already is left alone.
#
#   scripts/setup.sh             everything that `stakeout run` and the tests need
#   scripts/setup.sh --engine    only start the container engine
#   scripts/setup.sh --lint      also cargo-deny
set -eu

engine_only=; lint=
for a in "$@"; do
    case $a in
        --engine) engine_only=1 ;;
        --lint) lint=1 ;;
        -h|--help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) echo "unknown option \`$a\`" >&2; echo "hint: see $0 --help" >&2; exit 2 ;;
    esac
done

say() { echo "setup: $*" >&2; }
die() { say "$1"; [ $# -lt 2 ] || echo "hint: $2" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
root() { if [ "$(id -u)" = 0 ]; then "$@"; else have sudo || die "\`$1\` needs root" "run this script as root, or install sudo"; sudo "$@"; fi; }

packages="docker.io debootstrap iptables iproute2 nftables openjdk-17-jdk-headless maven aapt zipalign apksigner
    ffmpeg libavcodec-extra tshark chromium python3 zip unzip curl ca-certificates git build-essential cmake util-linux postgresql"

install_packages() {
    have apt-get || die "this is no Debian or Ubuntu: \`apt-get\` is missing" "install by hand: $(echo $packages)"
    missing=
    for p in $packages $(chromium_driver); do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $p"
    done
    if [ -z "$missing" ]; then say "all packages are installed"; return; fi
    say "about to install from this machine's package sources:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # tshark asks whether others than root may capture: they need not, it only reads files here.
    install="apt-get install -y --no-install-recommends"
    case " $missing " in *" postgresql "*) without_cluster >/tmp/stakeout-setup.$$ 2>&1 || { root apt-get update; without_cluster; } >>/tmp/stakeout-setup.$$ 2>&1 || true ;; esac
    root $install $missing >>/tmp/stakeout-setup.$$ 2>&1 || {
        root apt-get update >>/tmp/stakeout-setup.$$ 2>&1 || true
        root $install $missing >>/tmp/stakeout-setup.$$ 2>&1 || { tail -20 /tmp/stakeout-setup.$$ >&2; die "apt-get failed" "the whole output is in /tmp/stakeout-setup.$$"; }
    }
    rm -f /tmp/stakeout-setup.$$
}

# Tests start a PostgreSQL of their own from the package's programs: no cluster of the system is made or started for them. One
# that is there already is left alone.
without_cluster() {
    root apt-get install -y --no-install-recommends postgresql-common || return
    grep -q '^create_main_cluster' /etc/postgresql-common/createcluster.conf && return
    root sh -c 'echo "create_main_cluster = false" >>/etc/postgresql-common/createcluster.conf'
}

chromium_driver() { if apt-cache show chromium-driver >/dev/null 2>&1; then echo chromium-driver; else echo chromium-chromedriver; fi; }

install_cargo_tools() {
    have cargo || die "\`cargo\` is missing" "install Rust by rustup, then run this script again"
    tools=
    cargo nextest --version >/dev/null 2>&1 || tools="cargo-nextest"
    [ -z "$lint" ] || cargo deny --version >/dev/null 2>&1 || tools="$tools cargo-deny"
    for t in $tools; do
        say "about to build \`$t\` from its sources (some minutes)"
        # The target folder and static linking of this workspace are not for tools of the host.
        (cd / && cargo install --locked "$t" --target-dir "${TMPDIR:-/tmp}/stakeout-cargo-tools") || die "\`$t\` could not be built"
    done
}

answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

start_engine() {
    if v=$(answers) && [ -n "$v" ]; then say "the container engine $v answers"; return; fi
    have dockerd || die "no container engine answers, and \`dockerd\` is not installed" "run $0 without --engine, or set DOCKER_HOST"
    if [ -n "${DOCKER_HOST:-}" ]; then die "the engine at \`$DOCKER_HOST\` does not answer" "unset DOCKER_HOST to use one on this machine"; fi
    if [ -d /run/systemd/system ]; then
        say "starting docker.service"
        root systemctl start docker || die "docker.service does not start" "journalctl -u docker"
    else
        say "there is no init: starting dockerd in the background, its log is /var/log/stakeout-dockerd.log"
        root sh -c 'rm -f /var/run/docker.pid; setsid nohup dockerd --storage-driver overlay2 >>/var/log/stakeout-dockerd.log 2>&1 </dev/null &'
    fi
    i=0
    while ! v=$(answers) || [ -z "$v" ]; do
        i=$((i + 1))
        if [ $i -gt 120 ]; then
            tail -15 /var/log/stakeout-dockerd.log >&2 2>/dev/null || true
            die "the engine does not answer after a minute" "if its log speaks of iptables, try: update-alternatives --set iptables /usr/sbin/iptables-legacy"
        fi
        sleep 0.5
    done
    say "the container engine $v answers"
}

[ -n "$engine_only" ] || install_packages
start_engine
[ -n "$engine_only" ] || install_cargo_tools
say "ready; next: images/build.sh"
