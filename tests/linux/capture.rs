//! What passes every device: one tcpdump on each.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kubehop_core::net::{InterfaceKind, Topology};
use pcap_file::pcap::PcapReader;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::netns;
use crate::realise::Realised;

/// The frames of every device that carried one, in order: `REF:DEVICE` to bytes.
pub(crate) type Captured = BTreeMap<String, Vec<Vec<u8>>>;

/// Captures that are running. Dropping them ends them.
pub(crate) struct Capture {
    folder: TempDir,
    listeners: Vec<Listener>,
}

struct Listener {
    device: String,
    tcpdump: Child,
}

impl Capture {
    /// Starts to listen on every device of the lab, and returns when every listener listens.
    pub(crate) fn start(topo: &Topology, realised: &Realised) -> Self {
        let mut capture = Self { folder: netns::folder(), listeners: Vec::new() };
        for (ns, kernel) in topo.namespaces().zip(&realised.places) {
            for interface in ns.interfaces() {
                let n = capture.listeners.len();
                let errors = File::create(capture.path(n, "log")).unwrap();
                let mut tcpdump = Command::new("tcpdump");
                // libpcap makes room for frames of the device's MTU where all offloads are off; a bridge carries larger
                // ones, when its netfilter has put fragments together, and needs room for as many of them.
                let is_bridge = matches!(interface.kind, InterfaceKind::Bridge { .. });
                let (snaplen, ring_kib) = if is_bridge { ("66000", "32768") } else { ("0", "2048") };
                // It is root that may write into the folder, not the user that tcpdump likes to become.
                tcpdump.args([
                    "-U",
                    "--immediate-mode",
                    "-n",
                    "-s",
                    snaplen,
                    "-B",
                    ring_kib,
                    "-Z",
                    "root",
                    "-i",
                    &interface.dev.name,
                    "-w",
                ]);
                tcpdump.arg(capture.path(n, "pcap")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
                let tcpdump = kernel.inside(|| tcpdump.spawn()).expect("tcpdump starts");
                let device = format!("{}:{}", ns.place, interface.dev.name);
                capture.listeners.push(Listener { device, tcpdump });
            }
        }
        capture.wait_until_all_listen();
        capture
    }

    fn path(&self, n: usize, extension: &str) -> PathBuf {
        self.folder.path().join(format!("{n}.{extension}"))
    }

    fn wait_until_all_listen(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        for (n, listener) in self.listeners.iter().enumerate() {
            while !fs::read_to_string(self.path(n, "log")).unwrap_or_default().contains("listening on") {
                assert!(Instant::now() < deadline, "tcpdump does not listen on {}", listener.device);
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Stops, and returns what was heard.
    pub(crate) fn stop(mut self) -> Captured {
        for listener in &self.listeners {
            // It writes out what it has and ends.
            let _ = kill_process(Pid::from_child(&listener.tcpdump), Signal::TERM);
        }
        let mut captured = Captured::new();
        for n in 0..self.listeners.len() {
            self.listeners[n].tcpdump.wait().unwrap();
            let frames = read_pcap(&self.path(n, "pcap"));
            let log = fs::read_to_string(self.path(n, "log")).unwrap();
            assert!(log.contains("\n0 packets dropped by kernel"), "{}: {log}", self.listeners[n].device);
            if !frames.is_empty() {
                captured.insert(self.listeners[n].device.clone(), frames);
            }
        }
        captured
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        for listener in &mut self.listeners {
            // What was stopped already cannot be stopped again.
            let _ = listener.tcpdump.kill();
            let _ = listener.tcpdump.wait();
        }
    }
}

fn read_pcap(path: &PathBuf) -> Vec<Vec<u8>> {
    let mut reader = PcapReader::new(io::BufReader::new(File::open(path).unwrap())).unwrap();
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        assert_eq!(packet.orig_len as usize, packet.data.len(), "a frame was cut in {}", path.display());
        frames.push(packet.data.into_owned());
    }
    frames
}
