//! `cargo xtask test` and `cargo xtask kernel`: set-up, then group after group, then what came of it.

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::groups::{GROUPS, Group, KERNEL_NEEDS, Shared, kernel as run_kernel};
use crate::setup::{Missing, prepare};

enum Outcome {
    Passed(String),
    Skipped(String),
    Failed(String),
}

/// Runs the named groups, or all of them; a failure does not keep the others from running.
pub fn test(names: &[String]) -> Result<()> {
    let start = Instant::now();
    let chosen = GROUPS.iter().filter(|group| names.is_empty() || names.iter().any(|name| name == group.name));
    let chosen = chosen.collect::<Vec<_>>();
    let missing = prepare(chosen.iter().flat_map(|group| group.needs).copied());
    let shared = Shared::default();
    let (mut failed, mut skipped) = (Vec::new(), Vec::new());
    for group in &chosen {
        let start = Instant::now();
        let outcome = run(group, &missing, &shared, skips_fail());
        report(group.name, &outcome, start.elapsed());
        match outcome {
            Outcome::Passed(_) => {}
            Outcome::Skipped(_) => skipped.push(group.name),
            Outcome::Failed(_) => failed.push(group.name),
        }
    }
    let passed = chosen.len() - failed.len() - skipped.len();
    println!(
        "{passed} ok, {} failed, {} skipped in {:.0} s",
        failed.len(),
        skipped.len(),
        start.elapsed().as_secs_f32()
    );
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Runs the kernel arm alone.
pub fn kernel(record: bool) -> Result<()> {
    if let Some(reason) = prepare(KERNEL_NEEDS.iter().copied()).reason(KERNEL_NEEDS) {
        bail!("the kernel arm {reason}");
    }
    let start = Instant::now();
    run_kernel(record)?;
    println!("kernel ok ({:.1} s)", start.elapsed().as_secs_f32());
    Ok(())
}

/// On a machine that judges changes, a check that did not run is a check that did not pass.
fn skips_fail() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

fn run(group: &Group, missing: &Missing, shared: &Shared, skips_fail: bool) -> Outcome {
    match missing.reason(group.needs) {
        Some(reason) if skips_fail => Outcome::Failed(format!("it was skipped, which fails here: {reason}")),
        Some(reason) => Outcome::Skipped(reason),
        None => match (group.run)(shared) {
            Ok(note) => Outcome::Passed(note),
            Err(problem) => Outcome::Failed(format!("{problem:#}")),
        },
    }
}

fn report(name: &str, outcome: &Outcome, took: Duration) {
    let secs = took.as_secs_f32();
    match outcome {
        Outcome::Passed(note) if note.is_empty() => println!("{name:<8} ok   {secs:>7.1} s"),
        Outcome::Passed(note) => println!("{name:<8} ok   {secs:>7.1} s\n{note}"),
        Outcome::Skipped(reason) => println!("{name:<8} skip {secs:>7.1} s  {reason}"),
        Outcome::Failed(output) => println!("{name:<8} FAIL {secs:>7.1} s\n{output}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Need;

    const UNMET: Group = Group { name: "unmet", needs: &[Need::Namespaces], run: |_| Ok(String::new()) };

    fn missing() -> Missing {
        Missing::of(Need::Namespaces, "not allowed")
    }

    #[test]
    fn a_group_without_what_it_needs_is_skipped_with_the_reason() {
        let Outcome::Skipped(reason) = run(&UNMET, &missing(), &Shared::default(), false) else { panic!() };
        assert_eq!(reason, "needs root and network namespaces: not allowed");
    }

    #[test]
    fn a_skip_fails_where_changes_are_judged() {
        assert!(matches!(run(&UNMET, &missing(), &Shared::default(), true), Outcome::Failed(_)));
    }

    #[test]
    fn a_group_runs_when_others_lack_something() {
        let group = Group { needs: &[Need::WasmOpt], ..UNMET };
        assert!(matches!(run(&group, &missing(), &Shared::default(), true), Outcome::Passed(_)));
    }
}
