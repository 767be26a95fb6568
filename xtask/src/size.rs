//! What a visitor downloads before anything is learned.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use anyhow::{Result, bail};

use crate::project;

/// The limit for wasm, JavaScript and CSS together, compressed.
const BUDGET_BYTES: usize = 735_000;

/// A table of what `dist/` weighs; an error if that is too much.
pub(crate) fn measure() -> Result<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(project::dist())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| ["wasm", "js", "css"].iter().any(|counted| extension == *counted)) {
            let bytes = fs::read(&path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, bytes.len(), compressed_len(&bytes)?));
        }
    }
    files.sort();
    let total = files.iter().map(|(_, _, compressed)| compressed).sum::<usize>();
    let mut table = String::from("| file | bytes | brotli 11 |\n|---|---:|---:|\n");
    for (name, plain, compressed) in files {
        writeln!(table, "| {name} | {plain} | {compressed} |")?;
    }
    writeln!(table, "| all, of {BUDGET_BYTES} | | {total} |")?;
    if total > BUDGET_BYTES {
        bail!("dist/ is over its budget\n{table}");
    }
    Ok(table.trim_end().to_owned())
}

/// The length after brotli at its best, as a web server would precompress a file.
fn compressed_len(bytes: &[u8]) -> Result<usize> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 11, 22);
    writer.write_all(bytes)?;
    Ok(writer.into_inner().len())
}
