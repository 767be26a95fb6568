//! `cargo xtask`: the project's own commands.
#![expect(clippy::print_stderr, reason = "a command line talks to a terminal")]

use std::process::ExitCode;

use xtask::args::{self, Invocation};
use xtask::{bench, page, serve, test};

fn main() -> ExitCode {
    let invocation = match args::parse(lexopt::Parser::from_env()) {
        Ok(invocation) => invocation,
        Err(problem) => {
            eprintln!("error: {problem}\n\n{}", args::usage());
            return ExitCode::from(2);
        }
    };
    let outcome = match invocation {
        Invocation::Serve { port } => serve::serve(port),
        Invocation::Dist => page::dist(),
        Invocation::Test { groups } => test::test(&groups),
        Invocation::Kernel { record } => test::kernel(record),
        Invocation::Bench => bench::bench(),
        Invocation::Pictures => page::pictures(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem:#}");
            ExitCode::FAILURE
        }
    }
}
