"""The codes drawn a second time, from docs/codes.md and not from the Rust: prints the hashes that tests/camera.rs and
tests/microphone.rs hold. Needs Python 3 and the package blake3. Pure integers and IEEE doubles; a few seconds a frame."""
import hashlib, hmac, math, struct
from blake3 import blake3


def hkdf(salt, secret, info):
    prk = hmac.new(salt, secret, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()


def fill(key, purpose, index, n):
    return blake3(bytes([len(purpose)]) + purpose + struct.pack("<Q", index), key=key).digest(length=n)


def sign(b, i):
    return 1 if b[i // 8] >> (i % 8) & 1 else -1


def tile(key, layer, frame):
    base, sync, word = 64 * layer, fill(key, b"camera-sync", 0, 128), fill(key, b"camera-frame", frame, 128)
    return [[sign((sync if (r + c) % 2 == 0 else word)[base:base + 57], (30 * r + c) // 2) for c in range(30)] for r in range(30)]


def luma(key, frame, w, h):
    m = min(w, h)
    tiles = [(tile(key, 0, frame), 3 * m), (tile(key, 1, frame), m)]

    def spans(pixel, cell):
        a, b = 90 * pixel, 90 * pixel + 90
        return [(c % 30, min(b, (c + 1) * cell) - max(a, c * cell)) for c in range(a // cell, -(-b // cell))]

    cols = [[spans(x, cell) for x in range(w)] for _, cell in tiles]
    out = bytearray()
    for y in range(h):
        rows = [spans(y, cell) for _, cell in tiles]
        for x in range(w):
            total = sum(a * b * t[r][c] for (t, _), row, col in zip(tiles, rows, cols) for r, a in row for c, b in col[x])
            out.append((52 * total + 128 * 8100 + 4050) // 8100)
    return bytes(out)


def chip(key, n):
    return 0 if n < 0 else sign(fill(key, b"mic-chip", n // 400, 64), n % 400)


def cos_turn(num, den):
    """cos of num/den of a turn; in doubles, each step as it stands here."""
    n = num % den
    n = min(n, den - n)
    n, s = (den - 2 * n, -1.0) if 4 * n > den else (2 * n, 1.0)
    x = math.pi * float(n) / float(den)

    def series(x, first):
        y, total = x * x, 1.0
        for k in range(10, 0, -1):
            total = 1.0 - y / float((2 * k - 1) * 2 * k if first else 2 * k * (2 * k + 1)) * total
        return total if first else x * total

    return s * (series(math.pi / 2.0 - x, False) if 4 * n > den else series(x, True))


COS = [cos_turn(i, 256) for i in range(256)]


def taps(key, hop):
    def target(i):
        u = [v / 65536.0 for v in struct.unpack("<4H", fill(key, b"mic-voice", i, 8))]
        return [300.0 + 550.0 * u[0], 900.0 + 1300.0 * u[1], 2300.0 + 800.0 * u[2], 0.15 + 0.85 * u[3]]

    a, b, mix = target(hop // 8), target(hop // 8 + 1), (hop % 8) / 8.0
    now = [x * (1.0 - mix) + y * mix for x, y in zip(a, b)]
    gain = []
    for i in range(128):
        f = i * 8000.0 / 256.0
        band = min(max((f - 250.0) / 80.0, 0.0), 1.0) * min(max((3500.0 - f) / 120.0, 0.0), 1.0)
        voice = 0.0
        for width, height, centre in zip((90.0, 130.0, 200.0), (1.0, 0.7, 0.5), now):
            voice += height / (1.0 + (f - centre) / width * ((f - centre) / width))
        gain.append(band * (voice + 0.06) if band > 0.0 else 0.0)
    half = []
    for k in range(128):
        total = 0.0
        for i, g in enumerate(gain):
            total += g * COS[i * k % 256]
        half.append(total * (0.5 + 0.5 * COS[k]))
    rest = 0.0
    for v in half[1:]:
        rest += v * v
    scale = 25000.0 * now[3] / math.sqrt(half[0] * half[0] + 2.0 * rest)
    return [int(math.floor(v * scale + 0.5)) for v in half]


def whisper(key, first, count):
    chips = [chip(key, n) for n in range(first - 127, first + count + 128)]
    filters, out = {}, []
    for i in range(count):
        n, y4 = first + i, 0
        for hop, weight in ((n // 160, 160 - n % 160), (n // 160 + 1, n % 160)):
            h = filters.get(hop) or filters.setdefault(hop, taps(key, hop))
            if weight:
                c = chips[i:i + 255]
                y4 += weight * (h[0] * c[127] + sum(h[k] * (c[127 - k] + c[127 + k]) for k in range(1, 128)))
        out.append(max(-32768, min(32767, (y4 + 320) // 640)))
    return struct.pack("<%dh" % count, *out)


if __name__ == "__main__":
    camera = hkdf(b"stakeout subkey 1", bytes([1] * 32), b"camera_back")
    for frame, w, h in ((0, 640, 480), (2591999, 320, 240), (7, 177, 143), (7, 3, 1000)):
        print(frame, w, h, hashlib.sha256(luma(camera, frame, w, h)).hexdigest())
    print("whisper at 8000", hashlib.sha256(whisper(bytes([3] * 32), 0, 20000)).hexdigest())
