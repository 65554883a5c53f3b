#!/usr/bin/env python3
"""Measures what is ours around trials of the emulator device, played by the stand-in: seconds by stage of one trial, and 16 at once.
Usage: bench_emulator.py STAKEOUT APPS OUT

The stand-in boots at once and its guest takes no processor, so what is left is our side: cell, links, books, files, analysis. The
script's time is left out: it is the scenario's, and the stand-in's guest runs faster than a real one. Nothing is asserted.
"""
import json, os, statistics, subprocess, sys, tempfile, time

SCENARIO = """name: bench-emulator
device: {api: 34}
startAt: 2016-02-09T08:00:00+08:00
permissions: grant-on-request
plant: {contacts: 5, callLog: 5, wifi: 0, cells: 0}
network: {policy: sinkhole, tls: intercept}
steps:
  - launchApp
  - idle: {state: background, for: 20s}
"""


def run(stakeout, apps, trials, slots):
    with tempfile.TemporaryDirectory() as d:
        path, out = os.path.join(d, "s.yaml"), os.path.join(d, "out")
        open(path, "w").write(SCENARIO)
        begun = time.monotonic()
        p = subprocess.run(
            [stakeout, "run", os.path.join(apps, "loud-played.apk"), "--device", "emulator-fake", "--scenario", path, "--trials", str(trials),
             "--slots", str(slots), "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wall = time.monotonic() - begun
        if p.returncode not in (0, 10, 11, 13):
            sys.exit(f"bench: {trials} trials ended with {p.returncode}: {p.stderr[-2000:]}")
        r = json.load(open(os.path.join(out, "result.json")))
    costs = [t["cost"] for t in r["trials"]]
    stages = [dict(map(tuple, c["stages"])) for c in costs]
    names = [s[0] for s in costs[0]["stages"]]
    ours = sorted(sum(v for k, v in s.items() if k != "script") for s in stages)
    return {"trials": trials, "slots": slots, "finished": sum(t["end"]["state"] == "finished" for t in r["trials"]) if "end" in r["trials"][0] else len(costs),
            "wall_s": round(wall, 1), "outside_the_guest_s": {"median": round(statistics.median(ours), 2), "max": round(ours[-1], 2)},
            "stages_median_s": {n: round(statistics.median([s.get(n, 0) for s in stages]), 2) for n in names},
            "cpu_s": round(sum(c["cpu_seconds"] for c in costs), 1), "peak_mib": max(c["peak_memory_bytes"] for c in costs) >> 20}


def main():
    stakeout, apps, out = sys.argv[1:4]
    rows = [run(stakeout, apps, 1, 1), run(stakeout, apps, 4, 1), run(stakeout, apps, 16, 16)]
    json.dump({"format": "stakeout-bench-emulator/1", "cpus": os.cpu_count(), "rows": rows}, open(os.path.join(out, "emulator.json"), "w"), indent=1)
    print(f"{'trials':>6} {'at once':>7} {'wall s':>7} {'outside the guest s, median, max':>33}  {'CPU s':>6} {'MiB':>5}  stages, median")
    for r in rows:
        stages = " ".join(f"{k} {v:.2f}" for k, v in r["stages_median_s"].items())
        o = r["outside_the_guest_s"]
        print(f"{r['trials']:6} {r['slots']:7} {r['wall_s']:7.1f} {o['median']:24.2f}, {o['max']:6.2f}  {r['cpu_s']:6.1f} {r['peak_mib']:5}  {stages}")


main()
