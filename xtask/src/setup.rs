//! Set-up: gets what a command needs, once, and says what it could not get.

use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::program::{command, find, run};
use crate::tools::{self, CargoTool};
use crate::{packages, project};

/// Something that must be on the machine before a command can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The compiler's WebAssembly target.
    WasmTarget,
    /// A program that cargo installs into `.tools/`.
    Tool(&'static CargoTool),
    /// Binaryen's optimiser: from npm, else the system's.
    WasmOpt,
    /// axe-core, from npm: one file, which tests run inside the page.
    Axe,
    /// A program of the system.
    Program(&'static str),
    /// Root, and a kernel that lets it make network namespaces.
    Namespaces,
}

impl Need {
    fn name(self) -> String {
        match self {
            Self::WasmTarget => "target wasm32-unknown-unknown".to_owned(),
            Self::Tool(tool) => format!("{} {}", tool.package, tool.version),
            Self::WasmOpt => "wasm-opt".to_owned(),
            Self::Axe => tools::AXE.to_owned(),
            Self::Program(name) => name.to_owned(),
            Self::Namespaces => "root and network namespaces".to_owned(),
        }
    }

    fn is_met(self) -> bool {
        match self {
            // Asking costs as much as adding it.
            Self::WasmTarget => false,
            Self::Tool(tool) => tool.is_installed(),
            Self::WasmOpt => ["bin", "npm/node_modules/.bin"]
                .iter()
                .any(|folder| project::tools().join(folder).join("wasm-opt").is_file()),
            Self::Axe => project::axe().is_file(),
            Self::Program(name) => find(name).is_some(),
            Self::Namespaces => packages::is_root() && run(command("unshare", ["--net", "true"])).is_ok(),
        }
    }

    /// How long it takes to get on two cores.
    fn secs(self) -> u32 {
        match self {
            Self::WasmTarget | Self::Namespaces => 0,
            Self::Tool(tool) => tool.secs,
            Self::WasmOpt | Self::Axe | Self::Program(_) => 5,
        }
    }

    fn get(self) -> Result<()> {
        match self {
            Self::WasmTarget => tools::add_wasm_target(),
            Self::Tool(tool) => tool.install(),
            Self::WasmOpt => get_wasm_opt(),
            Self::Axe => tools::install_from_npm(tools::AXE),
            Self::Program(name) => packages::install(&[name]),
            Self::Namespaces => Err(anyhow!("this process may not make them")),
        }
    }
}

/// The needs that could not be met, each with the reason.
#[derive(Debug, Default)]
pub(crate) struct Missing(Vec<(Need, String)>);

impl Missing {
    /// Why these needs are not all met; none if they are.
    pub(crate) fn reason(&self, needs: &[Need]) -> Option<String> {
        let (need, why) = self.0.iter().find(|(need, _)| needs.contains(need))?;
        Some(format!("needs {}: {why}", need.name()))
    }

    #[cfg(test)]
    pub(crate) fn of(need: Need, why: &str) -> Self {
        Self(vec![(need, why.to_owned())])
    }
}

/// Gets what is missing of `needs`, saying so, and returns what could not be had.
pub(crate) fn prepare(needs: impl IntoIterator<Item = Need>) -> Missing {
    let mut wanted: Vec<Need> = Vec::new();
    for need in needs {
        if !wanted.contains(&need) && !need.is_met() {
            wanted.push(need);
        }
    }
    let minutes = wanted.iter().map(|need| need.secs()).sum::<u32>().div_ceil(60);
    if minutes > 0 {
        println!("set-up: takes about {minutes} min on two cores, the first time only");
    }
    let mut missing = Missing(install_packages(&mut wanted));
    for need in wanted {
        let start = Instant::now();
        match need.get() {
            Ok(()) if need == Need::WasmTarget => {}
            Ok(()) => println!("set-up: {} ({:.0} s)", need.name(), start.elapsed().as_secs_f32()),
            Err(problem) => missing.0.push((need, format!("{problem:#}"))),
        }
    }
    tools::clean_up();
    missing
}

/// Installs all missing programs of the system at once, because each call of apt takes its time, and takes them off the
/// list. Returns those that could not be installed.
fn install_packages(wanted: &mut Vec<Need>) -> Vec<(Need, String)> {
    let (programs, rest): (Vec<_>, Vec<_>) = wanted.drain(..).partition(|need| matches!(need, Need::Program(_)));
    *wanted = rest;
    if programs.is_empty() {
        return Vec::new();
    }
    let start = Instant::now();
    let names = programs.iter().map(|need| need.name()).collect::<Vec<_>>();
    let outcome = packages::install(&names.iter().map(String::as_str).collect::<Vec<_>>());
    match outcome {
        Ok(()) => {
            println!("set-up: {} ({:.0} s)", names.join(", "), start.elapsed().as_secs_f32());
            Vec::new()
        }
        Err(problem) => programs.into_iter().map(|need| (need, format!("{problem:#}"))).collect(),
    }
}

fn get_wasm_opt() -> Result<()> {
    let Err(no_npm) = tools::install_from_npm(tools::BINARYEN) else { return Ok(()) };
    if find("wasm-opt").is_some() {
        return Ok(());
    }
    packages::install(&["wasm-opt"]).map_err(|no_apt| anyhow!("{no_npm:#}; {no_apt:#}"))
}
