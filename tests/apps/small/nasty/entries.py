"""Adds entries to an APK whose names want to be paths elsewhere."""
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1], "a", zipfile.ZIP_DEFLATED) as z:
    for name in ["../../../../tmp/climbed", "/tmp/climbed", "assets/../../climbed", "assets/\x1b[31m<script>alert(1)</script>", "assets/..\\..\\climbed"]:
        z.writestr(name, "climbed")
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    z.writestr(link, "/etc/passwd")
