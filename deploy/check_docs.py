"""Whether docs/operations.md answers what the files of deploy/ point at: a runbook for each alert, a line for each metric."""

import json
import pathlib
import re
import sys

root = pathlib.Path(__file__).parent.parent
page = (root / "docs/operations.md").read_text(encoding="utf-8")
alerts = (root / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8")
dashboard = (root / "deploy/grafana/stakeout.json").read_text(encoding="utf-8")
problems = []


def anchor(title):
    """As forges and most renderers make it from a heading."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


anchors = {anchor(t) for t in re.findall(r"^#+ (.+)$", page, re.M)}

rings = re.split(r"^ *- alert: ", alerts, flags=re.M)[1:]
for text in rings:
    name = text.split("\n")[0].strip()
    link = re.search(r"runbook_url: docs/operations\.md#(\S+)", text)
    if not link:
        problems.append(f"{name}: no runbook")
    elif link[1] not in anchors:
        problems.append(f"{name}: docs/operations.md has no `#{link[1]}`")
    if not re.search(r"severity: (critical|warning)", text):
        problems.append(f"{name}: no severity")
if not rings:
    problems.append("no alerts at all")

# Links within the page, and to files of the tree.
for link in re.findall(r"\]\(([^)\s]+)\)", page):
    path, _, fragment = link.partition("#")
    if "://" in link:
        continue
    if path and not (root / "docs" / path).exists():
        problems.append(f"docs/operations.md leads to `{path}`, which is not there")
    if not path and fragment not in anchors:
        problems.append(f"docs/operations.md leads to `#{fragment}`, which is not there")

# A row `| `stakeout_..` | kind | ..` each.
kinds = dict(re.findall(r"^\| `(stakeout_[a-z_]+)(?:\{[^}]*\})?` \| (gauge|counter|histogram) \|", page, re.M))
used = set(re.findall(r"\bstakeout_[a-z_]+", alerts)) | {
    m for p in json.loads(dashboard)["panels"] for t in p.get("targets", []) for m in re.findall(r"\bstakeout_[a-z_]+", t["expr"])
}
for name in sorted(used):
    base = re.sub(r"_(bucket|count|sum)$", "", name)
    if name in kinds and kinds[name] != "histogram":
        continue
    if base != name and kinds.get(base) == "histogram":
        continue
    problems.append(f"the metric `{name}` is no line of docs/operations.md")
for name in kinds:
    if name not in dashboard:
        problems.append(f"the metric `{name}` is on no panel")

print("\n".join(problems))
sys.exit(bool(problems))
