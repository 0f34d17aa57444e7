//! A headless Chromium for tests: opens pages, uses them like a person, and tells what went wrong.
//!
//! ```text
//! let mut browser = Browser::start();
//! browser.open("file:///...");           // or http://127.0.0.1:PORT/ of `perjury serve`
//! browser.wait_for("document.title");
//! browser.press("#some button"); browser.key("+"); browser.wheel("canvas", -400.0);
//! assert_eq!(browser.script_errors(), [""; 0]);
//! assert_eq!(browser.axe(), [""; 0]);
//! browser.screenshot(path);
//! ```
//!
//! It speaks the browser's own protocol over a pipe: no driver, no port, and the browser ends
//! when the test does.

#![allow(dead_code, reason = "each test binary uses a part of this")]

mod axe;
mod pipe;

use base64::Engine as _;
use pipe::Pipe;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// One browser at a time: what is measured should not be disturbed by what is tested beside it.
static BROWSER: Mutex<()> = Mutex::new(());

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub struct Browser {
    pipe: Pipe,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts it with a profile of its own, or fails with a sentence that says what to install.
    pub fn start() -> Self {
        let turn = BROWSER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut browser = Self { pipe: Pipe::start(), _turn: turn };
        for domain in ["Page", "Runtime", "Log", "Performance"] {
            browser.pipe.call(&format!("{domain}.enable"), json!({}));
        }
        browser.screen(1200, 900);
        browser.dark(false);
        browser
    }

    /// Goes to an address and waits until it is loaded. Errors of earlier pages are forgotten.
    pub fn open(&mut self, url: &str) {
        self.pipe.events.clear();
        self.pipe.call("Page.navigate", json!({"url": "about:blank"}));
        self.pipe.wait("Page.loadEventFired", PATIENCE);
        self.pipe.events.clear();
        let answer = self.pipe.call("Page.navigate", json!({"url": url}));
        assert!(answer["errorText"].is_null(), "{url}: {}", answer["errorText"]);
        self.pipe.wait("Page.loadEventFired", PATIENCE);
    }

    /// Opens a page that is no file yet.
    pub fn open_page(&mut self, html: &str) {
        let path = self.pipe.profile.path().join("page.html");
        std::fs::write(&path, html).expect("a file for the page");
        self.open(&format!("file://{}", path.display()));
    }

    /// The value of a JavaScript expression; a promise is waited for.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let ask = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.pipe.call("Runtime.evaluate", ask);
        let wrong = &answer["exceptionDetails"];
        assert!(wrong.is_null(), "{expression}: {wrong}");
        answer["result"]["value"].clone()
    }

    /// The same as a number.
    #[track_caller]
    pub fn number(&mut self, expression: &str) -> f64 {
        let value = self.value(expression);
        value.as_f64().unwrap_or_else(|| panic!("{expression} is {value}, no number"))
    }

    /// Waits until a JavaScript expression is true.
    #[track_caller]
    pub fn wait_for(&mut self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.value(&format!("!!({expression})")) != json!(true) {
            let errors = self.script_errors();
            assert!(Instant::now() < deadline, "still not so: {expression}\nerrors: {errors:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the page's scripts and the browser complained of since the page was opened.
    pub fn script_errors(&mut self) -> Vec<String> {
        // What was said before this answer is here when it is.
        self.value("0");
        let mut errors = Vec::new();
        for (method, event) in &self.pipe.events {
            match method.as_str() {
                "Runtime.exceptionThrown" => errors.push(thrown(&event["exceptionDetails"])),
                "Log.entryAdded" if event["entry"]["level"] == "error" => {
                    errors.push(event["entry"]["text"].to_string());
                }
                "Runtime.consoleAPICalled" if event["type"] == "error" => {
                    errors.push(event["args"].to_string());
                }
                _ => {}
            }
        }
        errors
    }

    /// Serious and critical findings of axe, a line each.
    pub fn axe(&mut self) -> Vec<String> {
        axe::findings(self)
    }

    /// What is to be seen, as a PNG file.
    pub fn screenshot(&mut self, path: &Path) {
        let answer = self.pipe.call("Page.captureScreenshot", json!({"format": "png"}));
        let data = answer["data"].as_str().expect("a picture");
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
        std::fs::write(path, bytes).expect("a file for the picture");
    }

    /// The size of the window in pixels.
    pub fn screen(&mut self, width: u32, height: u32) {
        let mobile = width < 600;
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.pipe.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Dark or light ground, as the page is told that its reader prefers.
    pub fn dark(&mut self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.pipe.call("Emulation.setEmulatedMedia", json!({"features": [feature]}));
    }

    /// Whether pages may run scripts of their own.
    pub fn scripts(&mut self, run: bool) {
        let value = json!({"value": !run});
        self.pipe.call("Emulation.setScriptExecutionDisabled", value);
    }

    /// A key, pressed where the focus is: `+`, `ArrowLeft`, `Enter`.
    pub fn key(&mut self, key: &str) {
        let text = match key {
            "Enter" => "\r",
            one if one.chars().count() == 1 => one,
            _ => "",
        };
        let mut down = json!({"type": "keyDown", "key": key, "text": text});
        if text.is_empty() {
            down = json!({"type": "rawKeyDown", "key": key});
        }
        self.pipe.call("Input.dispatchKeyEvent", down);
        self.pipe.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key}));
    }

    /// Words, as if typed where the focus is.
    pub fn type_words(&mut self, words: &str) {
        self.pipe.call("Input.insertText", json!({"text": words}));
    }

    /// Turns the wheel over the middle of an element; down is more than 0.
    #[track_caller]
    pub fn wheel(&mut self, selector: &str, (across, down): (f64, f64)) {
        let (x, y) = self.middle(selector);
        let turn = json!({"type": "mouseWheel", "x": x, "y": y, "deltaX": across, "deltaY": down});
        self.pipe.call("Input.dispatchMouseEvent", turn);
    }

    /// Presses and lets go in the middle of an element.
    #[track_caller]
    pub fn press(&mut self, selector: &str) {
        let at = self.middle(selector);
        self.drag(at, at);
    }

    /// Presses at one point of the window, moves to another, and lets go there.
    pub fn drag(&mut self, from: (f64, f64), to: (f64, f64)) {
        let steps = [
            ("mouseMoved", from, 0),
            ("mousePressed", from, 1),
            ("mouseMoved", to, 1),
            ("mouseReleased", to, 0),
        ];
        for (kind, (x, y), buttons) in steps {
            if kind == "mouseMoved" && buttons == 1 && from == to {
                continue;
            }
            let button = if kind == "mouseMoved" && buttons == 0 { "none" } else { "left" };
            let event = json!({
                "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1,
            });
            self.pipe.call("Input.dispatchMouseEvent", event);
        }
    }

    /// The middle of an element in the window, after scrolling there and two frames: a press is
    /// taken for where things were when they were drawn last.
    #[track_caller]
    pub fn middle(&mut self, selector: &str) -> (f64, f64) {
        let place = self.value(&format!(
            "(async () => {{ const one = document.querySelector({}); if (!one) return null; \
             one.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame); \
             const box = one.getBoundingClientRect(); \
             return [box.left + box.width / 2, box.top + box.height / 2]; }})()",
            json!(selector)
        ));
        let at = |axis: usize| place[axis].as_f64().unwrap_or_else(|| panic!("no {selector}"));
        (at(0), at(1))
    }

    /// What the page's thread worked so far, since the page was opened.
    pub fn worked(&mut self) -> Duration {
        let answer = self.pipe.call("Performance.getMetrics", json!({}));
        let metrics = answer["metrics"].as_array().expect("metrics");
        let total = metrics.iter().find(|metric| metric["name"] == "TaskDuration");
        Duration::from_secs_f64(total.expect("TaskDuration")["value"].as_f64().expect("seconds"))
    }

    /// Begins to watch the page's thread, for [`Self::long_tasks`].
    pub fn watch_tasks(&mut self) {
        let categories = json!(["disabled-by-default-devtools.timeline"]);
        let how = json!({"includedCategories": categories});
        self.pipe.call("Tracing.start", json!({"traceConfig": how}));
    }

    /// Tasks of the page's thread since [`Self::watch_tasks`] that took more than 50 ms of
    /// processor, in milliseconds. What others take on a busy machine is not counted.
    pub fn long_tasks(&mut self) -> Vec<f64> {
        self.pipe.call("Tracing.end", json!({}));
        self.pipe.wait("Tracing.tracingComplete", PATIENCE);
        let of_traces = |(method, _): &mut (String, Value)| method.starts_with("Tracing.");
        let traces: Vec<(String, Value)> = self.pipe.events.extract_if(.., of_traces).collect();
        let events: Vec<&Value> =
            traces.iter().flat_map(|(_, it)| it["value"].as_array()).flatten().collect();
        let thread = |event: &Value| (event["pid"].as_u64(), event["tid"].as_u64());
        let is_page = |event: &&&Value| event["args"]["name"] == "CrRendererMain";
        let pages: Vec<_> = events.iter().filter(is_page).map(|event| thread(event)).collect();
        let tasks =
            events.iter().filter(|it| it["name"] == "RunTask" && pages.contains(&thread(it)));
        // No thread works longer than it takes; now and then Chromium says so, as it reads the
        // thread's clock less often than the other.
        let spent = |it: &Value| Some(it["tdur"].as_f64()?.min(it["dur"].as_f64()?) / 1e3);
        let spent: Vec<f64> = tasks.filter_map(|it| spent(it)).collect();
        assert!(!spent.is_empty(), "the page's thread did nothing: {} events", events.len());
        spent.into_iter().filter(|spent| *spent > 50.0).collect()
    }
}

fn thrown(details: &Value) -> String {
    let exception = &details["exception"]["description"];
    if exception.is_null() { details["text"].to_string() } else { exception.to_string() }
}
