//! `cargo xtask serve`.

use std::net::TcpListener;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::page;
use crate::project;
use crate::server::Site;
use crate::setup::{Need, prepare};

/// Builds the page and serves it on 127.0.0.1 until it is stopped.
pub fn serve(port: u16) -> Result<()> {
    let start = Instant::now();
    // Known before minutes are spent on a page that could not be served.
    TcpListener::bind(("127.0.0.1", port)).with_context(|| format!("cannot listen on 127.0.0.1:{port}"))?;
    let missing = prepare(page::NEEDS.iter().copied().chain([Need::StdSource, Need::WasmOpt]));
    if let Some(reason) = missing.reason(page::NEEDS) {
        bail!("serve {reason}");
    }
    let no_wasm_opt = missing.reason(&[Need::WasmOpt]);
    for reason in no_wasm_opt.iter().chain(&missing.reason(&[Need::StdSource])) {
        println!("the page stays larger than it could be: it {}", reason.replace('\n', " "));
    }
    let first = if project::dist().exists() { "" } else { "; the first time, about 2 min on two cores" };
    println!("building the page{first}");
    page::build(no_wasm_opt.is_none())?;
    let server = Site::new(project::dist()).serve(port)?;
    println!("{} (ready after {:.1} s; Ctrl-C stops it)", server.url(), start.elapsed().as_secs_f32());
    server.wait();
    Ok(())
}
