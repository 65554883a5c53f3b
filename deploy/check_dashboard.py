"""Whether a dashboard is one that Grafana can show, and its queries as a file of rules, for promtool to read.

    check_dashboard.py DASHBOARD.json RULES.yaml
"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    dashboard = json.load(f)

problems = []
for key in ("uid", "title", "schemaVersion", "panels", "templating"):
    if not dashboard.get(key):
        problems.append(f"`{key}` is missing")
variables = {v["name"] for v in dashboard["templating"]["list"]}

ids, places, queries = set(), set(), []
for panel in dashboard["panels"]:
    name = panel.get("title") or "a panel"
    if panel["id"] in ids:
        problems.append(f"{name}: its id {panel['id']} is another's")
    ids.add(panel["id"])
    g = panel["gridPos"]
    if g["x"] + g["w"] > 24:
        problems.append(f"{name}: wider than the page")
    cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
    if cells & places:
        problems.append(f"{name}: lies over another panel")
    places |= cells
    if panel["type"] == "row":
        continue
    if not panel.get("description"):
        problems.append(f"{name}: no description")
    if not panel.get("targets"):
        problems.append(f"{name}: no query")
    refs = [t["refId"] for t in panel["targets"]]
    if len(set(refs)) != len(refs):
        problems.append(f"{name}: two queries of one refId")
    for t in panel["targets"]:
        if t["datasource"]["uid"] != "${datasource}":
            problems.append(f"{name}: a data source of its own")
        query = t["expr"].replace("$__rate_interval", "5m")
        for v in variables:
            query = query.replace(f"${v}", "x")
        if "$" in query:
            problems.append(f"{name}: `{t['expr']}` has a variable that is none")
        queries.append(query)

if not queries:
    problems.append("no queries at all")
with open(sys.argv[2], "w", encoding="utf-8") as f:
    # JSON is YAML.
    rules = [{"record": f"dashboard:query:{n}", "expr": q} for n, q in enumerate(queries)]
    json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, f)
print("\n".join(problems))
sys.exit(bool(problems))
