//! The nested cargo that compiles guests for WebAssembly. It takes nothing from the outer build but the toolchain and the way to
//! the registry: flags, wrappers and target folders of the outer build are not the guests' business.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

const TARGET: &str = "wasm32-unknown-unknown";

/// A policy's stack. It lies below everything else, so that an overflow runs off the memory's start and traps.
const STACK_BYTES: usize = 64 * 1024;

/// Where and with what the guests are built.
pub(crate) struct Nested {
    /// The cargo to run.
    pub(crate) cargo: PathBuf,
    /// The compiler it shall use, whatever its environment says.
    pub(crate) rustc: PathBuf,
    /// The folder of the workspace's Cargo.toml.
    pub(crate) workspace: PathBuf,
    /// The guests' own target folder.
    pub(crate) target_dir: PathBuf,
    /// What the outer build was started with.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

impl Nested {
    /// Builds what `selection` (cargo's own arguments) names, and answers the folder the modules are in.
    pub(crate) fn build(&self, selection: &[String]) -> Result<PathBuf, String> {
        let libraries = installed_target(&self.rustc)?;
        let status = Command::new(&self.cargo)
            .args(["build", "--locked", "--profile=guest", "--target", TARGET])
            .args(selection)
            .arg("--manifest-path")
            .arg(self.workspace.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&self.target_dir)
            .current_dir(&self.workspace)
            .env_clear()
            .envs(self.environment.iter().filter(|(name, _)| reaches_guests(name)).cloned())
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags(&libraries)?.join("\u{1f}"))
            .env("CARGO_INCREMENTAL", "0")
            .env("RUSTC", &self.rustc)
            // Empty, not absent: that is how a wrapper of the user's own cargo configuration is turned off.
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            .status()
            .map_err(|error| format!("{} did not start: {error}", self.cargo.display()))?;
        if !status.success() {
            return Err(format!("the guests {selection:?} were not built: {status}"));
        }
        Ok(self.target_dir.join(TARGET).join("guest"))
    }

    /// Folders of this machine are renamed in what the guests say of themselves: the same source gives the same bytes anywhere.
    fn flags(&self, libraries: &Path) -> Result<Vec<String>, String> {
        let sysroot = libraries.ancestors().nth(4).unwrap_or(libraries);
        let mut renamed = vec![(self.workspace.clone(), "/enlist"), (sysroot.to_owned(), "/rust")];
        let registries = self.cargo_home().join("registry/src");
        let unread = |error: io::Error| format!("{}: {error}", registries.display());
        if registries.exists() {
            for registry in fs::read_dir(&registries).map_err(unread)? {
                renamed.push((registry.map_err(unread)?.path(), "/crates"));
            }
        }
        let mut flags = vec![format!("-Clink-arg=-zstack-size={STACK_BYTES}")];
        flags.extend(
            renamed.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())),
        );
        Ok(flags)
    }

    fn cargo_home(&self) -> PathBuf {
        let named = |wanted: &str| self.environment.iter().find(|(name, _)| name == wanted);
        match (named("CARGO_HOME"), std::env::home_dir()) {
            (Some((_, home)), _) => self.workspace.join(home),
            (None, Some(home)) => home.join(".cargo"),
            (None, None) => self.workspace.clone(),
        }
    }
}

/// Where the compiler keeps WebAssembly's standard library, if it does.
pub(crate) fn installed_target(rustc: &Path) -> Result<PathBuf, String> {
    let asked = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let answer = asked.map_err(|error| format!("{} did not start: {error}", rustc.display()))?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    if answer.status.success() && libraries.is_dir() {
        return Ok(libraries);
    }
    Err(format!(
        "the policies are built for {TARGET}, which is not installed: run `rustup target add {TARGET}` \
         (or `rustup toolchain install` in the project's folder), then build again"
    ))
}

/// One folder for every profile of the outer build, beside them: the guests are the same for all. A build that keeps its
/// intermediate files in an unusual place has a folder of its own.
pub(crate) fn target_dir(out_dir: &Path) -> PathBuf {
    let outer = out_dir.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    outer.unwrap_or(out_dir).join("guests")
}

/// Whether a variable of the outer build may reach the nested one. Cargo's and the compiler's are kept only when they say where
/// things are: the registry, the network, the toolchain, the linker of the machine itself (build scripts need it).
fn reaches_guests(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let kept = ["CARGO_BUILD_JOBS", "CARGO_HOME", "CARGO_MAKEFLAGS", "RUST_BACKTRACE"]
        .contains(&&*name)
        || ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_TERM_", "RUSTUP_"]
            .iter()
            .any(|way| name.starts_with(way))
        || (name.starts_with("CARGO_TARGET_")
            && name.ends_with("_LINKER")
            && !name.contains("WASM32"));
    kept || !["CARGO", "CLIPPY_", "DEP_", "RUST", "__CARGO", "__RUST"]
        .iter()
        .any(|theirs| name.starts_with(theirs))
}
