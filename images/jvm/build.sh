#!/bin/bash
# Builds everything of the jvm device that is Java into OUT, ready to be copied into an image:
#   OUT/lib      the host and what it runs on        OUT/convert  the converter and the dex translator
#   OUT/sdk      frameworks of API 23, 27 and 34, the compile-time framework, and a dexer for sample apps
#   OUT/host.args, OUT/convert.args   argument files: `cd OUT && java @host.args`, `cd OUT && java @convert.args APK.. OUT.jar`
#   OUT/empty.apk  the package of the warm boot
# (OUT/.instrumented has the frameworks as Maven gave them; those in OUT/sdk are made of them, see host/.../direct.)
# Needs mvn, a JDK 17, aapt2, zip. Quick when nothing changed. Usage: build.sh OUT; `LOCK=write build.sh OUT` renews jars.sha256.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
all=android-all-14-robolectric-10818077.jar
instrumented="6.0.1_r3-robolectric-r1-i7 8.1.0-robolectric-4611349-i7 14-robolectric-10818077-i7"

jars() { # third-party jars, by Maven alone
  local tmp=$out/.jars; rm -rf "$tmp"; mkdir -p "$tmp/convert" "$tmp/sdk"
  for m in convert host; do mkdir -p "$tmp/poms/$m"; cp "$here/$m/pom.xml" "$tmp/poms/$m/"; done
  cp "$here/pom.xml" "$tmp/poms/"
  # compile first: the host depends on the converter's classes, which exist only in this reactor
  (cd "$tmp/poms" && mvn -q -B compile dependency:copy-dependencies -DincludeScope=runtime -DexcludeGroupIds=stakeout)
  mv "$tmp"/poms/convert/target/dependency/*.jar "$tmp/convert/"
  mv "$tmp/poms/host/target/dependency" "$tmp/lib"
  fetch() { mvn -q -B dependency:copy -Dartifact="$1" -DoutputDirectory="$tmp/sdk"; }
  for v in $instrumented; do fetch "org.robolectric:android-all-instrumented:$v"; done
  fetch org.robolectric:android-all:14-robolectric-10818077
  fetch com.jakewharton.android.repackaged:dalvik-dx:16.0.1
  rm -rf "$tmp/poms"
  if [ "${LOCK:-}" = write ]; then (cd "$tmp" && sha256sum ./*/*.jar | sort -k2 > "$here/jars.sha256"); fi
  if [ "$(cd "$tmp" && ls ./*/*.jar | sort)" != "$(cut -c67- "$here/jars.sha256" | sort)" ]; then
    echo "the jars that Maven resolved are not those of jars.sha256" >&2; exit 1
  fi
  (cd "$tmp" && sha256sum --quiet -c "$here/jars.sha256")
  # Other systems' libraries and rare weights of the CJK font are two thirds of the native runtime, which each start unpacks:
  # without them, and not compressed.
  local native; native=$(echo "$tmp"/lib/nativeruntime-dist-compat-*.jar)
  zip -q -d "$native" 'native/mac/*' 'native/windows/*' \
    fonts/NotoSansCJK-{Black,Bold,Medium,DemiLight,Light,Thin}.ttc
  unzip -q "$native" -d "$tmp/native"; rm "$native"
  (cd "$tmp/native" && zip -q -0 -X -r "$native" .); rm -rf "$tmp/native"
  # jars.sha256 vouches for it; its signature would be checked class by class at each start, and keep it out of host.jsa
  local provider; provider=$(echo "$tmp"/lib/bcprov-*.jar)
  zip -q -d "$provider" 'META-INF/*.SF' 'META-INF/*.DSA' 'META-INF/*.RSA'
  mkdir "$tmp/META-INF"; unzip -p "$provider" META-INF/MANIFEST.MF | sed -n '1,/^\r*$/p' > "$tmp/META-INF/MANIFEST.MF"
  (cd "$tmp" && TZ=UTC touch -d 2020-01-01 META-INF/MANIFEST.MF && zip -q -X "$provider" META-INF/MANIFEST.MF)
  rm -rf "$out/lib" "$out/convert" "$out/sdk" "$out/.instrumented" "$out/.direct-stamp" "$tmp/META-INF"
  mkdir "$out/.instrumented"; mv "$tmp"/sdk/android-all-instrumented-*.jar "$out/.instrumented/"
  echo .instrumented > "$out/.dockerignore"
  mv "$tmp"/{lib,convert,sdk} "$out/"; rmdir "$tmp"
}

inputs() { (cd "$here" && sha256sum jars.sha256 pom.xml ./*/pom.xml build.sh 2> /dev/null || true) | sha256sum; }
stamp=$(inputs)
if [ "$(cat "$out/.jars-stamp" 2>/dev/null)" != "$stamp" ] || [ "${LOCK:-}" = write ]; then
  jars
  inputs > "$out/.jars-stamp"
  rm -f "$out/.stamp"
fi

stamp=$(cd "$here" && find build.sh host/src/main host/src/empty convert/src/main -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
[ "$(cat "$out/.stamp" 2>/dev/null)" = "$stamp" ] && exit 0

work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
path() { find "$1" -name '*.jar' ! -name 'stakeout-*' | tr '\n' ':'; }
quiet() { grep -v '^Note\|^warning\|^[0-9]* warning' || true; }
compile() { # NAME CLASSPATH
  mkdir -p "$work/$1"
  javac -nowarn --release 17 -d "$work/$1" -cp "$2" $(find "$here/$1/src/main/java" -name '*.java') 2>&1 | quiet
  [ -d "$here/$1/src/main/resources" ] && cp -r "$here/$1/src/main/resources/." "$work/$1/"
  (cd "$work" && jar --create --date=2020-01-01T00:00:00Z --file "stakeout-$1.jar" -C "$1" .)
}
compile convert "$(path "$out/convert")"
compile host "$work/convert:$(path "$out/lib")$out/sdk/$all"
cp "$work"/stakeout-{host,convert}.jar "$out/lib/"
cp "$work/stakeout-convert.jar" "$out/convert/"

# The frameworks, with calls made direct where no shadow takes them: anew when the shadows or their maker change.
direct() { java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$out/lib/*" stakeout.direct.Main "$1" "${@:2}" "$out"/lib/{shadows-framework-*,stakeout-host}.jar; }
direct rules > "$work/rules"
made=$(cat "$work/rules" "$here"/host/src/main/java/stakeout/direct/*.java | sha256sum)
if [ "$(cat "$out/.direct-stamp" 2>/dev/null)" != "$made" ]; then
  running=()
  for j in "$out"/.instrumented/*.jar; do direct make "$j" "$work/${j##*/}" & running+=($!); done
  for r in "${running[@]}"; do wait "$r"; done
  mv "$work"/android-all-instrumented-*.jar "$out/sdk/"
  echo "$made" > "$out/.direct-stamp"
fi

aapt2 link -I "$out/sdk/$all" --manifest "$here/host/src/empty/AndroidManifest.xml" -o "$out/empty.apk" 2> /dev/null

# One quick compiler: a trial is too short for the slow one to pay, and the boot takes half the processor time.
# host.jsa is made where the image's own JVM is (java.Dockerfile); without it the JVM goes on without.
# Without inflation: the JDK would define accessor classes in loaders below the app's, which asks for JDK internals and looks like an escape.
{
  for p in java.lang java.lang.reflect java.lang.invoke java.io java.net java.nio java.nio.file java.util java.util.concurrent java.util.regex \
    java.util.zip java.security java.text javax.crypto sun.nio.ch sun.net.www.protocol.https; do echo "--add-opens=java.base/$p=ALL-UNNAMED"; done
  printf '%s\n' -Xss1m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -XX:SharedArchiveFile=host.jsa -Dsun.reflect.inflationThreshold=2147483647 -Djava.awt.headless=true -Drobolectric.offline=true -Drobolectric.dependency.dir=sdk \
    -Drobolectric.logging=stderr -Drobolectric.createActivityContexts=true -Drobolectric.useEmbeddedViewRoot=true \
    -cp "lib/*:sdk/$all" stakeout.host.Main empty.apk
} > "$out/host.args"
printf '%s\n' -XX:+UseSerialGC -cp 'convert/*' stakeout.convert.Main > "$out/convert.args"
echo "$stamp" > "$out/.stamp"
