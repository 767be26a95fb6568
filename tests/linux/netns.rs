//! Network namespaces that go away with their owner, and programs that run in them.
//!
//! A namespace is called `kubehop-PID-N`, and so is a folder for captures. Dropping it deletes it; what a killed run could
//! not delete, the next run does.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

/// Where `ip netns` keeps the names.
const NAMES: &str = "/run/netns";
/// What every name begins with; the process follows.
const PREFIX: &str = "kubehop-";

/// A folder that goes away with its owner.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix(&format!("{PREFIX}{}-", std::process::id())).tempdir().unwrap()
}

/// A network namespace of the kernel.
#[derive(Debug)]
pub(crate) struct KernelNs {
    pub(crate) name: String,
    file: File,
}

impl KernelNs {
    /// Makes an empty namespace without IPv6, with `lo` up.
    pub(crate) fn new() -> Self {
        static SWEPT: Once = Once::new();
        static N_MADE: AtomicUsize = AtomicUsize::new(0);
        SWEPT.call_once(sweep);
        let name = format!("{PREFIX}{}-{}", std::process::id(), N_MADE.fetch_add(1, Ordering::Relaxed));
        finish(Command::new("ip").args(["netns", "add", &name]), None);
        let file = File::open(Path::new(NAMES).join(&name)).unwrap();
        let ns = Self { name, file };
        ns.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
        ns.sysctl("net/ipv6/conf/default/disable_ipv6", "1");
        ns.ip(&["link set lo up".to_owned()]);
        ns
    }

    /// Calls `act` in a thread that is in this namespace: the sockets that it opens and the programs that it starts are
    /// there too, and stay there.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let in_ns = || {
            move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act()
        };
        thread::scope(|scope| scope.spawn(in_ns).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Starts a thread that is in this namespace.
    pub(crate) fn spawn(&self, act: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
        let file = self.file.try_clone().unwrap();
        thread::spawn(move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act();
        })
    }

    /// Writes a kernel setting.
    pub(crate) fn sysctl(&self, path: &str, value: &str) {
        let file = Path::new("/proc/sys").join(path);
        self.inside(|| fs::write(&file, value)).unwrap_or_else(|e| panic!("{}: {path} = {value}: {e}", self.name));
    }

    /// Runs `ip` commands, one per line.
    pub(crate) fn ip(&self, lines: &[String]) {
        self.batch("ip", lines);
    }

    /// Runs `bridge` commands, one per line.
    pub(crate) fn bridge(&self, lines: &[String]) {
        self.batch("bridge", lines);
    }

    /// Hands a text to a program that loads it, like `iptables-restore`: it must take it.
    pub(crate) fn load(&self, program: &[&str], text: &str) {
        finish(Command::new("ip").args(["netns", "exec", &self.name]).args(program), Some(text));
    }

    fn batch(&self, program: &str, lines: &[String]) {
        if !lines.is_empty() {
            let text = lines.join("\n") + "\n";
            finish(Command::new(program).args(["-n", &self.name, "-batch", "-"]), Some(&text));
        }
    }

    /// What a command prints here; what it complains of, if it prints nothing.
    pub(crate) fn output(&self, command: &[&str]) -> String {
        let output = self.inside(|| Command::new(command[0]).args(&command[1..]).output()).unwrap();
        String::from_utf8_lossy(if output.stdout.is_empty() { &output.stderr } else { &output.stdout }).into_owned()
    }
}

impl Drop for KernelNs {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

/// Runs a program that must succeed.
fn finish(command: &mut Command, stdin: Option<&str>) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.unwrap_or_default().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}\n{}", stdin.unwrap_or_default());
}

/// Deletes a namespace. It is called while a test fails too, so it does not complain.
fn delete(name: &str) {
    let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
}

/// Deletes what runs that were killed have left, and ends the programs that still sit in their namespaces.
fn sweep() {
    for name in left_in(Path::new(NAMES)) {
        let pids = Command::new("ip").args(["netns", "pids", &name]).output().unwrap().stdout;
        let pids = String::from_utf8_lossy(&pids);
        for pid in pids.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
            // It may be gone by now.
            let _ = kill_process(pid, Signal::KILL);
        }
        delete(&name);
    }
    let folders = std::env::temp_dir();
    for name in left_in(&folders) {
        let _ = fs::remove_dir_all(folders.join(name));
    }
}

/// The names in a folder that belong to processes which are no more.
fn left_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let is_left = |name: &String| {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')).map(|(pid, _)| pid);
        pid.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists())
    };
    names.filter_map(|name| name.into_string().ok()).filter(is_left).collect()
}
