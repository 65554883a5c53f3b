#!/bin/bash
# Tests of the Java host: plain JUnit, then whole trials of small apps on each API level. Needs what build.sh needs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${STAKEOUT_JVM:-${CARGO_TARGET_DIR:-$here/../../target}/jvm-host}
"$here/build.sh" "$out"
# Each JVM that loads the framework unpacks 100 MB of its own and leaves them.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export JAVA_TOOL_OPTIONS="-Djava.io.tmpdir=$work"
STAKEOUT_JVM=$(cd "$out" && pwd) mvn -B -f "$here/pom.xml" -pl host -am test
