//! One directory is one test: `lab.yaml` is the cluster, `trace.txt` begins with the command and holds what it prints.
//!
//! A new case needs no Rust: make a directory with `lab.yaml` and a `trace.txt` of one line, `$ kubehop trace lab.yaml
//! --from … --to …`, run with `UPDATE_EXPECT=1`, and read what came out before keeping it.

use std::fs;

use kubehop_core::api;
use kubehop_tests::scenario::{self, Scenario};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let trials = scenario::all().into_iter().map(|case| Trial::test(case.name.clone(), move || run_case(&case)));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

fn run_case(case: &Scenario) -> Result<(), Failed> {
    let (trace, detail) = case.trace()?;
    let actual = format!("{}\n{}", case.command, api::render(&trace, detail));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&case.golden_path, actual).map_err(|error| error.to_string())?;
        return Ok(());
    }
    if actual != case.golden {
        let first = actual.lines().zip(case.golden.lines()).position(|(a, g)| a != g);
        let line = first.unwrap_or_else(|| actual.lines().count().min(case.golden.lines().count()));
        let show = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
        let (expected, found) = (show(&case.golden), show(&actual));
        return Err(format!("trace.txt:{}: expected\n  {expected}\nfound\n  {found}", line + 1).into());
    }
    Ok(())
}
