//! Other programs: finding and running them.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::project;

/// Where programs are looked for: the project's own tools first, and the folders that only root has on its PATH last.
fn search_path() -> OsString {
    let own = [project::tools().join("bin"), project::tools().join("npm/node_modules/.bin")];
    let inherited = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::join_paths(own.into_iter().chain(env::split_paths(&inherited)).chain(system))
        .expect("a PATH that was split joins again")
}

/// The path of a program, where this machine has it.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A program that will run in the project's root and find the project's own tools.
pub(crate) fn command<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(project::root()).env("PATH", search_path());
    command
}

/// Runs a program to its end and returns all that it printed; when it fails, that is in the error.
pub(crate) fn run(mut command: Command) -> Result<String> {
    let line = describe(&command);
    // One pipe for both streams keeps their lines in the order in which they were written.
    let (mut reader, writer) = io::pipe()?;
    command.stdin(std::process::Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
    // The command still holds the pipe's writing end, and reading would wait for it.
    drop(command);
    let mut output = Vec::new();
    reader.read_to_end(&mut output)?;
    let output = String::from_utf8_lossy(&output).into_owned();
    if !child.wait()?.success() {
        bail!("`{line}` failed:\n{output}");
    }
    Ok(output)
}

fn describe(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_keeps_the_order_of_both_streams() {
        let output = run(command("sh", ["-c", "echo one; echo two >&2; echo three"])).unwrap();
        assert_eq!(output, "one\ntwo\nthree\n");
    }

    #[test]
    fn a_failure_carries_the_command_and_its_output() {
        let problem = run(command("sh", ["-c", "echo no such luck; exit 1"])).unwrap_err().to_string();
        assert!(problem.contains("exit 1` failed:\nno such luck"), "{problem}");
    }
}
