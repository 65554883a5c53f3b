#!/bin/bash
# Builds the emulator's images from stand-in archives and looks into them: that the context is complete, the Dockerfiles build on
# this project's base, every package of Debian's is there, users, rights and labels are as they should be. Nothing of Google's is
# fetched, and no emulator is started.
#
#   images/emulator/test.sh [BASE]      default: the base image that images/build.sh made last
#
# Needs a container engine. With images/build.sh's `base` built, no network but Debian's archive is used.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(dirname "$(dirname "$here")")
target=${CARGO_TARGET_DIR:-$repo/target}
export DOCKER_BUILDKIT=0
die() { echo "emulator test: $1" >&2; [ $# -lt 2 ] || echo "hint: $2" >&2; exit 1; }

docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || die "no container engine answers" "scripts/setup.sh --engine starts one"
base=${1:-}
if [ -z "$base" ]; then
    [ -e "$target/images/base.key" ] || die "there is no base image" "images/build.sh base"
    base=stakeout/base:$(cat "$target/images/base.key")
fi
work=$(mktemp -d)
made=()
clean() { rm -rf "$work"; [ ${#made[@]} = 0 ] || docker rmi -f "${made[@]}" >/dev/null 2>&1 || true; }
trap clean EXIT

context() { cargo run --quiet --release --locked --manifest-path "$repo/Cargo.toml" -p stakeout-sdk --example emulator_context -- "$@"; }
context --stand-in "$work/sdk"
mkdir "$work/out"
printf '#!/bin/sh\nexec echo stand-in device "$@"\n' >"$work/stakeout-device"

# Without acceptance there is no context, and the message names the licence and the flag.
if context "$work/sdk" "$work/out" "$base" "$work/stakeout-device" 2>"$work/refused"; then die "a context was made without acceptance"; fi
grep -q 'LicensesNotAccepted.*stand-in-license' "$work/refused" || die "the refusal says something else: $(cat "$work/refused")"
context "$work/sdk" "$work/out" "$base" "$work/stakeout-device" --accept-licenses

proxy=${http_proxy:-$(apt-config shell p Acquire::http::Proxy 2>/dev/null | sed "s/^p='\(.*\)'$/\1/" || true)}
network=(--network host ${proxy:+--build-arg "http_proxy=$proxy"} ${https_proxy:+--build-arg "https_proxy=$https_proxy"})
# A tag of this run only, so that nobody takes a stand-in for an emulator.
run=test-$$
build() { # NAME ARGUMENTS..
    local name=$1 image=stakeout-test/emulator-$1:$run; shift
    docker build "${network[@]}" "$@" -t "$image" - <"$work/out/$name.tar" >"$work/$name.log" 2>&1 || { tail -20 "$work/$name.log" >&2; die "the image \`$name\` could not be built"; }
    made=("$image" "${made[@]}")
}
build sdk --build-arg "BASE=$base"
build device --build-arg "SDK=stakeout-test/emulator-sdk:$run"

image=stakeout-test/emulator-device:$run
inside() { docker run --rm --network none --entrypoint "" "$@"; }
expect() { local what=$1 want=$2 got=$3; [ "$got" = "$want" ] || die "$what: \`$got\`, and \`$want\` is expected"; echo "ok: $what"; }
expect "first process" "stand-in device --kind emulator" "$(docker run --rm --network none "$image")"
expect "emulator runs as the app's user" "stand-in emulator" "$(inside --user 10001 "$image" /opt/android/sdk/emulator/emulator)"
expect "adb runs as its own user" "stand-in adb" "$(inside --user 10004 "$image" /opt/android/sdk/platform-tools/adb)"
expect "the emulator's user writes nothing of the SDK" "" "$(inside --user 10001 "$image" find /opt/android -writable -not -type l)"
expect "folders that the emulator looks for" "emulator licenses platform-tools platforms system-images" "$(inside "$image" sh -c 'ls /opt/android/sdk | xargs')"
expect "the virtual device names its image" "stand-in image" "$(inside "$image" sh -c '
    dir=$(sed -n "s/^image.sysdir.1=//p" "$ANDROID_AVD_HOME/stakeout.avd/config.ini"); cat "$ANDROID_SDK_ROOT/$dir/system.img"')"
expect "users" "app audio-feed adb" "$(inside "$image" sh -c 'for u in 10001 10003 10004; do getent passwd $u | cut -d: -f1; done | xargs')"
expect "sound, forwarder and certificates are there" "0" "$(inside "$image" sh -c 'for p in pulseaudio socat openssl; do command -v $p >/dev/null || exit 1; done; echo 0')"
# Whether a package was forgotten: the loader must know each library.
for library in libX11.so.6 libxcb.so.1 libXdamage.so.1 libnss3.so libXcomposite.so.1 libXcursor.so.1 libXi.so.6 libXext.so.6 libXfixes.so.3 libz.so.1 libGL.so.1 libpulse.so.0 libdbus-1.so.3 libfontconfig.so.1 libtinfo.so.6; do
    inside "$image" sh -c "ldconfig -p | grep -q '$library '" || die "the library \`$library\` is missing"
done
echo "ok: libraries"
label() { docker image inspect --format "{{index .Config.Labels \"$1\"}}" "$image"; }
expect "label of the emulator" "90.1.12" "$(label org.stakeout.sdk.emulator.revision)"
expect "label of the archive" "$(sha256sum <"$work/sdk/sys-img/google_apis/x86_64-34_r14.zip" | cut -d' ' -f1)" "$(label org.stakeout.sdk.system-image.sha256)"
expect "label of the licence" "$(printf 'A stand-in for tests, without any terms.' | sha1sum | cut -d' ' -f1)" "$(label org.stakeout.sdk.license.stand-in-license)"
expect "hash as sdkmanager keeps it" "$(label org.stakeout.sdk.license.stand-in-license)" "$(inside "$image" sh -c 'cat /opt/android/sdk/licenses/stand-in-license' | xargs)"
echo "emulator test: all as it should be"
