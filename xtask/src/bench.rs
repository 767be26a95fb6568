//! `cargo xtask bench`: the figures of docs/PERFORMANCE.md, as markdown tables.

use anyhow::Result;

use crate::program::{command, run};

/// Runs the native benchmarks and prints a table of them.
///
/// The browser's figures (the same trace in WebAssembly, the time from a click to the next frame) belong here too, once
/// there is a page to measure.
pub fn bench() -> Result<()> {
    let output = run(command("cargo", ["bench", "--package", "kubehop-tests", "--bench", "trace"]))?;
    print!("{}", markdown(&output));
    Ok(())
}

/// Divan prints a tree with columns, of which the fastest, the median and the mean are worth keeping.
fn markdown(divan: &str) -> String {
    let mut table = String::from("| native, release | fastest | median | mean |\n|---|---:|---:|---:|\n");
    for line in divan.lines() {
        let columns = line.split('│').map(str::trim).collect::<Vec<_>>();
        let [first, _slowest, median, mean, _samples, _iterations] = columns.as_slice() else { continue };
        let first = first.trim_start_matches(['├', '╰', '─', ' ']);
        // The head of the table has the same shape, and its words where the figures should be.
        let Some((name, fastest)) = first.split_once("  ") else { continue };
        if median.starts_with(|c: char| c.is_ascii_digit()) {
            table.push_str(&format!("| {name} | {} | {median} | {mean} |\n", fastest.trim()));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_benchmark_becomes_a_row() {
        let divan = "Timer precision: 20 ns\n\
            trace          fastest       │ slowest       │ median        │ mean          │ samples │ iters\n\
            ├─ cross_node  1.2 µs        │ 9.9 µs        │ 1.3 µs        │ 1.4 µs        │ 100     │ 800\n\
            ╰─ same_node   800 ns        │ 990 ns        │ 810 ns        │ 820 ns        │ 100     │ 800\n";
        let rows = markdown(divan);
        assert!(
            rows.ends_with("| cross_node | 1.2 µs | 1.3 µs | 1.4 µs |\n| same_node | 800 ns | 810 ns | 820 ns |\n")
        );
        assert_eq!(rows.lines().count(), 4);
    }
}
