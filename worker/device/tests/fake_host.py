"""A host that speaks docs/host-pipe.md without an Android, and misbehaves as its argument says."""
import json, os, sys, time

mode = sys.argv[1]


def say(m):
    os.write(1, (json.dumps(m) + "\n").encode())


def observe(at, **fact):
    say({"event": "observation", "at": at, "fact": fact, "stack": ["com.app.Main.run:1"]})


def feed(**request):
    os.write(3, (json.dumps({"id": 1, **request}) + "\n").encode())
    head = b""
    while not head.endswith(b"\n"):
        head += os.read(4, 1)
    head, data = json.loads(head), b""
    while len(data) < head.get("bytes", 0):
        data += os.read(4, head["bytes"] - len(data))
    return head, data


def camera(at, **more):
    return feed(sensor="camera", facing="back", at=at, session=1, width=64, height=48, format="nv21", **more)


def sound(at):
    return feed(sensor="microphone", at=at, session=2, rate=8000, frames=800)


def launch():
    if mode == "dies":
        sys.stderr.write("about to die\n")
        os._exit(7)
    if mode == "silent":
        time.sleep(1000)
    if mode == "floods":
        line = (json.dumps({"event": "observation", "at": 0, "fact": {"fact": "alarm", "what": "x"}}) + "\n").encode()
        with os.fdopen(os.dup(1), "wb") as out:
            out.write(line * 200_100)
    if mode == "floods the log":
        sys.stderr.write("noise\n" * 20_010)
        sys.stderr.flush()
    if mode == "huge line":
        with os.fdopen(os.dup(1), "wb") as out:
            out.write(b"{" + b"a" * 5_000_000 + b"\n\xff\xfe\n")
    if mode == "forges answers":
        say({"id": 999, "ok": {"activity": "forged"}})
    return {"activity": f"pid {os.getpid()}", "millis": 5}


def advance(nanos):
    if mode == "lies about time":
        observe(10 * nanos, fact="alarm", what="late")
        say({"event": "clock", "real": time.monotonic_ns() + 10**12, "at": 1})
        head, _ = camera(100 * nanos)
        observe(0, fact="alarm", what=f"frame {head['frame']}")
        return {"at": 50 * nanos, "jumps": 1, "held_nanos": 0}
    for i in range(30):
        head, data = camera(-(-i * 10**9 // 30))  # rounded up: the first nanosecond of the frame
        assert head["frame"] == i and len(data) == 64 * 48 * 3 // 2, head
    sound(10**9)
    head, _ = camera(0, quality="no number")
    observe(nanos, fact="alarm", what=json.dumps(head.get("error", {}).get("code")))
    return {"at": nanos, "jumps": 1, "held_nanos": 0}


kept = 0


def keep(artifacts, folder, name, text):
    """As stakeout/tap/Artifacts.java: a folder for each kind, made when it is needed, numbered names, and a fact that names them."""
    global kept
    kept += 1
    os.makedirs(os.path.join(artifacts, folder), exist_ok=True)
    to = f"{folder}/{kept:05d}-{name}"
    with open(os.path.join(artifacts, to), "w") as f:
        f.write(text)
    observe(0, fact="file", path=f"files/{name}", change=folder, bytes=len(text), to=to)


def install(r):
    data = r["data_dir"]
    os.makedirs(os.path.join(data, "files"), exist_ok=True)
    with open(os.path.join(data, "files", "note"), "w") as f:
        f.write(open(r["jar"]).read())
    keep(r["artifacts_dir"], "deleted", "gone.txt", "gone")
    for folder in (r["artifacts_dir"], os.path.join(data, "..", "tmp"), os.path.join(data, "..", "shm")):
        with open(os.path.join(folder, "hidden"), "w") as f:
            f.write("elsewhere")
    os.symlink("/etc/passwd", os.path.join(data, "files", "link"))
    return {"package": "com.app", "version_name": "1", "version_code": 1, "target_sdk": 30, "permissions": [], "label": "App"}


for line in sys.stdin:
    r = json.loads(line)
    verb = r["verb"]
    assert "keys" not in r and "aaaaaaaa" not in line, "a key came into the host"
    ok = {}
    if verb == "boot":
        with open(f"{os.path.dirname(os.getcwd())}/tmp/libjvm.so", "w") as f:
            f.write("the JVM's own")
        ok = {"api": r["api"], "release": "14"}
    elif verb == "install":
        ok = install(r)
    elif verb == "launch":
        ok = launch()
    elif verb == "advance":
        ok = advance(r["nanos"])
    elif verb == "input":
        say({"id": r["id"], "error": {"code": "not_found", "message": "nothing says so"}})
        continue
    elif verb == "screenshot":
        os.symlink("/etc/passwd", r["path"])
        ok = {"width": 1, "height": 1}
    say({"id": r["id"], "ok": ok})
    if verb == "stop":
        break
