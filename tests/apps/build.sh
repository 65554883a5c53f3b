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
for t in mvn java javac jar keytool aapt2 zipalign apksigner zip python3; do
  command -v $t >/dev/null || { echo "\`$t\` is missing (packages: openjdk-17-jdk-headless maven aapt zipalign apksigner zip python3)" >&2; exit 2; }
done
export PYTHONDONTWRITEBYTECODE=1

# 1. The framework's classes to compile against, and the dex compiler: by coordinates, checked by digest.
sdk=${STAKEOUT_CACHE:-/root/.cache/stakeout}/apps-sdk
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
[ -f "$out/ks.jks" ] || keytool -genkeypair -keystore "$out/ks.jks" -storepass android -keypass android -alias a -keyalg RSA -keysize 2048 -dname CN=sample -validity 9999 2>/dev/null

# 3. The apps.
one() { # NAME
  local name=$1 stamp b
  stamp=$(cd "$here" && { echo "$name $seed"; cat build.sh sdk.sha256 tools/*.py common/*; find "$(python3 tools/stage.py folder "$name")" small/*.xml -type f | sort | xargs cat; sha256sum "$out/ks.jks"; } | sha256sum | cut -c1-64)
  [ -f "$out/$name.apk" ] && [ "$(cat "$out/.$name.stamp" 2>/dev/null)" = "$stamp" ] && return
  b=$out/.build/$name
  rm -rf "$b"; mkdir -p "$b/gen" "$b/classes"
  python3 "$here/tools/stage.py" stage "$name" "$seed" "$b"
  aapt2 compile --dir "$b/res" -o "$b/res.zip"
  # "Unknown chunk" is a harmless warning about the framework's own resources.
  aapt2 link -I "$android" --manifest "$b/AndroidManifest.xml" --java "$b/gen" -o "$b/base.apk" "$b/res.zip" 2>"$b/aapt2.log" || { cat "$b/aapt2.log" >&2; return 1; }
  find "$b/src" "$b/gen" -name '*.java' > "$b/sources"
  javac --release 8 -nowarn -Xlint:-options -proc:none -cp "$android" -d "$b/classes" @"$b/sources" 2>"$b/javac.log" || { cat "$b/javac.log" >&2; return 1; }
  java -XX:TieredStopAtLevel=1 -cp "$dx" com.android.dx.command.Main --dex --min-sdk-version=21 --output="$b/classes.dex" "$b/classes"
  (cd "$b" && zip -q -X base.apk classes.dex && { [ ! -d lib ] || zip -q -X -r base.apk lib; })
  [ ! -f "$b/entries.py" ] || python3 "$b/entries.py" "$b/base.apk"
  zipalign -f 4 "$b/base.apk" "$b/aligned.apk"
  apksigner sign --ks "$out/ks.jks" --ks-pass pass:android --min-sdk-version 21 --v4-signing-enabled false --out "$out/$name.apk" "$b/aligned.apk"
  python3 "$here/tools/stage.py" truth "$name" "$seed" > "$out/$name.truth.json"
  echo "$stamp" > "$out/.$name.stamp"
  rm -rf "$b"
  echo "built $name (seed $seed)" >&2
}
all=$(python3 "$here/tools/stage.py" list)
for name in ${only:+${only//,/ }}; do grep -qx -- "$name" <<<"$all" || { echo "no app is named \`$name\`; there are: $(echo $all)" >&2; exit 2; }; done
for name in ${only:-$all}; do for n in ${name//,/ }; do one "$n"; done; done
python3 "$here/tools/stage.py" scenarios "$seed" "$out"
