//! Somebody else's site, with the built page in a folder of it.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, Result};
use tempfile::TempDir;
use xtask::server::{Server, Site};

/// A running site; its files are gone with it.
pub struct Host {
    server: Server,
    _folder: TempDir,
}

impl Host {
    /// Serves these pages, by path and content, with the built page in each of `folders`. `policy` is the site's content
    /// security policy.
    pub fn serve(pages: &[(&str, &str)], folders: &[&str], policy: &'static str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let dist = xtask::dist().canonicalize().context("dist/ is not built: run `cargo xtask dist`")?;
        for name in folders {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().context("a folder is in the site")?)?;
            symlink(&dist, path)?;
        }
        for (name, content) in pages {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().context("a page is in the site")?)?;
            fs::write(path, content)?;
        }
        let mut site = Site::new(folder.path().to_path_buf());
        site.policy = policy;
        Ok(Self { server: site.serve(0)?, _folder: folder })
    }

    /// The address of one of its files.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }
}
