#!/bin/bash
# Builds the images that cells are made of: stakeout/base, stakeout/gateway, stakeout/jvm, stakeout/analysis, and for tests
# stakeout/emulator-fake. (Those of the emulator device are built by `stakeout images build emulator`.) And stakeout/server,
# for a farm in containers: no cell is made of it.
#
#   images/build.sh [--quiet] [IMAGE...]      default: gateway, jvm, analysis
#
# An image's tag is the digest of all that it is made from, so a second run with nothing changed builds nothing; the
# version's tag (`stakeout/jvm:0.1.0`) is then moved to it; STAKEOUT_IMAGES_TAG is another tag, for several checkouts on
# one host (`STAKEOUT_IMAGE_JVM=stakeout/jvm:mine stakeout run …`). `target/images/NAME.key` says which one that is.
#
# Needs a container engine (scripts/setup.sh), the release binaries (cargo build --release) for all but `base`, and what
# images/jvm/build.sh needs for `jvm`. Debian's packages come from STAKEOUT_DEBIAN_MIRROR, else from where this machine has its own; proxies
# of the environment or of this machine's apt are used while building and are not kept in an image.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(dirname "$here")
export DOCKER_BUILDKIT=0
say() { [ -n "${quiet:-}" ] || echo "images: $*" >&2; }
die() { echo "images: $1" >&2; [ $# -lt 2 ] || echo "hint: $2" >&2; exit 1; }

wanted=()
for a in "$@"; do
    case $a in
        --quiet) quiet=1 ;;
        base | gateway | java | jvm | analysis | emulator-fake | server) wanted+=("$a") ;;
        *) die "unknown image \`$a\`" "the images are base, gateway, jvm (on java), analysis, emulator-fake and server" ;;
    esac
done
[ ${#wanted[@]} -gt 0 ] || wanted=(gateway jvm analysis)

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$repo/Cargo.toml")
target=${CARGO_TARGET_DIR:-$repo/target}
release=$target/x86_64-unknown-linux-gnu/release
state=$target/images
mkdir -p "$state"
docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || die "no container engine answers" "scripts/setup.sh --engine starts one"
exec 9>"$state/.lock"; flock 9

proxy=${http_proxy:-$(apt-config shell p Acquire::http::Proxy 2>/dev/null | sed "s/^p='\(.*\)'$/\1/" || true)}
# The archive that this machine itself uses, if it is a Debian; else what debootstrap and the base image know.
own_mirror() { apt-get indextargets --format '$(ORIGIN) $(SITE)' 'Created-By: Packages' 2>/dev/null | sed -n 's/^Debian \(.*\/debian\)$/\1/p' | head -1; }
mirror=${STAKEOUT_DEBIAN_MIRROR:-$(own_mirror || true)}
# Docker knows these arguments by name and leaves them out of an image's history.
network=(--network host ${proxy:+--build-arg "http_proxy=$proxy"} ${https_proxy:+--build-arg "https_proxy=$https_proxy"})

key_of() { sha256sum "$@" | cut -d' ' -f1 | sha256sum | cut -c1-16; }
built() { docker image inspect "$1" >/dev/null 2>&1; }

# image NAME KEY DOCKERFILE CONTEXT ARGUMENTS...: builds it unless that key exists
image() {
    local name=$1 key=$2 dockerfile=$3 context=$4; shift 4
    if ! built "stakeout/$name:$key"; then
        say "building $name ($key)"
        local log=$state/$name.log
        docker build "${network[@]}" "$@" --label "org.stakeout.image=$name" --label "org.stakeout.version=$version" \
            --label "org.stakeout.key=$key" -t "stakeout/$name:$key" -f "$dockerfile" "$context" >"$log" 2>&1 \
            || { tail -30 "$log" >&2; die "image \`$name\` could not be built" "the whole output is in $log"; }
    fi
    echo "$key" >"$state/$name.key"
    docker tag "stakeout/$name:$key" "stakeout/$name:${STAKEOUT_IMAGES_TAG:-$version}"
}

# The release binary of a program, without its symbols, in a folder of its own that is the build's context.
program() {
    local from=$release/$1 to=$state/$1.context
    [ -x "$from" ] || die "\`$from\` is missing" "cargo build --release -p $2"
    mkdir -p "$to"
    if [ ! -e "$to/$1" ] || [ "$from" -nt "$to/$1" ]; then
        if command -v strip >/dev/null; then strip -o "$to/.new" "$from"; else cp "$from" "$to/.new"; fi
        mv "$to/.new" "$to/$1"
        sha256sum <"$to/$1" >"$state/$1.sum"
    fi
}

hub_is_reachable() { case $(curl -s -o /dev/null --max-time 4 -w '%{http_code}' https://registry-1.docker.io/v2/) in 200 | 401) true ;; *) false ;; esac; }

base() {
    base_key=$(key_of "$here"/base/*)
    local seed=stakeout/debian:$base_key pinned
    pinned=$(cat "$here/base/debian")
    if ! built "stakeout/base:$base_key" && ! built "$seed"; then
        if hub_is_reachable && say "pulling $pinned" && docker pull -q "$pinned" >/dev/null; then
            docker tag "$pinned" "$seed"
        else
            say "Docker Hub does not answer: making Debian from its packages (about a minute)"
            [ "$(id -u)" = 0 ] || die "debootstrap needs root" "run this script as root, or docker tag a bookworm-slim as $seed"
            local root=$state/debian.root
            rm -rf "$root"
            http_proxy=$proxy debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"} >"$state/debootstrap.log" 2>&1 \
                || { tail -5 "$state/debootstrap.log" >&2; die "debootstrap failed" "the whole output is in $state/debootstrap.log"; }
            tar -C "$root" --exclude=./var/cache/apt/archives/*.deb --exclude=./var/lib/apt/lists/* -c . | docker import - "$seed" >/dev/null
            rm -rf "$root"
        fi
    fi
    image base "$base_key" "$here/base/Dockerfile" "$here/base" --build-arg "SEED=$seed" --build-arg "MIRROR=$mirror"
}

gateway() {
    program stakeout-gateway stakeout-gateway
    image gateway "$(key_of "$state"/{base.key,stakeout-gateway.sum} "$here/gateway/Dockerfile")" \
        "$here/gateway/Dockerfile" "$state/stakeout-gateway.context" --build-arg "BASE=stakeout/base:$base_key"
}

analysis() {
    program stakeout stakeout
    image analysis "$(key_of "$state"/{base.key,stakeout.sum} "$here/analysis/Dockerfile")" \
        "$here/analysis/Dockerfile" "$state/stakeout.context" --build-arg "BASE=stakeout/base:$base_key"
}

server() {
    program stakeout stakeout
    image server "$(key_of "$state"/{base.key,stakeout.sum} "$here/server/Dockerfile")" \
        "$here/server/Dockerfile" "$state/stakeout.context" --build-arg "BASE=stakeout/base:$base_key"
}

# The Java parts are large and change apart from the program, so they are an image of their own below it.
java() {
    local java=$state/java
    "$here/jvm/build.sh" "$java"
    image java "$(key_of "$state/base.key" "$java/.jars-stamp" "$java/.stamp" "$here/jvm/java.Dockerfile")" \
        "$here/jvm/java.Dockerfile" "$java" --build-arg "BASE=stakeout/base:$base_key"
}

jvm() {
    program stakeout-device stakeout-device
    java
    image jvm "$(key_of "$state"/{java.key,stakeout-device.sum} "$here/jvm/Dockerfile")" \
        "$here/jvm/Dockerfile" "$state/stakeout-device.context" --build-arg "JAVA=stakeout/java:$(cat "$state/java.key")"
}

# The device's programs, its probe and the stand-in, in one context.
emulator-fake() {
    program stakeout-device stakeout-device
    program stakeout-keeper stakeout-keeper
    program fake-emulator fake-emulator
    local context=$state/emulator-fake.context
    mkdir -p "$context"
    "$repo/tests/apps/build.sh" "$target/apps" --only probe
    cp "$target/apps/probe.apk" "$here"/emulator-fake/*.ini "$state/stakeout-device.context/stakeout-device" "$state/stakeout-keeper.context/stakeout-keeper" "$state/fake-emulator.context/fake-emulator" "$context/"
    image emulator-fake "$(key_of "$state"/{base.key,stakeout-device.sum,stakeout-keeper.sum,fake-emulator.sum} "$context/probe.apk" "$here"/emulator-fake/*)" \
        "$here/emulator-fake/Dockerfile" "$context" --build-arg "BASE=stakeout/base:$base_key"
}

base
for name in "${wanted[@]}"; do
    [ "$name" = base ] || "$name"
done
say "ready: $(for n in "${wanted[@]}"; do printf 'stakeout/%s:%s ' "$n" "$(cat "$state/$n.key")"; done)"
