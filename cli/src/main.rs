//! `kubehop`: walks a packet through a Kubernetes cluster, on the command line.

mod args;
mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run(lexopt::Parser::from_env())
}
