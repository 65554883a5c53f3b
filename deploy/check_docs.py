"""Whether docs say what is there: a runbook for each alert, a line for each metric, the same grace of workers everywhere, and
tests by names that they have."""

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

# How long a worker may end its trials.
grace = {
    "deploy/single/systemd/stakeout-worker.service": r"^TimeoutStopSec=(\d+)min$",
    "deploy/compose/compose.yaml": r"^    stop_grace_period: (\d+)m$",
    "deploy/helm/stakeout/values.yaml": r"each one ends its trials first \(it has (\d+) minutes\)",
    "docs/operations.md": r"unit, compose file and chart give (\d+) minutes",
}
given = {path: re.findall(form, (root / path).read_text(encoding="utf-8"), re.M) for path, form in grace.items()}
template = "deploy/helm/stakeout/templates/workers.yaml"
chart = re.findall(r"terminationGracePeriodSeconds: (\d+)", (root / template).read_text(encoding="utf-8"))
given[template] = [str(int(s) // 60) for s in chart]
if len({tuple(v) for v in given.values()}) != 1 or not all(given.values()):
    problems.append(f"a worker's time to end its trials differs: {given}")

# Tests that the threat model names: a name in backticks with three words or more is a test's. `.._words_..` is the middle of one,
# and what ends in .rs is a file.
tops = ("orchestrator", "worker", "tests", "images")
sources = [p for top in tops for p in sorted((root / top).rglob("*")) if p.suffix in (".rs", ".java")]
tests = set()
for path in sources:
    text = path.read_text(encoding="utf-8")
    if "tests" in path.parts:
        # Parts of a longer test too, which stands on one expensive run.
        tests |= set(re.findall(r"^(?:async )?fn (\w+)\(\)", text, re.M))
    tests |= set(re.findall(r"#\[(?:tokio::)?test(?:\([^\]]*\))?\]\s+(?:#\[[^\n]*\]\s+)*(?:async )?fn (\w+)", text))
    tests |= set(re.findall(r"@Test\s+(?:public )?void (\w+)", text))
model = (root / "docs/threat-model.md").read_text(encoding="utf-8")
named = 0
for name in re.findall(r"`([^`\n]+)`", model):
    if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){2,}", name):
        named += 1
        if name not in tests:
            problems.append(f"docs/threat-model.md names the test `{name}`, which is not there")
    elif part := re.fullmatch(r"(?:\.\.)?(\w+)\.\.", name):
        if not any(part[1] in t for t in tests):
            problems.append(f"docs/threat-model.md means a test by `{name}`, and there is none")
    elif name.endswith(".rs"):
        if not any(p.as_posix().endswith("/" + name.removeprefix("e2e/")) for p in sources):
            problems.append(f"docs/threat-model.md names the file `{name}`, which is not there")
if named < 50:
    problems.append(f"docs/threat-model.md names {named} tests: it was not read as it is meant")

print("\n".join(problems))
sys.exit(bool(problems))
