#!/usr/bin/env python3
"""Measures trials: seconds by stage, trials an hour, virtual hours a second, memory. Usage: bench_trials.py STAKEOUT APPS OUT

Every figure is of this machine and this run; nothing is asserted. Rows: the demo's scenario; one virtual hour with six rounds of
captures and uploads; 24 virtual hours with one each hour.
"""
import json, os, re, statistics, subprocess, sys, tempfile, time


def scenario(apps, name, interval, steps):
    """The demo's scenario with the same servers, another interval of the remote configuration, and other steps."""
    text = open(os.path.join(apps, "idle-demo.yaml")).read()
    head = text[: text.index("\nsteps:")]
    head = re.sub(r"(?m)^name: .*", f"name: {name}", head)
    if interval:
        head = re.sub(r'"interval_s": \d+', f'"interval_s": {interval}', head)
        head = re.sub(r'"delay_s": \d+', f'"delay_s": {interval // 2}', head)
        return head + "\nsteps:\n" + "".join(f"  - {s}\n" for s in steps)
    return text


def run(stakeout, apps, row, app, text, trials):
    with tempfile.TemporaryDirectory() as d:
        path, out = os.path.join(d, "s.yaml"), os.path.join(d, "out")
        open(path, "w").write(text)
        begun = time.monotonic()
        p = subprocess.run(
            [stakeout, "run", os.path.join(apps, app + ".apk"), "--scenario", path, "--trials", str(trials), "--out", out],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wall = time.monotonic() - begun
        if p.returncode not in (0, 10, 11, 13):
            sys.exit(f"bench: `{row}` ended with {p.returncode}: {p.stderr[-2000:]}")
        r = json.load(open(os.path.join(out, "result.json")))
    costs = [t["cost"] for t in r["trials"]]
    names = [s[0] for s in costs[0]["stages"]]
    stages = {n: statistics.median([dict(map(tuple, c["stages"])).get(n, 0) for c in costs]) for n in names}
    script = sum(dict(map(tuple, c["stages"])).get("script", 0) for c in costs)
    virtual = sum(c["virtual_seconds"] for c in costs)
    return {
        "row": row, "trials": trials, "wall_s": round(wall, 2), "trials_per_hour": round(3600 * trials / wall, 1),
        "captures": len(r["captures"]), "stages_median_s": {k: round(v, 3) for k, v in stages.items()},
        "first_activity_s": [round(c["first_activity_seconds"], 3) for c in costs],
        "virtual_hours_per_second": round(virtual / 3600 / script, 4) if script else None,
        "script_s_per_trial": round(script / trials, 2), "cpu_s": round(sum(c["cpu_seconds"] for c in costs), 1),
        "peak_mib": max(c["peak_memory_bytes"] for c in costs) >> 20, "kept_kib": sum(c["kept_bytes"] for c in costs) >> 10,
    }


def main():
    stakeout, apps, out = sys.argv[1:4]
    hour = ["launchApp", "idle: {state: background, for: 1h}"]
    day = ["launchApp", "idle: {state: background, for: 24h}"]
    rows = [
        run(stakeout, apps, "demo's scenario, converting first", "loud", scenario(apps, "idle-demo", 0, []), 1),
        run(stakeout, apps, "demo's scenario, warm and converted", "loud", scenario(apps, "idle-demo", 0, []), 3),
        run(stakeout, apps, "1 virtual hour, six rounds", "loud", scenario(apps, "bench-hour", 600, hour), 1),
        run(stakeout, apps, "24 virtual hours, a round an hour", "loud", scenario(apps, "bench-day", 3600, day), 1),
    ]
    cpus = os.cpu_count()
    json.dump({"cpus": cpus, "rows": rows}, open(os.path.join(out, "trials.json"), "w"), indent=1)
    print(f"{'row':40} {'wall s':>7} {'/hour':>6} {'captures':>8} {'script s':>9} {'vh/s':>7} {'MiB':>5}  stages")
    for r in rows:
        stages = " ".join(f"{k} {v:.2f}" for k, v in r["stages_median_s"].items())
        vhs = r["virtual_hours_per_second"] or 0
        print(f"{r['row']:40} {r['wall_s']:7.1f} {r['trials_per_hour']:6.0f} {r['captures']:8} {r['script_s_per_trial']:9.2f} {vhs:7.3f} {r['peak_mib']:5}  {stages}")
    print(f"{cpus} processors; first activity after the lease: {[r['first_activity_s'] for r in rows]} s")


main()
