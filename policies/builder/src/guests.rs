//! The nested cargo that compiles guests for WebAssembly. It takes nothing from where it is started but the toolchain and the way to
//! the registry: flags, wrappers and target folders of an outer build, or of a person's own habits, are not the guests' business.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "wasm32-unknown-unknown";

/// A policy's stack. It lies below everything else, so that an overflow runs off the memory's start and traps.
const STACK_BYTES: usize = 64 * 1024;

/// Where and with what the guests are built.
pub struct Nested {
    /// The cargo to run.
    pub cargo: PathBuf,
    /// The compiler it shall use, whatever its environment says.
    pub rustc: PathBuf,
    /// The folder of the workspace's Cargo.toml.
    pub workspace: PathBuf,
    /// The guests' own target folder.
    pub target_dir: PathBuf,
    /// Whether Cargo.lock has to stay as it is.
    pub locked: bool,
    /// What we were started with.
    pub environment: Vec<(OsString, OsString)>,
}

impl Nested {
    /// Builds what `selection` (cargo's own arguments) names, and answers the folder the modules are in. What cargo says goes where
    /// our own words go; the error is a line for whoever started the build.
    pub fn build(&self, selection: &[String]) -> Result<PathBuf, String> {
        let libraries = self.installed_target()?;
        let locked = self.locked.then_some("--locked");
        let status = self
            .command(&self.cargo)
            .args(["build", "--profile=guest", "--target", TARGET])
            .args(locked)
            .args(selection)
            .arg("--manifest-path")
            .arg(self.workspace.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&self.target_dir)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags(&libraries)?.join("\u{1f}"))
            .env("CARGO_INCREMENTAL", "0")
            .status()
            .map_err(|error| not_started(&self.cargo, &error))?;
        if !status.success() {
            return Err(format!("{} was not built: {status}", selection.join(" ")));
        }
        Ok(self.target_dir.join(TARGET).join("guest"))
    }

    /// A tool of the toolchain, in the workspace's folder, so that the toolchain is the one that folder asks for.
    pub fn command(&self, tool: &Path) -> Command {
        let mut command = Command::new(tool);
        command
            .current_dir(&self.workspace)
            .env_clear()
            .envs(self.environment.iter().filter(|(name, _)| reaches_guests(name)).cloned())
            .env("RUSTC", &self.rustc)
            // Empty, not absent: that is how a wrapper of the user's own cargo configuration is turned off.
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "");
        command
    }

    /// Where the compiler keeps WebAssembly's standard library, if it does.
    fn installed_target(&self) -> Result<PathBuf, String> {
        let mut asked = self.command(&self.rustc);
        asked.args(["--print", "target-libdir", "--target", TARGET]);
        let answer = asked.output().map_err(|error| not_started(&self.rustc, &error))?;
        let libraries = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
        if answer.status.success() && libraries.is_dir() {
            return Ok(libraries);
        }
        let said = String::from_utf8_lossy(&answer.stderr);
        Err(format!(
            "policies are built for {TARGET}, which is not installed: run `rustup target add {TARGET}` \
             (or `rustup toolchain install` in the folder of the policy), then build again{}",
            said.lines().next().map(|line| format!(" [{line}]")).unwrap_or_default()
        ))
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
        match (named("CARGO_HOME"), env::home_dir()) {
            (Some((_, home)), _) => self.workspace.join(home),
            (None, Some(home)) => home.join(".cargo"),
            (None, None) => self.workspace.clone(),
        }
    }
}

/// Why a tool of the toolchain did not run.
pub fn not_started(tool: &Path, error: &io::Error) -> String {
    let tool = tool.display();
    match error.kind() {
        ErrorKind::NotFound => format!(
            "{tool} is not there: policies are built with Rust, which https://rustup.rs installs"
        ),
        _ => format!("{tool} did not start: {error}"),
    }
}

/// One folder for every profile of the outer build, beside them: the guests are the same for all. A build that keeps its
/// intermediate files in an unusual place has a folder of its own.
pub fn target_dir(out_dir: &Path) -> PathBuf {
    let outer = out_dir.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    outer.unwrap_or(out_dir).join("guests")
}

/// Whether a variable may reach the nested build. Cargo's and the compiler's are kept only when they say where
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
