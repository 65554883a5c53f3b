"""A converter that makes what its first argument says: classes, an error, nothing, or a link to somebody else's file."""
import json, os, sys

mode, out = sys.argv[1], sys.argv[-2]
if mode == "converts":
    open(out, "w").write("classes")
    print(json.dumps({"ok": {"classes": 1}}))
elif mode == "no code":
    print(json.dumps({"error": {"code": "no_code", "message": "there is no dex"}}))
    sys.exit(1)
elif mode == "links":
    os.symlink("/etc/passwd", out)
    print(json.dumps({"ok": {}}))
