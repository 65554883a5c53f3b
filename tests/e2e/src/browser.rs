//! Chromium without a window, driven over its pipe (the DevTools protocol: JSON, each message ended by a NUL byte).
//!
//! What a page writes to the console and what its policy forbids is kept, so that a test can say that there was nothing.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// A page in a browser of its own.
pub struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    session: String,
    next: u64,
    /// Errors and warnings of the console, and of the browser about the page.
    pub complaints: Vec<String>,
}

impl Browser {
    /// Starts one; its profile and pipes are in `dir`.
    pub fn start(dir: &Path) -> Self {
        let (to, from) = (dir.join("to-browser"), dir.join("from-browser"));
        let made = Command::new("mkfifo").args([&to, &from]).status().unwrap();
        assert!(made.success());
        // The browser reads from descriptor 3 and writes to 4; a shell puts the pipes there.
        let child = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<\"$TO\" 4>\"$FROM\"", "sh", "--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run", "--disable-extensions"])
            .arg(format!("--user-data-dir={}", dir.join("browser").display()))
            .arg("about:blank")
            .env("TO", &to)
            .env("FROM", &from)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = File::options().write(true).open(to).unwrap();
        let from = BufReader::new(File::open(from).unwrap());
        let mut b = Self { child, to, from, session: String::new(), next: 0, complaints: Vec::new() };
        let target = b.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let session = b.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}))["sessionId"].clone();
        session.as_str().unwrap().clone_into(&mut b.session);
        for domain in ["Page", "Runtime", "Log", "DOM"] {
            b.call(&format!("{domain}.enable"), json!({}));
        }
        b
    }

    /// Calls a method of the protocol, and gives its result.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.ask(method, params).unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut bytes = Vec::new();
            assert!(self.from.read_until(0, &mut bytes).unwrap() > 1, "the browser ended");
            bytes.pop();
            let m: Value = serde_json::from_slice(&bytes).unwrap();
            if m["id"] == self.next {
                return if m["error"].is_null() { Ok(m["result"].clone()) } else { Err(m["error"].clone()) };
            }
            self.note(&m);
        }
    }

    fn note(&mut self, event: &Value) {
        let p = &event["params"];
        let complaint = match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => p["exceptionDetails"].to_string(),
            "Runtime.consoleAPICalled" if p["type"] != "log" => p["args"].to_string(),
            // What is only told, such as what a sign-out cleared, is no complaint; it comes or not, as the page is there or gone.
            "Log.entryAdded" if matches!(p["entry"]["level"].as_str(), Some("warning" | "error")) => {
                format!("{}: {}", p["entry"]["url"], p["entry"]["text"])
            }
            _ => return,
        };
        self.complaints.push(complaint);
    }

    /// What an expression in the page is.
    pub fn eval(&mut self, script: &str) -> Value {
        let r = self.call("Runtime.evaluate", json!({"expression": script, "returnByValue": true, "awaitPromise": true}));
        assert!(r["exceptionDetails"].is_null(), "{script}: {}", r["exceptionDetails"]);
        r["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page that is there then.
    pub fn until(&mut self, script: &str) {
        self.until_within(30, script);
    }

    /// The same, for what takes longer than a page does.
    pub fn until_within(&mut self, seconds: u64, script: &str) {
        let end = Instant::now() + Duration::from_secs(seconds);
        // While one page goes and another comes an expression may fail: that is not yet true.
        let safe = format!("(() => {{ try {{ return Boolean({script}) }} catch {{ return false }} }})()");
        while !self.ask("Runtime.evaluate", json!({"expression": safe, "returnByValue": true})).is_ok_and(|r| r["result"]["value"] == true)
        {
            if Instant::now() > end {
                let at = self.eval("location.href + '\\n' + document.body?.innerText");
                panic!("never true: {script}\n{}", at.as_str().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Opens an address and waits until it is there.
    pub fn open(&mut self, url: &str) {
        let r = self.call("Page.navigate", json!({"url": url}));
        assert!(r["errorText"].is_null(), "{url}: {}", r["errorText"]);
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// As wide as this, in pixels.
    pub fn width(&mut self, width: u32) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}),
        );
    }

    /// `light` or `dark`, as a person's system prefers.
    pub fn theme(&mut self, scheme: &str) {
        self.call("Emulation.setEmulatedMedia", json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}));
    }

    /// Scripts of pages run, or not; what a test evaluates runs in any case.
    pub fn scripts(&mut self, run: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": !run}));
    }

    /// Chooses a file in a field, as a person does.
    pub fn choose(&mut self, field: &str, file: &Path) {
        self.choose_all(field, &[file]);
    }

    /// Several at once.
    pub fn choose_all(&mut self, field: &str, files: &[&Path]) {
        let root = self.call("DOM.getDocument", json!({}))["root"]["nodeId"].clone();
        let node = self.call("DOM.querySelector", json!({"nodeId": root, "selector": field}))["nodeId"].clone();
        self.call("DOM.setFileInputFiles", json!({"nodeId": node, "files": files}));
    }

    /// Presses a key, and lets it go.
    pub fn key(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let text = if key == "Enter" { "\r" } else { "" };
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Pixels that the page is wider than its window: what would have to be scrolled sideways.
    pub fn overflow(&mut self) -> i64 {
        self.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth").as_i64().unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
