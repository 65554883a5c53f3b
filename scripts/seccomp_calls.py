#!/usr/bin/env python3
"""Reads traces of containers and says which system calls they made, and what the profiles make of them.

    seccomp_calls.py TRACES PROFILES [--out FILE.json]

TRACES has files `KIND.NUMBER`, written by `strace -f -X raw --decode-pids=pidns` around the start of a container, as
scripts/seccomp-trace.sh does. PROFILES has `KIND.json`. What counts begins where the container's filter is set: from there on
the runtime's own last calls are filtered too. Exit code 1: a profile refuses what was called.
"""

import argparse
import collections
import json
import pathlib
import re
import sys

# Calls whose arguments a profile looks at: index and meaning.
LOOKED_AT = {"socket": (0, 2), "socketpair": (0,), "ioctl": (1,), "prctl": (0,), "personality": (0,), "clone": (0,)}
# Refused on purpose, and well taken: libc then takes `clone`; Java's `isReachable` tries ICMP and then TCP; libc asks for the
# interfaces by netlink before it looks a name up, and does without.
ON_PURPOSE = {"jvm": ["clone3", "socket(0x2, 0x1)", "socket(0xa, 0x3a)", "socket(0x10, 0x0)"]}
# Left out of traces, as they are called all the time: taken for called.
UNTRACED = ["read", "write", "futex"]

LINE = re.compile(r"^(\d+)\s+(.*)$")
CALL = re.compile(r"^(\w+)\((.*)$")
MADE = re.compile(r"= \d+ /\* (\d+) in strace's PID NS \*/$|\) += (\d+)$")


def number(text):
    """A number as strace writes it with `-X raw`; flags of `clone` are two, parted by `|`."""
    total = 0
    for part in text.strip().split("|"):
        total |= int(part, 0)
    return total


def arguments(name, rest):
    """The values that a profile may look at, None if the line does not say them."""
    wanted = LOOKED_AT.get(name)
    if not wanted:
        return ()
    if name == "clone":
        found = re.search(r"flags=([0-9a-fx|]+)", rest)
        return (number(found[1]),) if found else None
    words = rest.split(",")
    try:
        return tuple(number(re.match(r"[^) ]+", words[i].strip())[0]) for i in wanted)
    except (IndexError, ValueError, TypeError):
        return None


def calls(path):
    """Calls of a container as {(name, values): how often}."""
    seen = collections.Counter()
    inside, children = set(), collections.defaultdict(list)
    for line in path.read_text(errors="replace").splitlines():
        m = LINE.match(line)
        if not m:
            continue
        pid, text = m[1], m[2]
        resumed = re.match(r"<\.\.\. (\w+) resumed>", text)
        name = resumed[1] if resumed else (CALL.match(text) or [None, None])[1]
        if not resumed and re.match(r"prctl\(0x16, 0x2, \{|seccomp\(0x1, (0x)?\d+, \{", text) and not inside:
            # The filter itself does not judge the call that sets it.
            inside.add(pid)
            continue
        if name in ("clone", "fork", "vfork", "clone3") and pid in inside and "unfinished" not in text:
            born = MADE.search(text)
            if born:
                child = born[1] or born[2]
                inside.add(child)
                # What it did before its parent's call came back.
                for n, rest in children.pop(child, []):
                    seen[n, arguments(n, rest)] += 1
        if resumed or name is None:
            continue
        rest = CALL.match(text)[2]
        if pid in inside:
            seen[name, arguments(name, rest)] += 1
        elif inside:
            children[pid].append((name, rest))
    return seen


def verdict(profile, name, values):
    """What a profile does with a call: `allow`, or the error."""
    indexes = LOOKED_AT.get(name, ())
    known = dict(zip(indexes, values or ()))

    def fits(arg):
        if arg["index"] not in known:
            return False
        v, value = known[arg["index"]], arg["value"]
        if arg["op"] == "SCMP_CMP_MASKED_EQ":
            return v & value == arg.get("valueTwo", 0)
        return {"SCMP_CMP_EQ": v == value, "SCMP_CMP_NE": v != value}[arg["op"]]

    for rule in profile["syscalls"]:
        if name in rule["names"] and all(fits(a) for a in rule.get("args", [])):
            return "allow" if rule["action"] == "SCMP_ACT_ALLOW" else f"errno {rule.get('errnoRet', 1)}"
    return "errno 1"


def text(name, values):
    return name if not values else f"{name}({', '.join(hex(v) for v in values)})"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("traces", type=pathlib.Path)
    p.add_argument("profiles", type=pathlib.Path)
    p.add_argument("--out", type=pathlib.Path)
    a = p.parse_args()
    kinds = collections.defaultdict(collections.Counter)
    runs = collections.Counter()
    for path in sorted(a.traces.iterdir()):
        kind = path.name.split(".")[0]
        runs[kind] += 1
        kinds[kind] += calls(path)
    bad = False
    out = {}
    for kind, seen in sorted(kinds.items()):
        file = a.profiles / f"{kind}.json"
        if not file.exists():
            continue
        profile = json.loads(file.read_text())
        for name in UNTRACED:
            seen.setdefault((name, ()), 1)
        listed = {n for r in profile["syscalls"] if r["action"] == "SCMP_ACT_ALLOW" for n in r["names"]}
        names = {n for n, _ in seen}
        print(f"{kind}: {len(names)} calls seen in {runs[kind]} containers, {len(listed)} allowed")
        refused = sorted((text(n, v), verdict(profile, n, v), c) for (n, v), c in seen.items() if verdict(profile, n, v) != "allow")
        for what, answer, count in refused:
            meant = what in ON_PURPOSE.get(kind, ["clone3"])
            print(f"  refused{' on purpose' if meant else ''}: {what}, {answer}, {count} times")
            bad |= not meant
        print(f"  allowed and not seen: {' '.join(sorted(listed - names)) or 'none'}")
        out[kind] = {text(n, v): c for (n, v), c in sorted(seen.items(), key=lambda x: text(*x[0]))}
    if a.out:
        a.out.write_text(json.dumps(out, indent=1) + "\n")
    sys.exit(bad)


if __name__ == "__main__":
    main()
