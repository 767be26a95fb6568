//! Where things are in the project.

use std::path::{Path, PathBuf};

/// The folder that holds everything: the workspace's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ is a folder of the project")
}

/// The built page.
#[must_use]
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// axe-core, once set-up has installed it.
#[must_use]
pub fn axe() -> PathBuf {
    tools().join("npm/node_modules/axe-core/axe.min.js")
}

/// The tools that set-up installs: ignored by git, safe to delete.
pub(crate) fn tools() -> PathBuf {
    root().join(".tools")
}
