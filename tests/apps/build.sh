#!/bin/bash
# Builds the sample apps from source: signed APKs, what each truly does, and scenarios that play their servers.
# Needs: JDK 17, maven, aapt (aapt2), zipalign, apksigner, zip, python3.
# Usage: build.sh OUT [--seed N] [--only NAME,..] [--list]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '2,4s/^# //p' "$0"; exit 2; }
out="" seed=0 only=""
while [ $# -gt 0 ]; do
  case $1 in
    --seed) seed=${2:?}; shift 2 ;;
    --only) only=${2:?}; shift 2 ;;
    --list) exec python3 "$here/tools/stage.py" list ;;
    -*) usage ;;
    *) [ -z "$out" ] || usage; out=$1; shift ;;
  esac
done
[ -n "$out" ] || usage
[[ $seed =~ ^[0-9]+$ ]] || { echo "the seed \`$seed\` is no number" >&2; exit 2; }
for t in mvn java javac keytool aapt2 zipalign apksigner zip python3; do
  command -v $t >/dev/null || { echo "\`$t\` is missing (packages: openjdk-17-jdk-headless maven aapt zipalign apksigner zip python3)" >&2; exit 2; }
done
export PYTHONDONTWRITEBYTECODE=1

# 1. The framework's classes to compile against, and the dex compiler: by coordinates, checked by digest.
sdk=${STAKEOUT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/stakeout}/apps-sdk
mkdir -p "$sdk" "$out"
out=$(cd "$out" && pwd)
while read -r sum coordinates file; do
  good() { echo "$sum  $sdk/$file" | sha256sum --check --status 2>/dev/null; }
  # The digest of 137 MB is taken once; afterwards the stamp beside the file speaks for it.
  [ "$sdk/.$file.ok" -nt "$sdk/$file" ] && [ "$(cat "$sdk/.$file.ok")" = "$sum" ] && continue
  good || { echo "fetching $coordinates" >&2; mvn -q -B dependency:copy -Dartifact="$coordinates" -DoutputDirectory="$sdk" >&2; }
  good || { echo "\`$sdk/$file\` has not the digest that sdk.sha256 says: delete it and try again" >&2; exit 1; }
  echo "$sum" > "$sdk/.$file.ok"
done < "$here/sdk.sha256"
android=$sdk/$(awk '/android-all/ {print $3}' "$here/sdk.sha256")
dx=$sdk/$(awk '/dalvik-dx/ {print $3}' "$here/sdk.sha256")

# 2. A signing key of this output folder only.
[ -f "$out/ks.jks" ] || keytool -genkeypair -keystore "$out/ks.jks" -storepass android -keypass android -alias a -keyalg RSA -keysize 2048 -dname CN=sample -validity 9999 2>"$out/.keytool.log" || { cat "$out/.keytool.log" >&2; exit 1; }

# 3. The apps: what is stale is staged, compiled in one JVM, packed and signed.
declare -A folder
names=""
while read -r n f; do folder[$n]=$f; names+="$n "; done < <(python3 "$here/tools/stage.py" folders)
for n in ${only//,/ }; do [ -n "${folder[$n]:-}" ] || { echo "no app is named \`$n\`; there are: $names" >&2; exit 2; }; done
stamp() { # NAME: digest of all that the APK is made from
  (cd "$here" && { echo "$1 $seed"; cat build.sh sdk.sha256 tools/*.py tools/*.java common/*; find "${folder[$1]}" small/*.xml -type f | sort | xargs cat; sha256sum < "$out/ks.jks"; } | sha256sum | cut -c1-64)
}
stage() { # NAME
  local b=$out/.build/$1
  rm -rf "$b"; mkdir -p "$b/gen"
  python3 "$here/tools/stage.py" stage "$1" "$seed" "$b"
  aapt2 compile --dir "$b/res" -o "$b/res.zip"
  # "Unknown chunk" is a harmless warning about the framework's own resources.
  link() { # MANIFEST TO MORE..
    aapt2 link -I "$android" --manifest "$1" -o "$2" "${@:3}" 2>"$b/aapt2.log" || { cat "$b/aapt2.log" >&2; return 1; }
  }
  local assets=()
  [ ! -d "$b/assets" ] || assets=(-A "$b/assets")
  link "$b/AndroidManifest.xml" "$b/base.apk" --java "$b/gen" "${assets[@]}" "$b/res.zip"
  [ ! -d "$b/split" ] || link "$b/split/AndroidManifest.xml" "$b/split.apk" -A "$b/split/assets"
}
sign() { # FROM TO
  zipalign -f 4 "$1" "$1.aligned"
  apksigner sign --ks "$out/ks.jks" --ks-pass pass:android --min-sdk-version 21 --v4-signing-enabled false --out "$2" "$1.aligned"
}
pack() { # NAME
  local b=$out/.build/$1
  (cd "$b" && zip -q -X base.apk classes.dex && { [ ! -d lib ] || zip -q -X -r base.apk lib; })
  [ ! -f "$b/entries.py" ] || python3 "$b/entries.py" "$b/base.apk"
  sign "$b/base.apk" "$out/$1.apk"
  [ ! -f "$b/split.apk" ] || sign "$b/split.apk" "$out/$1.split"
  python3 "$here/tools/stage.py" truth "$1" "$seed" > "$out/$1.truth.json"
  stamp "$1" > "$out/.$1.stamp"
  rm -rf "$b"
  echo "built $1 (seed $seed)" >&2
}
stale=()
[ -n "$only" ] && wanted=${only//,/ } || wanted=$names
for n in $wanted; do
  [ -f "$out/$n.apk" ] && [ "$(cat "$out/.$n.stamp" 2>/dev/null)" = "$(stamp "$n")" ] || stale+=("$n")
done
if [ ${#stale[@]} -gt 0 ]; then
  for n in "${stale[@]}"; do stage "$n"; done
  java -cp "$dx" "$here/tools/Compile.java" "$android" "${stale[@]/#/$out/.build/}"
  for n in "${stale[@]}"; do pack "$n"; done
fi
python3 "$here/tools/stage.py" scenarios "$seed" "$out"
