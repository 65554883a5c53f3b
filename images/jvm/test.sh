#!/bin/bash
# Tests of the Java host: plain JUnit, then whole trials of small apps on each API level. Needs what build.sh needs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${STAKEOUT_JVM:-${CARGO_TARGET_DIR:-$here/../../target}/jvm-host}
"$here/build.sh" "$out"
STAKEOUT_JVM=$(cd "$out" && pwd) mvn -B -f "$here/pom.xml" -pl host -am test
