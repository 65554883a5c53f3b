"""What no schema says of the chart's objects: that pods are confined, and that names lead to something.

    check_chart.py FILE...      what `helm template` printed
"""

import sys

import yaml

problems = []


def pods(objects):
    """Each object that makes pods, with its template."""
    for o in objects:
        if o["kind"] in ("Deployment", "DaemonSet"):
            yield o, o["spec"]["template"]


def containers(template):
    spec = template["spec"]
    return spec.get("initContainers", []) + spec["containers"]


def confined(say, o, template):
    spec = template["spec"]
    worker = o["kind"] == "DaemonSet"
    if spec.get("automountServiceAccountToken") is not False:
        say("its service account's token is mounted")
    if spec.get("hostNetwork") or spec.get("hostIPC") or (spec.get("hostPID") and not worker):
        say("it has a namespace of the host")
    if not worker and not (spec["securityContext"].get("runAsNonRoot") and spec["securityContext"].get("runAsUser")):
        say("it may be root")
    for c in containers(template):
        s = c["securityContext"]
        wanted = {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for k, v in wanted.items():
            if s.get(k) != v:
                say(f"container {c['name']}: {k} is {s.get(k)!r}, not {v!r}")
        if "limits" not in c.get("resources", {}):
            say(f"container {c['name']} has no limits")
        mounts = {m["name"] for m in c.get("volumeMounts", [])}
        for m in mounts - {v["name"] for v in spec["volumes"]}:
            say(f"container {c['name']} mounts {m}, which is no volume")
        for e in c.get("env", []):
            if any(w in e["name"] for w in ("SECRET", "ACCESS_KEY", "STORE", "PASSWORD")) and "value" in e:
                say(f"{e['name']} is a value and no reference to a secret")
    folders = [v["hostPath"]["path"] for v in spec["volumes"] if "hostPath" in v]
    allowed = {"/var/run/docker.sock", "/var/lib/stakeout-worker", "/dev/kvm"} if worker else set()
    if set(folders) - allowed:
        say(f"it has {sorted(set(folders) - allowed)} of the node")


def same_path(say, template):
    """The engine mounts a trial's folder by its path on the node, so the pod must know it by the same."""
    for v in template["spec"]["volumes"]:
        if v.get("hostPath", {}).get("type") == "DirectoryOrCreate":
            for c in containers(template):
                for m in c["volumeMounts"]:
                    if m["name"] == v["name"] and m["mountPath"] != v["hostPath"]["path"]:
                        say(f"{v['hostPath']['path']} of the node is at {m['mountPath']} in {c['name']}")


def leads(say, o, templates):
    """Selectors find a pod, and the ports that are named are there."""
    spec = o["spec"]
    selector = {"Service": "selector", "PodDisruptionBudget": "selector", "NetworkPolicy": "podSelector"}[o["kind"]]
    wanted = spec[selector]
    wanted = wanted.get("matchLabels", wanted)
    found = [t for t in templates if wanted.items() <= t["metadata"]["labels"].items()]
    if not found:
        say(f"selects no pod: {wanted}")
    ports = {p["name"] for t in found for c in containers(t) for p in c.get("ports", [])}
    if o["kind"] == "Service":
        named = [p["targetPort"] for p in spec["ports"]]
    elif o["kind"] == "NetworkPolicy":
        named = [p["port"] for rule in spec["ingress"] for p in rule["ports"]]
    else:
        named = []
    for p in named:
        if p not in ports:
            say(f"names the port {p}, which its pods do not have")


for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        objects = [o for o in yaml.safe_load_all(f) if o]
    templates = [t for _, t in pods(objects)]
    if not templates:
        problems.append(f"{path}: no pods at all")

    def say(o, text):
        problems.append(f"{path}: {o['kind']} {o['metadata']['name']}: {text}")

    for o, template in pods(objects):
        confined(lambda text, o=o: say(o, text), o, template)
        same_path(lambda text, o=o: say(o, text), template)
        labels = template["metadata"]["labels"]
        if not o["spec"]["selector"]["matchLabels"].items() <= labels.items():
            say(o, "does not select its own pods")
    for o in objects:
        if o["kind"] in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
            leads(lambda text, o=o: say(o, text), o, templates)
        if o["kind"] == "Ingress":
            services = {s["metadata"]["name"]: {p["name"] for p in s["spec"]["ports"]} for s in objects if s["kind"] == "Service"}
            for rule in o["spec"]["rules"]:
                for p in rule["http"]["paths"]:
                    b = p["backend"]["service"]
                    if b["port"]["name"] not in services.get(b["name"], ()):
                        say(o, f"leads to {b}, which is no service")

if not sys.argv[1:]:
    problems.append("nothing to check")
print("\n".join(problems))
sys.exit(bool(problems))
