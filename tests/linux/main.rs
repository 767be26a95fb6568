//! The judge: the same traffic in the simulator and on a Linux kernel, compared frame by frame and field by field.
//!
//! `KUBEHOP_KERNEL=live` asks this machine's kernel, `record` also keeps what it did; without either, the recordings are
//! the judge. `cargo xtask test kernel` and `cargo xtask kernel --record` set it.

mod capture;
mod cases;
mod compare;
mod decode;
mod labs;
mod lies;
mod names;
mod netns;
mod nft;
mod normalise;
mod observations;
mod realise;
mod recorded;
#[path = "../dns/scripted.rs"]
mod scripted;
mod simulator;
mod tables;
mod traffic;

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use kubehop_core::api::Run;
use kubehop_core::net::{NsId, Topology};

use crate::capture::Capture;
use crate::cases::Case;
use crate::compare::{Observed, compare, table};
use crate::realise::Realised;
use crate::traffic::{Servers, Talk};

/// What is printed in every place after a run.
const AFTER: [&str; 3] = ["ip neigh", "bridge fdb", "conntrack -L"];

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The recordings.
    Recorded,
    /// This machine's kernel.
    Live,
    /// This machine's kernel, and what it does is recorded.
    Record,
}

impl Mode {
    fn of_environment() -> Self {
        match std::env::var("KUBEHOP_KERNEL").as_deref() {
            Ok("live") => Self::Live,
            Ok("record") => Self::Record,
            _ => Self::Recorded,
        }
    }
}

/// Compares the simulator with Linux.
fn judge(name: &str, case: &Case) {
    let simulated = simulator::observe(case);
    let mode = Mode::of_environment();
    let linux = if mode == Mode::Recorded { recorded::read(name) } else { ask_kernel(name, case) };
    if mode == Mode::Record {
        recorded::write(name, &linux);
    }
    agree(name, ("linux", &linux), ("kubehop", &simulated));
    if mode == Mode::Live {
        agree(name, ("recorded", &recorded::read(name)), ("live", &linux));
    }
}

fn agree(name: &str, (left_name, left): (&str, &Observed), (right_name, right): (&str, &Observed)) {
    let differences = compare(left, right);
    let n_differences = differences.len();
    assert!(n_differences == 0, "{name}: {n_differences} differences\n{}", table(&differences, left_name, right_name));
}

/// Builds the lab, runs the client, and returns what the kernel did.
#[expect(clippy::print_stdout, reason = "how long each case takes is shown by --show-output")]
fn ask_kernel(name: &str, case: &Case) -> Observed {
    let _turn = Turn::wait();
    let start = Instant::now();
    let mut topo = labs::topology(case);
    let client = labs::client(case, &mut topo);
    let chosen = labs::simulate(case).0.choice.map(|choice| format!("{}:{}", choice.chosen.0, choice.chosen.1));
    let realised = Realised::new(&topo, chosen.as_deref());
    let observed = observe_kernel(&case.run(), client, &topo, &realised);
    println!("{name}: {:.1} s", start.elapsed().as_secs_f32());
    observed
}

/// One of the few labs that run at a time: more of them than processors, and the kernel's timers begin to matter.
struct Turn;

static N_RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

impl Turn {
    const N_AT_ONCE: usize = 2;

    fn wait() -> Self {
        let running = N_RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = ENDED.wait_while(running, |running| *running >= Self::N_AT_ONCE);
        *waited.unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *N_RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

fn observe_kernel(run: &Run, client: NsId, topo: &Topology, realised: &Realised) -> Observed {
    let talk = Talk::of(run).remembered(topo);
    let naming = simulator::naming(topo, &talk);
    let servers = Servers::start(topo, realised, &talk);
    let capture = Capture::start(topo, realised);
    let outcome = traffic::talk(realised, client, &talk).to_owned();
    thread::sleep(traffic::SETTLE);
    let tables = tables::of_kernel(topo, realised, &AFTER, &naming);
    let captured = capture.stop();
    drop(servers);
    Observed { outcome, devices: simulator::normalised(&captured, &naming), tables }
}
