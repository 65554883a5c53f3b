"""Puts the agent into processes by the real Frida, and compares what it tells with what they did.

attach.py FOLDER [LINES]: FOLDER has the built classes (`java`, `android`), `java-bridge.js` and `keys.p12`; to LINES the lines of one
run are written, as they are.
"""

import base64
import json
import pathlib
import subprocess
import sys
import time

import frida

folder = pathlib.Path(sys.argv[1])
agent = (pathlib.Path(__file__).parents[2] / "worker/device/src/emulator/frida/agent.js").read_text()
bridge = (folder / "java-bridge.js").read_text()
WAIT = 30


def script(bridge):
    """As `script` in worker/device/src/emulator/frida/script.rs puts it together."""
    if not bridge:
        return agent
    head = "if (typeof Java === 'undefined') (function () {\n"
    return f"{head}{bridge}\n;if (typeof bridge !== 'undefined') globalThis.Java = bridge;\n}})();\n{agent}"


class Run:
    """An agent in a process; `lines` as `frida-inject` would write them."""

    def __init__(self, pid, source):
        self.lines, self.other = [], []
        self.session = frida.attach(pid)
        self.script = self.session.create_script(source, runtime="qjs")
        self.script.on("message", self.message)
        self.script.load()

    def message(self, message, _data):
        payload = message.get("payload")
        # What `frida-inject` takes as it is: inject/inject.vala, try_handle_stdout_message.
        if message["type"] == "send" and isinstance(payload, list) and payload[0] == "frida:stdout":
            assert payload[1].endswith("\n") and "\n" not in payload[1][:-1], payload
            self.lines.append(payload[1])
        else:
            self.other.append(message)

    def told(self, kind=None):
        all = [json.loads(line) for line in list(self.lines)]
        return [line for line in all if kind in (None, line["k"])]

    def wait(self, kind):
        until = time.monotonic() + WAIT
        while not self.told(kind):
            assert time.monotonic() < until, f"no `{kind}`: {self.lines} {self.other}"
            time.sleep(0.02)
        return self.told(kind)[0]


def texts(run):
    """Messages by their algorithm, in order: (operation, plain, cipher, over or None if it has no end)."""
    out = {}
    for begin in run.told("begin"):
        sides = {"plain": b"", "cipher": b""}
        for piece in run.told("piece"):
            if piece["n"] == begin["n"]:
                sides[piece["side"]] += base64.b64decode(piece["data"])
        end = [e for e in run.told("end") if e["n"] == begin["n"]]
        over = end[0]["over"] if end else None
        out.setdefault(begin["algorithm"], []).append((begin["operation"], sides["plain"], sides["cipher"], over))
    return out


def java(*paths):
    command = ["java", "-cp", ":".join(str(folder / p) for p in paths), "net.example.Played", str(folder / "keys.p12")]
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    return p


def play(p):
    """What the app says of itself until its end."""
    out, _ = p.communicate("go\n", timeout=WAIT)
    assert p.returncode == 0, p.returncode
    return out.split("\n")[:-1]


def same(is_, want):
    assert is_ == want, f"\n  is   {is_}\n  want {want}"


ENDED = []


def compared(name, *paths):
    began = time.monotonic()
    alone = play(java(*paths))
    p = java(*paths)
    run = Run(p.pid, script(bridge))
    hooked = run.wait("hooked")
    uptime = time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
    same(play(p), alone)
    time.sleep(0.3)
    assert alone[-1] == "done" and "over TLS one and two!" in alone, alone
    same(run.other, [])
    assert max(map(len, run.lines)) < 40_000, "no line is longer than the device reads"
    for line in run.told():
        assert line["v"] == 1 and line["p"] == p.pid and abs(line["t"] - uptime) < 60_000, line
    same(run.told("lost"), [])
    m = texts(run)
    cbc = m["AES/CBC/PKCS5Padding"]
    same([(o, plain, len(cipher), over) for o, plain, cipher, over in cbc],
         [("encrypt", b"the plain text", 16, False), ("decrypt", b"the plain text", 16, False)])
    same(cbc[0][2], cbc[1][2])
    ctr = m["AES/CTR/NoPadding"]
    same([(len(plain), len(cipher), over) for _, plain, cipher, over in ctr], [(100_000, 100_000, False)] * 2 + [(3, 3, None)])
    same(ctr[0][1:3], ctr[1][1:3])
    same(m["AES/CBC/NoPadding"], [("encrypt", b"\0\0\0", b"", None)])
    # A server in the same process would be heard too, if it said anything.
    same(m["TLS"], [("encrypt", b"one and two!", b"", False)])
    same([b["stack"][0].split(":")[0] for b in run.told("begin")][:2], ["net.example.Played.ciphers"] * 2)
    same([c["port"] > 0 for c in run.told("connect")][:1], [True])
    print(f"{name}: {len(run.lines)} lines, {time.monotonic() - began:.1f} s")
    return run, hooked


def main():
    both = ["cipher", "tls", "socket"]
    run, hooked = compared("a Java", "java")
    same(hooked["hooked"], both)
    same(sorted(hooked["missing"]), ["audio_record", "camera1", "camera2", "media_recorder"])
    same(run.told("open"), [])

    run, hooked = compared("a Java with Android's names", "java", "android")
    same((hooked["hooked"], hooked["missing"]), (both + ["camera1", "camera2", "audio_record", "media_recorder"], {}))
    same([(o["sensor"], o["api"], o["id"]) for o in run.told("open")],
         [("camera", "camera1", "1"), ("camera", "camera2", "0"), ("microphone", "audio_record", ""), ("microphone", "media_recorder", "")])
    if len(sys.argv) > 2:
        pathlib.Path(sys.argv[2]).write_text("".join(run.lines))

    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        for source, why in [(script(bridge), "this process has no Java"), (script(""), "this Frida has no Java bridge of its own")]:
            run = Run(sleeper.pid, source)
            hello = run.wait("hello")
            same((hello["java"], hello["why"], hello["frida"]), (False, why, frida.__version__))
            same((len(run.lines), run.other), (1, []))
            run.session.detach()
    finally:
        sleeper.kill()
        sleeper.wait()
    print(f"the agent does what it should in Frida {frida.__version__}")


main()
