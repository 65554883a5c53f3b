#!/usr/bin/env python3
"""Writes what the programs are made of: a list of all crates as CycloneDX 1.5 (JSON).

    scripts/sbom.py [--out FILE]     default: target/sbom.cdx.json
    scripts/sbom.py --check FILE     whether FILE is such a list, and names every crate that `cargo tree` says is linked

Facts of crates are those of `cargo metadata --locked`, digests those of Cargo.lock: of each crate's archive, as the registry
gave it. `scope` is `required` for what is linked into a program, `excluded` for what only helps to build it (build scripts,
procedural macros). The same tree gives the same bytes. What images hold besides is not in it: Debian's packages, and the jars
of images/jvm/jars.sha256.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib
import urllib.parse
import uuid

root = pathlib.Path(__file__).resolve().parent.parent
TARGET = "x86_64-unknown-linux-gnu"


def cargo(*args):
    return subprocess.run(["cargo", *args], cwd=root, check=True, capture_output=True, text=True).stdout


def shipped(metadata):
    """Packages of the workspace with a program that is not for tests."""
    members = set(metadata["workspace_members"])
    for p in metadata["packages"]:
        folder = pathlib.Path(p["manifest_path"]).relative_to(root).parts[0] if p["id"] in members else "tests"
        if folder != "tests" and any("bin" in t["kind"] for t in p["targets"]):
            yield p


def reach(starts, edges):
    found, todo = set(starts), list(starts)
    while todo:
        for d in edges(todo.pop()):
            if d not in found:
                found.add(d)
                todo.append(d)
    return found


def purl(p):
    return f"pkg:cargo/{p['name']}@{urllib.parse.quote(p['version'], safe='.-_~')}"


def component(p, checksums, linked):
    c = {"type": "library", "bom-ref": purl(p), "name": p["name"], "version": p["version"]}
    if any("bin" in t["kind"] for t in p["targets"]) and not p["source"]:
        c["type"] = "application"
    if p["description"]:
        c["description"] = " ".join(p["description"].split())
    c["scope"] = "required" if linked else "excluded"
    if checksum := checksums.get((p["name"], p["version"])):
        c["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if p["license"]:
        # `MIT/Apache-2.0` is how it was written once.
        c["licenses"] = [{"expression": p["license"].replace("/", " OR ")}]
    c["purl"] = purl(p)
    if p["repository"]:
        c["externalReferences"] = [{"type": "vcs", "url": p["repository"]}]
    return c


def lock_checksums():
    lock = tomllib.loads((root / "Cargo.lock").read_text(encoding="utf-8"))
    return {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}


def make():
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET))
    packages = {p["id"]: p for p in metadata["packages"]}
    nodes = {n["id"]: n for n in metadata["resolve"]["nodes"]}
    macros = {i for i, p in packages.items() if any("proc-macro" in t["kind"] for t in p["targets"])}

    def edges(kinds):
        def of(i):
            return [d["pkg"] for d in nodes[i]["deps"] if any(k["kind"] in kinds for k in d["dep_kinds"])]

        return of

    normal = edges({None})
    starts = [p["id"] for p in shipped(metadata)]
    linked = reach(starts, lambda i: [d for d in normal(i) if d not in macros])
    everything = reach(starts, edges({None, "build"}))
    checksums = lock_checksums()
    order = sorted(everything, key=lambda i: (packages[i]["name"], packages[i]["version"]))
    version = packages[starts[0]]["version"]
    product = {
        "type": "application",
        "bom-ref": "stakeout-workspace",
        "name": "stakeout",
        "version": version,
        "licenses": [{"expression": packages[starts[0]]["license"]}],
    }
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "scripts/sbom.py", "version": version}]},
            "component": product,
            "properties": [{"name": "stakeout:target", "value": TARGET}],
        },
        "components": [component(packages[i], checksums, i in linked) for i in order],
        "dependencies": [{"ref": product["bom-ref"], "dependsOn": sorted(purl(packages[i]) for i in starts)}]
        + [
            {"ref": purl(packages[i]), "dependsOn": sorted(purl(packages[d]) for d in edges({None, "build"})(i))} for i in order
        ],
    }
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        bom["metadata"]["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(epoch)))
    # Of its contents, so that it is another one when they are.
    bom["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True)).urn
    return bom


def problems(bom):
    """What is wrong with a list, and what of Cargo.lock is linked and not in it."""
    out = []
    if (bom.get("bomFormat"), bom.get("specVersion")) != ("CycloneDX", "1.5"):
        out.append("it is no CycloneDX 1.5")
    if not re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bom.get("serialNumber", "")):
        out.append("it has no serial number")
    parts = {c["bom-ref"]: c for c in bom.get("components", [])}
    if len(parts) != len(bom.get("components", [])):
        out.append("a part stands in it twice")
    refs = set(parts) | {bom["metadata"]["component"]["bom-ref"]}
    for d in bom.get("dependencies", []):
        for r in [d["ref"], *d["dependsOn"]]:
            if r not in refs:
                out.append(f"`{r}` is depended on and is no part")
    if {d["ref"] for d in bom.get("dependencies", [])} != refs:
        out.append("a part has no line of dependencies")
    checksums = lock_checksums()
    for ref, c in parts.items():
        wanted = checksums.get((c["name"], c["version"]), "")
        if wanted == "":
            out.append(f"`{ref}` is not in Cargo.lock")
        elif wanted and [{"alg": "SHA-256", "content": wanted}] != c.get("hashes"):
            out.append(f"`{ref}` has not the digest of Cargo.lock")
        if not c.get("licenses"):
            out.append(f"`{ref}` has no licence")
    metadata = json.loads(cargo("metadata", "--locked", "--no-deps", "--format-version", "1"))
    which = [a for p in shipped(metadata) for a in ("-p", p["name"])]
    tree = cargo("tree", "--locked", "--target", TARGET, "-e", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}", *which)
    linked = {(w[0], w[1].removeprefix("v")) for w in (line.split() for line in tree.splitlines()) if len(w) > 1}
    if not linked:
        out.append("`cargo tree` names nothing")
    required = {(c["name"], c["version"]) for c in parts.values() if c.get("scope") == "required"}
    out += [f"`{name} {version}` is linked and is no part" for name, version in sorted(linked - required)]
    return out


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--out", type=pathlib.Path, default=root / "target/sbom.cdx.json")
    a.add_argument("--check", type=pathlib.Path)
    args = a.parse_args()
    if args.check:
        found = problems(json.loads(args.check.read_text(encoding="utf-8")))
        print("\n".join(found), end="\n" if found else "")
        return bool(found)
    bom = make()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(bom, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    linked = sum(c["scope"] == "required" for c in bom["components"])
    print(f"{linked} crates are linked, {len(bom['components']) - linked} more help to build; {args.out}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as e:
        sys.exit(f"`{' '.join(e.cmd)}` failed:\n{e.stderr}")
