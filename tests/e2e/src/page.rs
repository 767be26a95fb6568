//! One page in one browser, as a test uses it.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::browser::{Browser, PATIENCE};
use crate::{complaint, keys};

/// A page in a browser of its own.
pub struct Page {
    browser: Browser,
    session: String,
}

impl Page {
    /// Opens an address and waits until its document and what it names are loaded.
    pub fn open(url: &str) -> Result<Self> {
        let mut page = Self::blank()?;
        page.navigate(url)?;
        Ok(page)
    }

    /// An empty page, for a test that builds its document itself or sets something before it navigates.
    pub fn blank() -> Result<Self> {
        let mut browser = Browser::launch()?;
        let target = browser.call("", "Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("", "Target.attachToTarget", &attach)?;
        let session = attached["sessionId"].as_str().context("the page has a session")?.to_owned();
        let mut page = Self { browser, session };
        page.call("Page.bringToFront", json!({}))?;
        Ok(page)
    }

    /// Goes to an address and waits for its `load` event.
    pub fn navigate(&mut self, url: &str) -> Result<()> {
        let loads = self.count("Page.loadEventFired");
        let answer = self.call("Page.navigate", json!({ "url": url }))?;
        if let Some(problem) = answer["errorText"].as_str() {
            bail!("{url}: {problem}");
        }
        // Within one document only the fragment changes, and nothing is loaded.
        if answer["loaderId"].is_null() {
            return Ok(());
        }
        let start = Instant::now();
        while self.count("Page.loadEventFired") == loads {
            // On a busy machine the browser now and then forgets to tell.
            if start.elapsed() > PATIENCE / 6 && self.eval(&is_loaded(url))? == true {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                let state = self.eval("document.readyState")?;
                bail!("{url} did not load in {PATIENCE:?}, it is {state}: {:?}", self.complaints()?);
            }
            self.browser.listen(Duration::from_millis(5))?;
        }
        Ok(())
    }

    /// Calls any method of the protocol.
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!(…) in place")]
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.browser.call(&self.session, method, &params)
    }

    /// The value of a JavaScript expression; of what a promise resolves to, if it is one.
    pub fn eval(&mut self, expression: &str) -> Result<Value> {
        eval(&mut self.browser, &self.session.clone(), expression)
    }

    /// Waits until a JavaScript expression is true.
    pub fn wait_until(&mut self, expression: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.eval(&format!("Boolean({expression})"))? != true {
            if Instant::now() > deadline {
                bail!("not true in {PATIENCE:?}: {expression}\n{}", self.complaints()?.join("\n"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The value of an expression in the newest frame that has a process of its own, as a sandboxed one has. While there
    /// is none yet, `null`.
    pub fn eval_in_frame(&mut self, expression: &str) -> Result<Value> {
        self.browser.listen(Duration::from_millis(5))?;
        let mut events = self.browser.events().iter().rev();
        let attached = events
            .find(|event| event.method == "Target.attachedToTarget" && event.params["targetInfo"]["type"] == "iframe");
        let Some(session) = attached.and_then(|event| event.params["sessionId"].as_str()) else {
            return Ok(Value::Null);
        };
        let session = session.to_owned();
        eval(&mut self.browser, &session, expression)
    }

    /// Waits until an expression is true in that frame.
    pub fn wait_in_frame(&mut self, expression: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.eval_in_frame(&format!("Boolean({expression})"))? != true {
            if Instant::now() > deadline {
                bail!("not true in the frame in {PATIENCE:?}: {expression}\n{}", self.complaints()?.join("\n"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Presses and releases a key, by its name in `KeyboardEvent.key`: `ArrowRight`, `Tab`, `Enter`, ` `, `k`.
    pub fn press(&mut self, key: &str) -> Result<()> {
        for event in keys::events(key) {
            self.call("Input.dispatchKeyEvent", event)?;
        }
        Ok(())
    }

    /// Clicks in the middle of the first element that a CSS selector names.
    pub fn click(&mut self, selector: &str) -> Result<()> {
        let middle = self.eval(&format!(
            "(() => {{ const element = document.querySelector({}); element.scrollIntoView({{ block: 'nearest' }});
                const box = element.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        ))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event)?;
        }
        Ok(())
    }

    /// Gives the page this size, in CSS pixels.
    pub fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics)?;
        Ok(())
    }

    /// Sets what the page's media queries see: `("prefers-color-scheme", "dark")`.
    pub fn emulate_media(&mut self, features: &[(&str, &str)]) -> Result<()> {
        let features = features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>();
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }))?;
        Ok(())
    }

    /// Makes the processor this many times slower; 1 is its own speed.
    pub fn slow_down(&mut self, times: f64) -> Result<()> {
        self.call("Emulation.setCPUThrottlingRate", json!({ "rate": times }))?;
        Ok(())
    }

    /// Writes a PNG of what is visible.
    pub fn screenshot(&mut self, path: &Path) -> Result<()> {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }))?;
        let data = picture["data"].as_str().context("a screenshot has data")?;
        fs::write(path, BASE64_STANDARD.decode(data)?)?;
        Ok(())
    }

    /// A WebP of what is visible, as bytes.
    pub fn picture(&mut self, quality: u32) -> Result<Vec<u8>> {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "webp", "quality": quality }))?;
        Ok(BASE64_STANDARD.decode(picture["data"].as_str().context("a screenshot has data")?)?)
    }

    /// All that a careful page does not do, in the order in which it happened: errors and warnings on the console,
    /// exceptions, violations of the content security policy, requests that failed or left the page's origin.
    pub fn complaints(&mut self) -> Result<Vec<String>> {
        // What is on its way has been told when the answer to a later question is here.
        self.eval("new Promise(done => setTimeout(done, 50))")?;
        Ok(complaint::complaints(self.browser.events()))
    }

    fn count(&self, method: &str) -> usize {
        self.browser.events().iter().filter(|event| event.session == self.session && event.method == method).count()
    }
}

fn is_loaded(url: &str) -> String {
    format!("document.readyState === 'complete' && document.URL === new URL({url:?}).href")
}

fn eval(browser: &mut Browser, session: &str, expression: &str) -> Result<Value> {
    let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
    let answer = browser.call(session, "Runtime.evaluate", &params)?;
    if let Some(exception) = answer.get("exceptionDetails") {
        bail!("{expression}: {}", exception["exception"]["description"].as_str().unwrap_or("threw"));
    }
    Ok(answer["result"]["value"].clone())
}
