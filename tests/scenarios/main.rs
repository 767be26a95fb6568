//! One directory is one test: `lab.yaml` is the cluster, `trace.txt` begins with the command and holds what it prints.
//!
//! A new case needs no Rust: make a directory with `lab.yaml` and a `trace.txt` of one line, `$ kubehop trace lab.yaml
//! --from … --to …`, run with `UPDATE_EXPECT=1`, and read what came out before keeping it.

use std::fs;
use std::path::{Path, PathBuf};

use kubehop_core::api::{self, Detail, Run, Severity, Source};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root)
        .expect("the folder of this file")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("lab.yaml").exists())
        .collect();
    cases.sort();
    let trials = cases.into_iter().map(|case| {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(name, move || run_case(&case))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

fn run_case(case: &Path) -> Result<(), Failed> {
    let golden_path = case.join("trace.txt");
    let golden = fs::read_to_string(&golden_path).map_err(|error| format!("{}: {error}", golden_path.display()))?;
    let command = golden.lines().next().ok_or("trace.txt is empty; expected `$ kubehop trace lab.yaml …`")?;
    let actual = format!("{command}\n{}", output(case, command)?);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&golden_path, actual).map_err(|error| error.to_string())?;
        return Ok(());
    }
    if actual != golden {
        let first = actual.lines().zip(golden.lines()).position(|(a, g)| a != g);
        let line = first.unwrap_or_else(|| actual.lines().count().min(golden.lines().count()));
        let show = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
        return Err(format!("trace.txt:{}: expected\n  {}\nfound\n  {}", line + 1, show(&golden), show(&actual)).into());
    }
    Ok(())
}

fn output(case: &Path, command: &str) -> Result<String, String> {
    let words = command.strip_prefix("$ kubehop trace lab.yaml ").ok_or("expected `$ kubehop trace lab.yaml …`")?;
    let (run, set, detail) = options(words)?;
    let text = fs::read(case.join("lab.yaml")).map_err(|error| error.to_string())?;
    let parsed = api::parse(&[Source { name: "lab.yaml", text: &text }], &set);
    if let Some(problem) = parsed.problems.iter().find(|problem| problem.severity == Severity::Error) {
        return Err(problem.to_string());
    }
    let trace = api::trace(&parsed.lab, &run).map_err(|error| error.to_string())?;
    api::validate(&trace).map_err(|error| error.to_string())?;
    Ok(api::render(&trace, detail))
}

type Options = (Run, Vec<(String, String)>, Detail);

fn options(words: &str) -> Result<Options, String> {
    let mut run = Run::new("", "");
    let (mut set, mut detail) = (Vec::new(), Detail::Minimal);
    let mut words = words.split_whitespace();
    while let Some(option) = words.next() {
        if option == "--df" {
            run.df = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{option} has no value"))?;
        let number = || value.parse::<usize>().map_err(|error| format!("{option} {value}: {error}"));
        match option {
            "--from" => value.clone_into(&mut run.from),
            "--to" => value.clone_into(&mut run.to),
            "--size" => run.size = number()?,
            "--reply-size" => run.reply_size = number()?,
            "--ttl" => run.ttl = Some(value.parse().map_err(|error| format!("{option} {value}: {error}"))?),
            "--set" => {
                let (path, value) = value.split_once('=').ok_or_else(|| format!("--set {value}: no ="))?;
                set.push((path.to_owned(), value.to_owned()));
            }
            "--detail" => detail = Detail::parse(value).ok_or_else(|| format!("no detail {value}"))?,
            _ => return Err(format!("no option {option}")),
        }
    }
    Ok((run, set, detail))
}
