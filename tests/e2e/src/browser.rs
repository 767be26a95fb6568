//! A Chromium process, and the messages to and from it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// No sandbox, because it cannot be had as root and the only page loaded is ours; nothing that goes to the network.
const ARGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// Chromium reads commands from descriptor 3 and writes to 4; the shell puts our two pipes there.
const PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// Something that the browser told unasked.
pub(crate) struct Event {
    pub(crate) session: String,
    pub(crate) method: String,
    pub(crate) params: Value,
}

/// A running browser with a profile of its own; dropping it ends the process.
pub(crate) struct Browser {
    process: Child,
    commands: Option<ChildStdin>,
    messages: Receiver<Value>,
    last_id: u64,
    events: Vec<Event>,
    profile: TempDir,
}

impl Browser {
    pub(crate) fn launch() -> Result<Self> {
        let program = xtask::find_program("chromium").context("chromium is not installed")?;
        let profile = tempfile::tempdir()?;
        let mut process = Command::new("sh")
            .args(["-c", PIPES])
            .arg(program)
            .args(ARGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(profile.path().join("stderr.txt"))?)
            .spawn()?;
        let commands = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().context("stdout is piped")?);
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|len| len > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                if sender.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        Ok(Self { process, commands, messages, last_id: 0, events: Vec::new(), profile })
    }

    /// Sends a command, to a session or (with an empty name) to the browser itself, and waits for its result.
    pub(crate) fn call(&mut self, session: &str, method: &str, params: &Value) -> Result<Value> {
        let id = self.send(session, method, params)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Some(message) = self.receive(deadline)? else { bail!("{method}: no answer in {PATIENCE:?}") };
            if message["id"] == id {
                return match message.get("error") {
                    Some(error) => Err(anyhow!("{method}: {error}")),
                    None => Ok(message["result"].clone()),
                };
            }
        }
    }

    /// Sends a command whose result does not matter.
    pub(crate) fn send(&mut self, session: &str, method: &str, params: &Value) -> Result<u64> {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": params });
        if !session.is_empty() {
            message["sessionId"] = json!(session);
        }
        let mut line = serde_json::to_vec(&message)?;
        line.push(0);
        let commands = self.commands.as_mut().context("the browser is closed")?;
        commands.write_all(&line).with_context(|| self.last_words())?;
        Ok(self.last_id)
    }

    /// What was told so far.
    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Takes in what the browser tells within this time.
    pub(crate) fn listen(&mut self, time: Duration) -> Result<()> {
        let deadline = Instant::now() + time;
        while self.receive(deadline)?.is_some() {}
        Ok(())
    }

    /// The next message, already kept if it is an event; none once the time is over.
    fn receive(&mut self, deadline: Instant) -> Result<Option<Value>> {
        let message = match self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!(self.last_words()),
        };
        if let Some(method) = message["method"].as_str() {
            let event = Event {
                session: message["sessionId"].as_str().unwrap_or_default().to_owned(),
                method: method.to_owned(),
                params: message["params"].clone(),
            };
            if event.method == "Target.attachedToTarget" {
                let session = event.params["sessionId"].as_str().unwrap_or_default().to_owned();
                self.observe(&session)?;
            }
            self.events.push(event);
        }
        Ok(Some(message))
    }

    /// Asks a page or frame to tell what happens in it, and the same of the frames that it will open.
    fn observe(&mut self, session: &str) -> Result<()> {
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.send(session, &format!("{domain}.enable"), &json!({}))?;
        }
        let frames = json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true });
        self.send(session, "Target.setAutoAttach", &frames)?;
        self.send(session, "Runtime.runIfWaitingForDebugger", &json!({}))?;
        Ok(())
    }

    fn last_words(&self) -> String {
        let words = fs::read_to_string(self.profile.path().join("stderr.txt")).unwrap_or_default();
        format!("the browser has ended:\n{words}")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without its pipe the browser ends by itself, in order; the kill is for one that hangs.
        let _ = self.send("", "Browser.close", &json!({}));
        self.commands = None;
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.process.try_wait().is_ok_and(|status| status.is_none()) {
            if Instant::now() > deadline {
                let _ = self.process.kill();
                let _ = self.process.wait();
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
