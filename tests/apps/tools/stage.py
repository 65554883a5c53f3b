"""Writes what build.sh compiles: stage.py list | folders | stage NAME SEED DIR | truth NAME SEED | scenarios SEED DIR."""
import json
import re
import sys
from pathlib import Path

from apps import APPS, constants, loud_family
from names import Seed, classes
from scenarios import write_all
from truth import truth

HERE = Path(__file__).resolve().parent.parent


def java(v) -> tuple:
    if isinstance(v, bool):
        return "boolean", "true" if v else "false"
    return ("int", str(v)) if isinstance(v, int) else ("String", json.dumps(v))


def plan_class(c: dict) -> str:
    lines = [f"  static final {t} {k} = {v};" for k, (t, v) in ((k, java(v)) for k, v in sorted(c.items()))]
    kinds = sorted(k for k in c if k.startswith("NAME_") and k != "NAME_KEY")
    if kinds:
        lines += ["  static String name(String kind) {", *(f'    if (kind.equals("{k[5:].lower()}")) return {k};' for k in kinds), '    return "";', "  }"]
    return "\n".join([f"package {c['PKG']};", "final class Plan {", *lines, "}", ""])


def fill(text: str, c: dict) -> str:
    """`<!--if X-->..<!--end-->` stays when X is true (NOX: when it is false); `@X@` is the constant."""
    def keep(m):
        k = m[1]
        return m[2] if (c[k] if k in c else not c[k[2:]]) else ""
    text = re.sub(r"<!--if (\w+)-->(.*?)<!--end-->", keep, text, flags=re.S)
    return re.sub(r"@([A-Z_0-9]+)@", lambda m: str(c[m[1]]), text)


def stage(name: str, seed: int, to: Path) -> None:
    folder = HERE / APPS[name][0]
    c = constants(name, seed)
    sources = {p.stem: p.read_text() for p in [*(HERE / "common").glob("*.java"), *(folder / "src").glob("*.java")]}
    if not c.get("LOGIN") and "LoginActivity" in sources:
        del sources["LoginActivity"]
    sources = {k: fill(v, c) for k, v in sources.items()} | {"Plan": plan_class(c)}
    rename = classes(seed, name, sources)
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, rename)) + r")\b") if rename else None
    renamed = (lambda t: pattern.sub(lambda m: rename[m[1]], t)) if pattern else (lambda t: t)
    (to / "src").mkdir(parents=True)
    for stem, text in sources.items():
        (to / "src" / f"{rename.get(stem, stem)}.java").write_text(renamed(text))
    manifest = folder / "AndroidManifest.xml"
    (to / "AndroidManifest.xml").write_text(renamed(fill((manifest if manifest.exists() else HERE / "small" / "AndroidManifest.xml").read_text(), c)))
    values = to / "res" / "values"
    values.mkdir(parents=True)
    strings = folder / "strings.xml"
    (values / "strings.xml").write_text(fill((strings if strings.exists() else HERE / "small" / "strings.xml").read_text(), c))
    # Assets, and a split without code: a folder like the app's own.
    words = c | {"PLAYED_UPLOAD": loud_family(seed)["order"]["upload"]}
    for part in ["assets", "split"] if c.get("PLAYED") else []:
        for p in (p for p in (folder / part).rglob("*") if p.is_file()):
            at = to / p.relative_to(folder)
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(renamed(fill(p.read_text(), words)))
    if name == "native":
        bogus(to, Seed(seed, name))
    if c.get("ZIP"):
        (to / "entries.py").write_text((folder / "entries.py").read_text())


def bogus(to: Path, s: Seed) -> None:
    """An ELF header, then noise: it has the look of a library and is none."""
    for abi in ["arm64-v8a", "armeabi-v7a"]:
        (to / "lib" / abi).mkdir(parents=True)
        (to / "lib" / abi / "libcore_engine.so").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(s.number(f"{abi}{i}", 256) for i in range(4089)))


def main() -> None:
    what = sys.argv[1]
    if what == "list":
        print("\n".join(APPS))
    elif what == "folders":
        print("\n".join(f"{n} {folder}" for n, (folder, _) in APPS.items()))
    elif what == "stage":
        stage(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    elif what == "truth":
        print(json.dumps(truth(sys.argv[2], int(sys.argv[3])), indent=1, ensure_ascii=False))
    elif what == "scenarios":
        write_all(int(sys.argv[2]), HERE / "scenarios", Path(sys.argv[3]))


if __name__ == "__main__":
    main()
