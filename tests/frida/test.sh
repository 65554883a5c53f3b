#!/bin/bash
# The agent of the emulator device (worker/device/src/emulator/frida/agent.js) in the real Frida, in a Java of this host: that it tells
# what a program does, and that a program does the same with it and without. Android's own Java is not here: its classes have stand-ins.
#
#   tests/frida/test.sh [LINES]
#
# To LINES the lines of one run are written. Frida and its bridge to Java come from PyPI, once, by their digests.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/tools.sh
. "$here/../../deploy/tools.sh"
venv=$tools/frida-$(sha256sum "$here/requirements.txt" | cut -c1-16)
if [ ! -e "$venv/done" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    # Without what Frida's tools need to be run: only a file of theirs is.
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r "$here/requirements.txt"
    touch "$venv/done"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$venv"/lib/python3*/site-packages/frida_tools/bridges/java.js "$work/java-bridge.js"
find "$here/android" -name '*.java' -exec javac -d "$work/android" {} +
find "$here/java" -name '*.java' -exec javac -cp "$work/android" -d "$work/java" {} +
keytool -genkeypair -alias test -keyalg EC -dname CN=localhost -ext san=dns:localhost,ip:127.0.0.1 -keystore "$work/keys.p12" \
    -storetype PKCS12 -storepass changeit 2>/dev/null
timeout 120 "$venv/bin/python" "$here/attach.py" "$work" "$@"
