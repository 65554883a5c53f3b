"""The table of apps, and the constants that each is built with (class Plan of its sources)."""
import hashlib

from names import FIRST, SECOND, Seed

LOUD = dict(FGS=True, UPLOAD=True, AES=False, FAKE=False, OLD=False, DELAYED=False, LOGIN=False, REALTIME=False, DETECTS=False, TARGET=34)
# name -> (folder of the sources, what differs)
APPS = {
    "loud": ("loud", {}),
    "quiet": ("quiet", {}),
    "nag": ("nag", {}),
    "loud-nofgs": ("loud", dict(FGS=False)),
    "loud-aes": ("loud", dict(AES=True)),
    "loud-noupload": ("loud", dict(UPLOAD=False)),
    "loud-fake": ("loud", dict(FAKE=True)),
    "loud-old": ("loud", dict(OLD=True, FGS=False, TARGET=22)),
    "loud-delayed": ("loud", dict(DELAYED=True)),
    "login": ("loud", dict(LOGIN=True)),
    "realtime": ("loud", dict(REALTIME=True)),
    "detects": ("loud", dict(DETECTS=True)),
    "quiet-texture": ("quiet", dict(TEXTURE=True, CAMERA2=True)),
    # With a script for the stand-in of the emulator, which cannot run their code.
    "loud-played": ("loud", dict(PLAYED=True)),
    "quiet-played": ("quiet", dict(PLAYED=True)),
    "nag-played": ("nag", dict(PLAYED=True)),
    "exits": ("exits", {}),
    # Of the conformance suite, which knows its names: they do not depend on the seed.
    "conform": ("conform", dict(PKG="org.example.conform", LABEL="Conform", VERSION_CODE=7, VERSION_NAME="1.7", HOST="conform.example", PLAYED=True)),
    # Of the emulator device: what its program proves a phone with before each trial. Not a sample, and built from its image's folder.
    "probe": ("../../images/emulator/probe", dict(PKG="org.stakeout.probe", LABEL="Stakeout probe", VERSION_CODE=1, VERSION_NAME="1", PLAYED=True)),
    "crash": ("small/crash", {}),
    "spin": ("small/spin", {}),
    "hog": ("small/hog", {}),
    "diskfill": ("small/diskfill", {}),
    "forks": ("small/forks", {}),
    "native": ("small/native", {}),
    "manyfiles": ("small/manyfiles", {}),
    "logflood": ("small/logflood", {}),
    "nasty": ("small/nasty", {}),
    "nasty-zip": ("small/nasty", dict(ZIP=True)),
}


def loud_family(seed: int) -> dict:
    """What all apps that take orders share, so that one scenario plays the server of each."""
    s = Seed(seed, "family")
    config, upload = s.host("config"), s.host("upload")
    preview = s.pick("preview", [(640, 480), (320, 240), (640, 480)])
    photo = s.pick("photo", [(1280, 720), (640, 480), (1920, 1080)])
    how = s.shuffled("encodings", ["multipart", "base64", "gzip"])
    order = {
        "interval_s": 1200 + 60 * s.number("interval", 6),
        "delay_s": 210 + 10 * s.number("delay", 20),
        "camera": True, "camera_api": "alternate", "facing": s.pick("facing", ["back", "alternate", "front"]), "frames": 2,
        "preview_width": preview[0], "preview_height": preview[1], "photo_width": photo[0], "photo_height": photo[1],
        "shape": "none" if seed == 0 else s.pick("shape", ["none", "scale", "square", "turn"]),
        "mic": True, "mic_api": "alternate", "mic_seconds": 3 + s.number("seconds", 4), "sample_rate": s.pick("rate", [16000, 8000, 44100]),
        "sound_form": s.pick("form", ["wav", "pcm"]), "recorder_form": s.pick("recorder", ["m4a", "3gp", "aac"]),
        "contacts": True, "call_log": True, "cells": True, "wifi": True,
        "take": s.shuffled("take", ["camera", "mic", "people", "places"]),
        "send": s.shuffled("send", ["preview", "photo", "sound", "people", "places"]),
        "upload": f"https://{upload}{s.path('upload')}",
        "encodings": {"photo": how[0], "preview": how[1], "sound": how[2], "raw": "none",
                      "people": s.pick("people", ["gzip", "json", "form", "base64"]), "places": s.pick("places", ["json", "gzip", "hex", "form"])},
        "delete_sent": False if seed == 0 else s.flag("delete"),
    }
    return {"config_host": config, "config_path": s.path("config"), "upload_host": upload, "login_path": s.path("login"), "order": order}


def account(seed: int) -> dict:
    s = Seed(seed, "account")
    return {"user": f"{s.word('user')}.{s.tag('user')}", "password": f"{s.tag('password', 6).capitalize()}-{s.number('password', 9000) + 1000}"}


def constants(name: str, seed: int) -> dict:
    """Class Plan of one app; a value is a str, int or bool. PKG, LABEL and VERSION_NAME are also put into the manifest."""
    source, differs = APPS[name]
    s = Seed(seed, name)
    c = {
        "PKG": s.package("package"), "LABEL": f"{s.pick('l1', FIRST).capitalize()} {s.pick('l2', SECOND).capitalize()}", "TARGET": 34,
        "TAG": s.tag("log"), "VERSION_CODE": 1 + s.number("code", 900), "VERSION_NAME": f"{1 + s.number('major', 9)}.{s.number('minor', 30)}",
        "USER_AGENT": f"{s.word('agent')}/{1 + s.number('agent', 9)}.{s.number('agent2', 20)} (Android)", "CHUNKED": s.flag("chunked"), "FOLDER": s.tag("folder", 6),
    }
    if source == "loud":
        f = loud_family(seed)
        who = account(seed)
        base = f"https://{f['config_host']}"
        c |= {**LOUD, "CONFIG_URL": base + f["config_path"], "LOGIN_URL": base + f["login_path"], "RETRY_S": 600, "AFTER_BOOT_S": 60 + 10 * s.number("boot", 10),
              "ACCOUNT_SHA256": hashlib.sha256(f"{who['user']}:{who['password']}".encode()).hexdigest(), "SECRET": s.tag("secret", 24), "GCM": not s.flag("cbc"),
              "EXTERNAL": seed != 0 and s.flag("external"), "BUFFERS": s.flag("buffers"), "EVERY": 3 + s.number("every", 6), "SHORTS": s.flag("shorts"),
              "PREVIEW_QUALITY": 60 + s.number("quality", 35), "TEMPORARY": s.tag("temporary"), "LIST": s.tag("list") + ".json", "END_RAW": s.pick("raw", ["yuv", "bin", "dat", "tmp"]), "END_JPEG": "jpg" if seed == 0 else s.pick("jpeg", ["jpg", "jpeg", "tmp", "cache"]),
              "NAME_KEY": s.tag("n", 2), "DATA_KEY": s.tag("d", 3)}
        c |= {f"NAME_{k.upper()}": s.tag("name" + k, 3) + "_" for k in ["raw", "preview", "photo", "sound", "people", "places"]}
    elif source == "quiet":
        c |= {"BASE": f"https://{s.host('own')}", "BEAT_PATH": s.path("beat"), "STATS_PATH": s.path("stats"), "CHART_PATH": s.path("chart"), "BEAT_S": 240 + 30 * s.number("beat", 9),
              "CHART_EACH": 2 + s.number("each", 2), "CHART_WIDTH": s.pick("cw", [640, 480, 800]), "CHART_HEIGHT": s.pick("ch", [480, 360, 600]), "PHOTO": s.tag("photo", 3) + "_",
              "WIDTH": s.pick("w", [1280, 640]), "HEIGHT": s.pick("w", [720, 480]), "TEXTURE": seed != 0 and s.flag("texture"), "CAMERA2": seed != 0 and s.flag("camera2")}
    elif source == "nag":
        c |= {"ASK_S": 300 + 60 * s.number("ask", 7), "HELLO_URL": f"https://{s.host('hello')}{s.path('hello')}", "MIC_FIRST": s.flag("mic")}
    else:
        c |= {"REPORT_URL": f"https://{s.host('report')}{s.path('report')}"}
    return c | differs
