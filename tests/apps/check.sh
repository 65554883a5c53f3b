#!/bin/bash
# Tests the builder: check.sh WORKDIR. Says each sentence that holds, fails at the first that does not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { echo "usage: check.sh WORKDIR" >&2; exit 2; }
mkdir -p "$1"; w=$(cd "$1" && pwd)
holds() { # SENTENCE COMMAND...
  local s=$1; shift
  if "$@" > "$w/check.log" 2>&1; then echo "ok: $s"; else echo "NOT: $s" >&2; tail -20 "$w/check.log" >&2; exit 1; fi
}
json() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2], {"d": d}))' "$1" "$2"; }
three=loud,quiet,nag

holds "all apps build" "$here/build.sh" "$w/0"
holds "the apps build with another seed" "$here/build.sh" "$w/7" --seed 7 --only $three,exits,login
nothing_built() { "$here/build.sh" "$w/0" > "$w/again.log" 2>&1 && ! grep -q '^built' "$w/again.log"; }
holds "a second build builds nothing" nothing_built
damaged_again() { rm "$w/0/nag.apk"; "$here/build.sh" "$w/0" --only $three 2>&1 | grep -c '^built' | grep -qx 1; }
holds "what is missing is built again, and only that" damaged_again
signed() { for a in "$w"/*/*.apk; do apksigner verify --min-sdk-version 21 "$a" || return 1; done; }
holds "every APK is signed for API 21 and later" signed
old_dex() { for a in "$w"/*/*.apk; do [ "$(unzip -p "$a" classes.dex | head -c 7 | tail -c 3)" = 035 ] || return 1; done; }
holds "every APK's code runs on API 21 (dex 035)" old_dex
package_as_said() { for t in "$w"/*/*.truth.json; do aapt2 dump packagename "${t%.truth.json}.apk" 2>/dev/null | grep -qx "$(json "$t" 'd["package"]')" || return 1; done; }
holds "the truth names the package that is in the APK" package_as_said
others() {
  local a t
  for a in loud quiet nag; do
    [ "$(json "$w/0/$a.truth.json" 'd["package"]')" != "$(json "$w/7/$a.truth.json" 'd["package"]')" ] || return 1
    unzip -p "$w/7/$a.apk" classes.dex > "$w/dex7"
    for t in $(json "$w/0/$a.truth.json" '" ".join(d["hosts"] + [d["package"].replace(".", "/")])'); do ! grep -qaF "$t" "$w/dex7" || return 1; done
  done
}
holds "another seed shares neither package nor host" others
played() { local h; for h in $(json "$w/7/loud.truth.json" '" ".join(d["hosts"])'); do grep -qF "\"host\": \"$h\"" "$w/7/idle-demo.yaml" || return 1; done; }
holds "the scenario plays the servers of its seed" played
unnamed() { ! python3 - "$w" <<'P'
import glob, json, re, sys, zipfile
bad = []
for a in glob.glob(sys.argv[1] + "/*/*.apk"):
    with zipfile.ZipFile(a) as z:
        code = z.read("classes.dex") + z.read("resources.arsc")
    bad += [a for w in (b"loud", b"quiet", b"stakeout", b"canary") if re.search(rb"\b" + w + rb"\b", code, re.I)]
print(bad)
sys.exit(0 if bad else 1)
P
}
holds "no APK says what it is for" unnamed
refuses() { local r=0; "$here/build.sh" "$w/0" --only no-such-app > "$w/no.log" 2>&1 || r=$?; [ $r = 2 ] && grep -q no-such-app "$w/no.log"; }
holds "an unknown name is refused with its name" refuses
