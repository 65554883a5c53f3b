#!/bin/bash
# Builds the emulator's images from stand-in archives with `stakeout images build`, bakes with stand-in programs and with the real one
# on an emulator that is played (tests/fake-emulator), and looks at what came of it: licences, contexts, Dockerfiles on this project's base, every package of Debian's, users, rights, labels, the bake's
# container, what an interrupted or failed run leaves. Nothing of Google's is fetched, and no emulator is started.
#
#   images/emulator/test.sh
#
# Needs a container engine, images/build.sh's `base`, the release binaries, and what tests/apps/build.sh needs; no network is used but
# Debian's archive.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(dirname "$(dirname "$here")")
target=${CARGO_TARGET_DIR:-$repo/target}
release=$target/x86_64-unknown-linux-gnu/release
stakeout=$release/stakeout
die() { echo "emulator test: $1" >&2; [ $# -lt 2 ] || echo "hint: $2" >&2; exit 1; }

docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || die "no container engine answers" "scripts/setup.sh --engine starts one"
for program in stakeout stakeout-device stakeout-keeper fake-emulator; do
    [ -x "$release/$program" ] || die "\`$release/$program\` is missing" "cargo build --release --workspace --bins"
done
"$repo/tests/apps/build.sh" "$target/apps" --only probe
work=$(mktemp -d)
# Only stand-ins have this level.
stand_ins() { docker images -q --no-trunc --filter label=org.stakeout.emulator.api=99 | sort -u; }
# An image goes after those that were built on it.
clean() { rm -rf "$work"; for _ in 1 2 3 4 5; do stand_ins | xargs -r docker rmi -f >/dev/null 2>&1 || true; done; }
trap clean EXIT
[ -z "$(stand_ins)" ] || die "stand-in images of another run are there" "docker rmi -f \$(docker images -q --filter label=org.stakeout.emulator.api=99)"

# Of the whole workspace, as that is how all else was compiled.
cargo build --quiet --release --locked --manifest-path "$repo/Cargo.toml" --target-dir "$target" --workspace --example stand_in_sdk
stand_in_sdk() { "$release/examples/stand_in_sdk" "$@"; }
stand_in_sdk "$work/sdk"
export STAKEOUT_CACHE=$work/cache
# A bake as worker/sdk/src/bake/said.rs describes it: an order on standard input, a line a stage.
cat >"$work/good" <<'PROGRAM'
#!/bin/sh
case " $* " in *" --bake "*) ;; *) exec echo stand-in device "$@" ;; esac
read -r order
stages=$(printf %s "$order" | grep -o '"do":' | wc -l)
echo '{"said":"note","text":"a stand-in bakes"}'
stage=0
while [ $stage -lt "$stages" ]; do
    echo "{\"said\":\"begun\",\"stage\":$stage}"
    # As the emulator's user: the first process has no right to write here.
    [ $stage != 8 ] || setpriv --reuid 10001 --regid 10001 --clear-groups --inh-caps=-all \
        sh -c 'd=/opt/android/avd/stakeout.avd/snapshots/stakeout; mkdir -p $d && echo saved >$d/snapshot.pb'
    echo "{\"said\":\"done\",\"stage\":$stage}"
    stage=$((stage + 1))
done
PROGRAM
sed 's/\[ $stage != 8 \] ||/true ||/' "$work/good" >"$work/liar"
printf '#!/bin/sh\nread -r order\necho "{\\"said\\":\\"begun\\",\\"stage\\":0}"\necho "no virtualization" >&2\necho "{\\"said\\":\\"failed\\",\\"stage\\":0,\\"reason\\":\\"KVM is broken\\"}"\n' >"$work/broken"

build() { "$stakeout" images build emulator --api 99 --from-dir "$work/sdk" --lock "$work/sdk/lock.json" --probe "$target/apps/probe.apk" "$@"; }
expect() { local what=$1 want=$2 got=$3; [ "$got" = "$want" ] || die "$what: \`$got\`, and \`$want\` is expected"; echo "ok: $what"; }
says() { local what=$1 want=$2 file=$3; grep -q -- "$want" "$file" || die "$what: \`$want\` is not said in: $(cat "$file")"; echo "ok: $what"; }
code() { local code=0; "$@" >"$work/out" 2>"$work/err" || code=$?; echo $code; }

# Without acceptance nothing is built, and the message names the licence, its hash and the flag.
expect "without acceptance the code is 2" 2 "$(code build)"
hash=$(printf 'A stand-in for tests, without any terms.' | sha1sum | cut -d' ' -f1)
says "the refusal names the licence" "\`stand-in-license\` ($hash)" "$work/err"
says "and how to accept it" "hint: .*--accept-licenses" "$work/err"
says "its text is shown" "A stand-in for tests, without any terms." "$work/out"

# Interrupted in the middle of a step: no container, no image. (What steps before it made is looked at by worker/containers/tests/images.rs.)
# By what only these containers run: others may use the engine at the same time.
containers() { docker ps -a --no-trunc --format '{{.ID}} {{.Command}} {{.Image}} {{.Label "org.stakeout.emulator.api"}}' | grep -E 'audio-feed:x:10003| 99$' || true; }
# Not by the function: the signal is for the program, not for a shell around it.
"$stakeout" images build emulator --api 99 --from-dir "$work/sdk" --lock "$work/sdk/lock.json" --accept-licenses --device-program "$work/good" --probe "$target/apps/probe.apk" \
    --no-bake >"$work/out" 2>"$work/err" &
pid=$!
until grep -q "RUN apt-get" "$work/err"; do kill -0 $pid 2>/dev/null || die "it ended before it was interrupted: $(cat "$work/err")"; sleep 0.2; done
kill -INT $pid
ended=0; wait $pid || ended=$?
expect "an interrupted build ends with 130" 130 "$ended"
expect "and leaves no container" "" "$(containers)"
expect "and no image" "" "$(stand_ins)"

# A host without KVM builds, and is told.
expect "without KVM the images are built" 0 "$(code build --accept-licenses --device-program "$work/good" --kvm /dev/no-such-device)"
says "what was accepted is said" "accepted by \`--accept-licenses\`: \`stand-in-license\` ($hash)" "$work/err"
says "that nothing was baked is said" "warning: nothing is baked for API 99: \`/dev/no-such-device\` is not there" "$work/err"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$repo/Cargo.toml")
image=stakeout/emulator:$version-api99-x86_64
expect "the image is named" "$image $(docker image inspect -f '{{.Id}}' "$image")" "$(cat "$work/out")"

inside() { docker run --rm --network none --entrypoint "" "$@"; }
expect "first process" "stand-in device --kind emulator" "$(docker run --rm --network none "$image")"
expect "emulator runs as the app's user" "stand-in emulator" "$(inside --user 10001 "$image" /opt/android/sdk/emulator/emulator)"
expect "there is no adb, of which the emulator would start a server" "" "$(inside "$image" find / -xdev -name 'adb*' -path '*platform-tools*' -not -type d)"
expect "the emulator's user writes nothing of the SDK" "" "$(inside --user 10001 "$image" find /opt/android/sdk -writable -not -type l)"
expect "its own device is its own, for a bake" "10001 0" "$(inside --user 10001 "$image" sh -c 'stat -c %u /opt/android/avd/stakeout.avd; find /opt/android/avd -not -writable | wc -l' | xargs)"
expect "in a trial, where the root is read-only, it writes nothing" "" "$(inside --read-only --user 10001 "$image" find /opt/android -writable -not -type l)"
expect "and everybody can read it, to make a copy" "0" "$(inside --user 10005 "$image" sh -c 'find /opt/android/avd -not -readable | wc -l')"
expect "folders that the emulator looks for" "emulator licenses platform-tools platforms system-images" "$(inside "$image" sh -c 'ls /opt/android/sdk | xargs')"
expect "the virtual device names its image" "stand-in image" "$(inside "$image" sh -c '
    dir=$(sed -n "s/^image.sysdir.1=//p" "$ANDROID_AVD_HOME/stakeout.avd/config.ini"); cat "$ANDROID_SDK_ROOT/$dir/system.img"')"
expect "users" "app audio-feed display" "$(inside "$image" sh -c 'for u in 10001 10003 10005; do getent passwd $u | cut -d: -f1; done | xargs')"
expect "what runs in the guest is a program that needs nothing of it" "yes" "$(inside "$image" sh -c 'test -x /opt/stakeout/stakeout-keeper && ldd /opt/stakeout/stakeout-keeper 2>&1 | grep -q "statically linked" && echo yes')"
expect "how sound comes to the microphone" "pulseaudio" "$(inside "$image" printenv STAKEOUT_MICROPHONE)"
expect "sound, certificates, display and films are there" "0" "$(inside "$image" sh -c 'for p in pulseaudio openssl Xvfb ffmpeg; do command -v $p >/dev/null || exit 1; done; echo 0')"
# Whether a package was forgotten: the loader must know each library.
for library in libX11.so.6 libxcb.so.1 libXdamage.so.1 libnss3.so libXcomposite.so.1 libXcursor.so.1 libXi.so.6 libXext.so.6 libXfixes.so.3 libz.so.1 libGL.so.1 libpulse.so.0 libdbus-1.so.3 libfontconfig.so.1 libtinfo.so.6 \
    libxkbfile.so.1 libxkbcommon-x11.so.0 libXrandr.so.2 libxcb-cursor.so.0 libxcb-icccm.so.4 libxcb-image.so.0 libxcb-keysyms.so.1 libxcb-render-util.so.0 libxcb-xkb.so.1 libxcb-xinerama.so.0 libasound.so.2 libgbm.so.1 libEGL.so.1; do
    inside "$image" sh -c "ldconfig -p | grep -q '$library '" || die "the library \`$library\` is missing"
done
echo "ok: libraries"
label() { docker image inspect --format "{{index .Config.Labels \"$2\"}}" "$1"; }
expect "label of the emulator" "90.1.12" "$(label "$image" org.stakeout.sdk.emulator.revision)"
expect "label of the archive" "$(sha256sum <"$work/sdk/sys-img/google_apis/x86_64-99_r14.zip" | cut -d' ' -f1)" "$(label "$image" org.stakeout.sdk.system-image.sha256)"
expect "label of the licence" "$hash" "$(label "$image" org.stakeout.sdk.license.stand-in-license)"
expect "hash as sdkmanager keeps it" "$hash" "$(inside "$image" sh -c 'cat /opt/android/sdk/licenses/stand-in-license' | xargs)"
expect "no proxy is kept" "" "$(docker history --no-trunc --format '{{.CreatedBy}}' "$image" | grep -i proxy || true)"

# Bakes, with a device in the place of KVM that every host has and everybody may use.
id=$(docker image inspect -f '{{.Id}}' "$image")
expect "a bake" 0 "$(code build --accept-licenses --device-program "$work/good" --kvm /dev/null)"
says "the images are not built again" "\`stakeout/emulator:.*\` is there" "$work/err"
says "its stages are said" "bake 9 of 19: save the snapshot (at most 300 s)" "$work/err"
says "and its notes" "bake: a stand-in bakes" "$work/err"
baked=$(sed -n 's/^\(stakeout\/emulator-baked:[^ ]*\) .*/\1/p' "$work/out")
case $baked in stakeout/emulator-baked:api99-x86_64-????????????????-"$(echo "$id" | cut -c8-19)") echo "ok: its name has the class and the image" ;; *) die "the bake is named \`$baked\`" ;; esac
expect "its label has the whole image" "$id" "$(label "$baked" org.stakeout.bake.from)"
expect "it is no leftover of a process" "" "$(label "$baked" org.stakeout.cell)"
expect "it starts as the image does" "stand-in device --kind emulator" "$(docker run --rm --network none "$baked")"
expect "the snapshot is in it" "saved" "$(inside "$baked" cat /opt/android/avd/stakeout.avd/snapshots/stakeout/snapshot.pb)"
expect "a second run bakes nothing" 0 "$(code build --accept-licenses --device-program "$work/good" --kvm /dev/null)"
if grep -q "bake 1 of" "$work/err"; then die "it was baked again"; fi
expect "the list names it" "emulator:true emulator-baked:true" "$("$stakeout" images list --json | tr -d ' \n' | sed 's/},{/\n/g' | grep '"api":99' | sed 's/.*"image":"\([^"]*\)".*"fits_this_host":\([a-z]*\).*/\1:\2/' | grep -v sdk | xargs)"
expect "its container is gone" "" "$(docker ps -aq --filter "ancestor=$image")"
expect "a program that lies makes no bake" 1 "$(code build --accept-licenses --device-program "$work/liar" --kvm /dev/null)"
says "and it is said" "that the snapshot is saved, and .* is not there" "$work/err"
expect "a stage that fails makes no bake" 1 "$(code build --accept-licenses --device-program "$work/broken" --kvm /dev/null)"
says "why is said" "at the stage \`check KVM\`, in try 1 of 2: KVM is broken" "$work/err"
says "with the program's last words" "bake: no virtualization" "$work/err"
expect "no container is left" "" "$(containers)"
says "an old image and its bake would go" "would remove stakeout/emulator:" <("$stakeout" images prune --dry-run)

# The same with the program that is in the images, on an emulator that is played.
stand_ins | xargs -r docker rmi -f >/dev/null 2>&1 || true
strip -o "$work/player" "$release/fake-emulator"
rm -rf "$work/sdk"
stand_in_sdk "$work/sdk" "$work/player"
expect "the program in the image bakes" 0 "$(code build --accept-licenses --kvm /dev/null)"
says "it was ready" "bake: Android 15, API level 99" "$work/err"
expect "an app saw and heard what was fed, before the snapshot and after each time that it was loaded" 3 "$(grep -c 'bake: probe: the back camera shows frame' "$work/err")"
says "the snapshot was loaded before it was kept" "bake 18 of 19: stop the emulator" "$work/err"
baked=$(sed -n 's/^\(stakeout\/emulator-baked:[^ ]*\) .*/\1/p' "$work/out")
# As a cell gives it: a root that nobody writes, no power but what a device has.
device() {
    docker run --rm -i --network none --read-only --cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add SETPCAP --cap-add KILL --cap-add DAC_READ_SEARCH \
        --tmpfs /work:mode=0755 --tmpfs /data:size=4g,uid=10001,gid=10001,mode=0700 --tmpfs /tmp:uid=10001,gid=10001,mode=0700 --tmpfs /feed "$1"
}
asked='{"id":1,"verb":"boot","api":99,"locale":"en-US"}'
restored=$( (echo "$asked"; sleep 20) | device "$baked" 2>"$work/err" | grep -m1 '"booted (' || true)
case $restored in *"booted (Restore)"*) echo "ok: a trial starts from it" ;; *) die "a trial does not start from the bake: \`$restored\`, $(tail -5 "$work/err")" ;; esac
echo "emulator test: all as it should be"
