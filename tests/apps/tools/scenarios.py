"""Scenario files with the stubs of a seed. A template is a scenario with lines `@STUBS name,..@` and tokens `@X@`."""
import json
import re
from pathlib import Path

from apps import APPS, account, constants, loud_family

OK = {"ok": True}


def stubs(which: str, seed: int) -> list:
    """`config`: the remote configuration and the place of the uploads; `login`; else an app's name: its own server."""
    f = loud_family(seed)
    if which == "config":
        upload = "/" + f["order"]["upload"].split("/", 3)[3]
        return [{"host": f["config_host"], "path": f["config_path"] + "*", "json": f["order"]}, {"host": f["upload_host"], "path": upload + "*", "json": OK}]
    if which == "upload":
        return [{"host": f["upload_host"], "json": OK}]
    if which == "login":
        return [{"host": f["config_host"], "path": f["login_path"] + "*", "json": OK}]
    c = constants(which, seed)
    base = c.get("BASE") or c.get("HELLO_URL") or c.get("REPORT_URL")
    return [{"host": base.split("/")[2], "json": OK}]


def line(stub: dict) -> str:
    head = {"host": stub["host"], "path": stub.get("path", "*"), "status": 200, "headers": {"content-type": "application/json"}}
    # JSON is YAML: flow style.
    return "    - " + json.dumps(head | {"json": stub["json"]}, ensure_ascii=False)


def render(template: str, seed: int) -> str:
    def lines(m):
        return "\n".join(line(s) for which in m[1].split(",") for s in stubs(which.strip(), seed))
    text = re.sub(r"^ *@STUBS ([\w, -]+)@$", lines, template, flags=re.M)
    words = {"USER": account(seed)["user"]}
    return re.sub(r"@([A-Z]+)@", lambda m: words[m[1]], text)


def write_all(seed: int, templates: Path, out: Path) -> None:
    (out / "scenarios").mkdir(parents=True, exist_ok=True)
    for t in sorted(templates.glob("*.yaml")):
        (out / "scenarios" / t.name).write_text(render(t.read_text(), seed))
    (out / "idle-demo.yaml").write_text(render((templates / "idle-demo.yaml").read_text(), seed))
