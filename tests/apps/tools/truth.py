"""What an app truly does, for tests to compare with. Nothing of it is read by the product."""
from apps import APPS, account, constants, loud_family

IDLE = ["background", "screen_off", "doze"]
PERSONAL = ["contacts", "call_log", "cell", "wifi"]


def truth(name: str, seed: int) -> dict:
    source, _ = APPS[name]
    c = constants(name, seed)
    t = {"name": name, "seed": seed, "package": c["PKG"], "label": c["LABEL"], "target_sdk": c["TARGET"], "min_sdk": 21, "version_name": c["VERSION_NAME"]}
    if source == "loud":
        return t | loud(c, seed)
    if source == "quiet":
        return t | quiet(c)
    if source == "nag":
        return t | {"hosts": [c["HELLO_URL"].split("/")[2]], "requests": {"permissions": ["CAMERA", "RECORD_AUDIO"], "each_s": c["ASK_S"]},
                    "claims": {k: claim("granted", {}) for k in ["camera", "microphone"]}}
    return t | {"hosts": [c["REPORT_URL"].split("/")[2]], "report_url": c["REPORT_URL"], "claims": {}, "behaviour": BEHAVIOUR[name]}


def claim(rung: str, states: dict) -> dict:
    """`states`: by the API level whose rules hold, the states in which the app captures or reads and reaches the rung."""
    return {"rung": rung, "states": states}


def loud(c: dict, seed: int) -> dict:
    f = loud_family(seed)
    after_boot = IDLE + ["after_reboot"]
    why = next((w for k, w in [("DETECTS", "detects"), ("REALTIME", "real_time"), ("LOGIN", "login")] if c[k]), None)
    rung = "transmitted" if c["UPLOAD"] else "stored"
    if c["DELAYED"]:
        states = {api: ["foreground"] for api in ["23", "27", "34"]}
    elif c["FGS"]:
        # From API 30 a process started by the boot may not have a foreground service with camera or microphone.
        states = {"23": after_boot, "27": after_boot, "34": IDLE}
    else:
        # From API 28 an idle uid gets no camera, and silence from the microphone.
        states = {"23": after_boot, "27": after_boot, "34": []}
    media = "delivered" if c["FAKE"] else rung
    personal = {api: (["foreground"] if c["DELAYED"] else after_boot) for api in states}
    # Cells and networks tell the place: from API 29 that needs the foreground service (type location) while idle.
    places = personal | {"34": states["34"]}
    # What a coded match or a canary can prove; with AES the recorder's passing file is the only plain one.
    provable = {"camera": "delivered", "microphone": "stored", "data": "read"} if c["AES"] else {"camera": media, "microphone": media, "data": rung}
    return {
        "hosts": [f["config_host"], f["upload_host"]], "config_url": c["CONFIG_URL"], "order": f["order"], "upload_url": f["order"]["upload"],
        "transfer": "chunked" if c["CHUNKED"] else "content-length", "encrypted": ("AES-GCM" if c["GCM"] else "AES-CBC") if c["AES"] else None,
        "foreground_service": c["FGS"], "shutter": c["OLD"], "uploads_in": IDLE if c["UPLOAD"] else [], "hidden_behind": why,
        "account": account(seed) if c["LOGIN"] else None, "login_url": c["LOGIN_URL"] if c["LOGIN"] else None,
        "passing_file": None if c["FAKE"] else c["TEMPORARY"] + "." + f["order"]["recorder_form"], "provable": provable,
        "folder": c["FOLDER"], "external": c["EXTERNAL"], "raw": {"format": "nv21", "width": f["order"]["preview_width"], "height": f["order"]["preview_height"]}, "file_prefixes": {k[5:].lower(): v for k, v in c.items() if k.startswith("NAME_") and k != "NAME_KEY"},
        "without_stub": "asks only, does nothing",
        "claims": {k: claim(media, states) for k in ["camera", "microphone"]} | {k: claim(rung, places if k in ("cell", "wifi") else personal) for k in PERSONAL},
    }


def quiet(c: dict) -> dict:
    return {
        "hosts": [c["BASE"].split("/")[2]], "beat_s": c["BEAT_S"], "chart_each_beats": c["CHART_EACH"], "view": "TextureView" if c["TEXTURE"] else "SurfaceView",
        "camera_api": "camera2" if c["CAMERA2"] else "camera1", "button_id": "shoot", "folder": c["FOLDER"], "file_prefixes": {"photo": c["PHOTO"]},
        "claims": {"camera": claim("stored", {api: ["in_use"] for api in ["23", "27", "34"]}), "microphone": claim("granted", {})},
    }


BEHAVIOUR = {
    "conform": "one act for each of its buttons, and a file for what became of it",
    "probe": "A picture of each camera, sound and contacts, once, into its own files: the emulator device's proof that a phone is ready.",
    "exits": "tries every way out, writes each attempt to files/attempts.jsonl and posts the list to report_url",
    "crash": "throws in onCreate of its activity",
    "spin": "loops for ever on its main thread at start",
    "hog": "allocates memory until there is none, and keeps it",
    "diskfill": "writes files of 8 MiB until a write fails, then goes on trying",
    "forks": "starts processes in a loop by Runtime.exec and ProcessBuilder",
    "native": "needs a library of its own whose bytes are no library",
    "manyfiles": "writes 100,000 files of a few bytes",
    "logflood": "writes log lines and System.out without end",
    "nasty": "label, permission, file names, log lines, URL, headers and body carry markup, escape sequences, direction marks and `../`",
    "nasty-zip": "as nasty, and the APK has entries named `../..` and absolute ones",
}
