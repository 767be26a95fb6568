//! The programs that come from the system: Debian's packages, installed where this is root on Debian.

use std::path::Path;

use anyhow::{Result, bail};

use crate::program::{command, find, run};

/// Programs that some group runs, and the Debian package of each.
const PACKAGES: &[(&str, &str)] = &[
    ("chromedriver", "chromium-driver"),
    ("chromium", "chromium"),
    ("conntrack", "conntrack"),
    ("ethtool", "ethtool"),
    ("gcc", "gcc"),
    ("ip", "iproute2"),
    ("ipset", "ipset"),
    ("iptables", "iptables"),
    ("musl-gcc", "musl-tools"),
    ("nft", "nftables"),
    ("ping", "iputils-ping"),
    ("tcpdump", "tcpdump"),
    ("tshark", "tshark"),
    ("wasm-opt", "binaryen"),
];

/// Whether packages can be installed here.
pub(crate) fn can_install() -> bool {
    Path::new("/etc/debian_version").exists() && find("apt-get").is_some() && is_root()
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    run(command("id", ["-u"])).is_ok_and(|id| id.trim() == "0")
}

/// Installs the packages of these programs, without a question.
pub(crate) fn install(programs: &[&str]) -> Result<()> {
    if !can_install() {
        bail!("packages are installed by apt, as root on Debian");
    }
    let packages = programs.iter().map(|program| package_of(program));
    run(command("apt-get", ["update", "--quiet"]))?;
    let mut install = command("apt-get", ["install", "--yes", "--quiet", "--no-install-recommends"]);
    // tshark asks who may capture.
    install.args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    run(install)?;
    Ok(())
}

fn package_of(program: &str) -> &'static str {
    let found = PACKAGES.iter().find(|(name, _)| *name == program);
    found.unwrap_or_else(|| panic!("{program} is not in the table of packages")).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::GROUPS;
    use crate::setup::Need;

    #[test]
    fn every_program_that_a_group_needs_has_a_package() {
        for need in GROUPS.iter().flat_map(|group| group.needs) {
            if let Need::Program(name) = need {
                package_of(name);
            }
        }
    }
}
