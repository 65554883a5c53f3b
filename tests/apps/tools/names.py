"""Names and numbers that depend on the build seed, and on nothing else."""
import hashlib

FIRST = "lumen harbor cedar amber quartz willow falcon meadow copper saffron indigo juniper maple onyx pearl raven".split()
SECOND = "pay wallet cash market travel health photo notes fit ride news weather learn music home shop".split()
CLASSES = ("Anchor Basalt Cinder Dune Ember Fjord Grove Heath Islet Jetty Knoll Lagoon Marsh Nook Orchard Prairie Quarry Ridge "
           "Summit Thicket Upland Valley Wharf Yonder Zephyr Atoll Brook Canyon Delta Estuary").split()


class Seed:
    """Choices for one scope (an app, or a family of apps that shares hosts)."""

    def __init__(self, seed: int, scope: str):
        self.seed, self.scope = seed, scope

    def number(self, label: str, below: int) -> int:
        h = hashlib.sha256(f"{self.seed}/{self.scope}/{label}".encode()).digest()
        return int.from_bytes(h[:8], "big") % below

    def pick(self, label: str, options):
        return options[self.number(label, len(options))]

    def flag(self, label: str) -> bool:
        return self.number(label, 2) == 1

    def shuffled(self, label: str, items) -> list:
        return sorted(items, key=lambda i: hashlib.sha256(f"{self.seed}/{self.scope}/{label}/{i}".encode()).digest())

    def tag(self, label: str, length: int = 4) -> str:
        """Lower-case letters."""
        return "".join(chr(97 + self.number(f"{label}{i}", 26)) for i in range(length))

    def word(self, label: str) -> str:
        return self.pick(label, FIRST)

    def package(self, label: str) -> str:
        end = self.pick(label + "end", ["com", "cn", "net", "io", "org"])
        return f"{end}.{self.word(label)}{self.tag(label, 3)}.{self.pick(label + '2', SECOND)}"

    def host(self, label: str) -> str:
        """Under names that are reserved for tests (RFC 6761)."""
        return f"{self.pick(label + 'p', ['c', 'api', 'edge', 'node', 'm', 'gw'])}{self.number(label + 'n', 90) + 10}.{self.word(label)}{self.tag(label, 3)}.{self.pick(label + 't', ['example', 'test'])}"

    def path(self, label: str) -> str:
        return f"/{self.pick(label + 'a', ['v1', 'v2', 'm', 'app', 's'])}/{self.tag(label, 5)}"


def classes(seed: int, scope: str, stems) -> dict:
    """New names for an app's own classes; seed 0 keeps those of the sources."""
    if seed == 0:
        return {}
    s = Seed(seed, scope)
    names = [n for n in s.shuffled("classes", CLASSES) if n not in stems]
    return {old: new + s.pick(new, ["", "Task", "Item", "Kit", "Part"]) for old, new in zip(sorted(stems), names)}
