#!/bin/bash
# Builds an app of this folder from source: build.sh OUT APP TARGET, where OUT is what images/jvm/build.sh made. Prints APK and JAR.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); out=$(cd "$1" && pwd); app=$2; target=$3
all=$out/sdk/android-all-14-robolectric-10818077.jar
stamp=$( (cd "$here/$app" && find . -type f -print0 | sort -z | xargs -0 sha256sum; cat "$out/.stamp") | sha256sum | cut -c1-16)
w=$out/test-apps/$app-$target-$stamp
if [ ! -f "$w/app.jar" ]; then
  rm -rf "$out/test-apps/$app-$target-"*; mkdir -p "$w/cls" "$w/dex"
  aapt2 link -I "$all" --manifest "$here/$app/AndroidManifest.xml" --min-sdk-version 21 --target-sdk-version "$target" -o "$w/base.apk" 2> /dev/null
  javac -nowarn -source 8 -target 8 -cp "$all" -d "$w/cls" $(find "$here/$app/src" -name '*.java') 2>&1 | grep -v '^Note\|^warning\|^[0-9]* warning' >&2 || true
  java -cp "$out/sdk/dalvik-dx-16.0.1.jar" com.android.dx.command.Main --dex --min-sdk-version=21 --output="$w/dex/classes.dex" "$w/cls"
  (cd "$w/dex" && zip -q ../base.apk classes.dex)
  zipalign -f 4 "$w/base.apk" "$w/aligned.apk"
  [ -f "$out/test-apps/ks" ] || keytool -genkeypair -keystore "$out/test-apps/ks" -storepass android -keypass android -alias a -keyalg RSA -dname CN=test -validity 9999 2> /dev/null
  apksigner sign --ks "$out/test-apps/ks" --ks-pass pass:android --out "$w/app.apk" "$w/aligned.apk"
  (cd "$out" && java @convert.args "$w/app.apk" "$w/app.jar" "$all") >&2
fi
echo "$w/app.apk $w/app.jar"
