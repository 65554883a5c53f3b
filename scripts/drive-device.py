#!/usr/bin/env python3
"""Drives a jvm device by hand: one app, a minute in the foreground, an hour in the background, its files.

    scripts/drive-device.py APK OUT [--image stakeout/jvm:0.1.0] [--api 34] [--permissions grant-on-request]
                            [--tap TEXT]... [--hours 1] [--prepared JAR] [--mode pattern]

Writes OUT/events.jsonl, OUT/screen.png, OUT/files.tar, OUT/prepared.jar. The options of `docker run` are those of
images/README.md. The network is none: what an app sends goes nowhere.
"""
import argparse, hashlib, json, os, subprocess, sys, time

OPTIONS = """--user 0 --cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add SETPCAP --cap-add KILL
  --cap-add DAC_READ_SEARCH --security-opt no-new-privileges --read-only --network none --log-driver none
  --memory 2500m --memory-swap 2500m --pids-limit 512 --ulimit core=0
  --tmpfs /work:rw,nosuid,nodev,noexec,size=1g,mode=0755
  --tmpfs /data:rw,nosuid,nodev,noexec,size=512m,uid=10001,gid=10001,mode=0700
  --tmpfs /artifacts:rw,nosuid,nodev,noexec,size=512m,uid=10001,gid=10001,mode=0700
  --tmpfs /tmp:rw,nosuid,nodev,exec,size=256m,uid=10001,gid=10001,mode=0700
  --tmpfs /convert:rw,nosuid,nodev,noexec,size=768m,uid=10002,gid=10002,mode=0700""".split()


class Device:
    def __init__(self, command, out):
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.events, self.n, self.blob, self.blobs = open(os.path.join(out, "events.jsonl"), "w"), 0, 1000, {}

    def send_blob(self, path):
        self.blob += 1
        data = open(path, "rb").read()
        for i in range(0, len(data), 1 << 18):
            piece = data[i : i + (1 << 18)]
            self.p.stdin.write(json.dumps({"chunk": {"blob": self.blob, "bytes": len(piece)}}, separators=(",", ":")).encode() + b"\n" + piece)
        self.p.stdin.write(json.dumps({"chunk": {"blob": self.blob, "bytes": 0}}, separators=(",", ":")).encode() + b"\n")
        return {"blob": self.blob, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def ask(self, verb, **parameters):
        self.n += 1
        begun = time.monotonic()
        self.p.stdin.write(json.dumps({"id": self.n, "verb": verb, **parameters}).encode() + b"\n")
        self.p.stdin.flush()
        while True:
            line = self.p.stdout.readline()
            if not line:
                sys.exit(f"the device ended while it did `{verb}`: {self.p.wait()}")
            m = json.loads(line)
            if "chunk" in m:
                data = self.p.stdout.read(m["chunk"]["bytes"])
                self.blobs[m["chunk"]["blob"]] = self.blobs.get(m["chunk"]["blob"], b"") + data
            elif m.get("id") == self.n:
                text = json.dumps(m.get("ok", m.get("error")))
                print(f"{time.monotonic() - begun:7.2f} s  {verb:15} {text[:300]}", file=sys.stderr)
                return m
            else:
                self.events.write(line.decode())
                if m.get("event") == "health":
                    print("HEALTH", m, file=sys.stderr)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("apk"), a.add_argument("out")
    a.add_argument("--image", default="stakeout/jvm:0.1.0"), a.add_argument("--api", type=int, default=34)
    a.add_argument("--permissions", default="grant-on-request"), a.add_argument("--tap", action="append", default=[])
    a.add_argument("--hours", type=float, default=1.0), a.add_argument("--prepared"), a.add_argument("--mode", default="pattern")
    a = a.parse_args()
    os.makedirs(a.out, exist_ok=True)
    d = Device(["docker", "run", "-i", "--rm", *OPTIONS, a.image], a.out)
    d.ask("hello")
    d.ask("boot", api=a.api, locale="zh-CN")
    key = lambda c: (c * 64)
    d.ask("assign", keys={"camera_back": key("a"), "camera_front": key("b"), "microphone": key("c")}, feed_mode=a.mode,
          start_millis=1454976000000, timezone="Asia/Shanghai", seed=7, ca_pem="", permissions=a.permissions, deny=[],
          rules=a.api, hold_cap_ms=3000)
    d.ask("plant", data={"contacts": [{"name": "Lin Yuhe", "phone": "+8613988120417", "email": "lin@example.com"}]})
    m = d.ask("install", apk=d.send_blob(a.apk), splits=[], prepared=d.send_blob(a.prepared) if a.prepared else None)
    if d.n in d.blobs:
        open(os.path.join(a.out, "prepared.jar"), "wb").write(d.blobs[d.n])
    if "ok" in m:
        d.ask("launch")
        for t in a.tap:
            d.ask("input", action="tap", text=t)
        d.ask("advance", nanos=60 * 10**9)
        if "ok" in d.ask("screenshot"):
            open(os.path.join(a.out, "screen.png"), "wb").write(d.blobs[d.n])
        d.ask("background")
        d.ask("advance", nanos=int(a.hours * 3600 * 10**9))
        if "ok" in d.ask("snapshot_files", max_bytes=1 << 30, max_files=10000):
            open(os.path.join(a.out, "files.tar"), "wb").write(d.blobs[d.n])
    d.ask("stop")
    d.p.stdin.close()
    begun = time.monotonic()
    print("exit code", d.p.wait(), "after", round(time.monotonic() - begun, 2), "s", file=sys.stderr)


main()
