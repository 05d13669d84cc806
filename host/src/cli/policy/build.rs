//! `enlist policy build`: from a folder with a policy's source to a component, with nothing but rustup's tools.
//! Refuses to leave a component of a source that does not build: what is there was made of what is there.

use crate::cli::client::Remote;
use crate::cli::{Ending, fail};
use crate::sandbox::digest_of;
use clap::Args;
use enlist_builder::{Nested, encode, not_started};
use serde_json::{Value, json};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{env, fs, process};

/// What `enlist policy build` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct BuildArguments {
    /// The folder with the policy's Cargo.toml.
    dir: PathBuf,
    /// Where the component goes [default: policy/NAME.wasm in the folder of build products].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A component that was just made.
pub(super) struct Built {
    pub(super) component: Vec<u8>,
    /// Where it goes when nobody says where.
    pub(super) file: PathBuf,
}

pub(super) fn run(remote: &Remote, build: &BuildArguments) -> Result<Ending, Ending> {
    let source = Source::find(&build.dir)?;
    source.remove_component()?;
    let Built { component, file } = source.build()?;
    let file = build.out.clone().unwrap_or(file);
    write(&file, &component).map_err(|error| {
        eprintln!("enlist: {}: {error}", file.display());
        Ending::No
    })?;
    let (size, digest) = (component.len(), digest_of(&component));
    let answer = json!({"component": file, "size_bytes": size, "digest": digest});
    Ok(remote.show(&answer, |_| {
        format!("component  {}\nsize       {size} bytes\ndigest     {digest}\n", file.display())
    }))
}

/// Builds what is in `folder`, and leaves alone what an earlier `enlist policy build` has put there.
pub(super) fn compile(folder: &Path) -> Result<Built, Ending> {
    Source::find(folder)?.build()
}

fn no(line: &str) -> Ending {
    eprintln!("enlist: {line}");
    Ending::No
}

/// A policy's source, and what builds it.
struct Source {
    nested: Nested,
    guest: Guest,
}

impl Source {
    fn find(folder: &Path) -> Result<Self, Ending> {
        let manifest = folder.join("Cargo.toml");
        let manifest = manifest.canonicalize().map_err(|error| {
            let begin = "`enlist policy new DIR` begins a policy";
            eprintln!("enlist: {}: {error} ({begin})", manifest.display());
            Ending::WrongUse
        })?;
        let nested = Nested {
            cargo: "cargo".into(),
            rustc: "rustc".into(),
            workspace: manifest.with_file_name(""),
            target_dir: PathBuf::new(),
            locked: false,
            environment: env::vars_os().collect(),
        };
        let guest = Guest::find(&nested, &manifest).map_err(|line| no(&line))?;
        Ok(Self { nested, guest })
    }

    /// Where the component goes when nobody says where.
    fn file(&self) -> PathBuf {
        self.guest.target_dir.join("policy").join(format!("{}.wasm", self.guest.package))
    }

    fn remove_component(&self) -> Result<(), Ending> {
        let file = self.file();
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(no(&format!("{}: {error}", file.display())))
            }
            _ => Ok(()),
        }
    }

    /// Cargo's own words go to standard error as they are.
    fn build(self) -> Result<Built, Ending> {
        let file = self.file();
        let Self { mut nested, guest } = self;
        (nested.workspace, nested.target_dir) = (guest.workspace, guest.target_dir);
        let selection = [format!("--package={}", guest.package), "--lib".to_owned()];
        let modules = nested.build(&selection).map_err(|line| no(&line))?;
        let module = modules.join(format!("{}.wasm", guest.library));
        let module = fs::read(&module).map_err(|error| fail(&error, Ending::No))?;
        let component =
            encode(&module).map_err(|error| no(&format!("{}: {error:#}", guest.package)))?;
        Ok(Built { component, file })
    }
}

/// What cargo knows of a policy's crate.
struct Guest {
    package: String,
    /// The library as its file is called.
    library: String,
    workspace: PathBuf,
    target_dir: PathBuf,
}

impl Guest {
    fn find(nested: &Nested, manifest: &Path) -> Result<Self, String> {
        let mut asked = nested.command(&nested.cargo);
        asked
            .args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"])
            .arg(manifest);
        // Whoever says where build products go is heard here; the build itself is told.
        if let Some(target) = env::var_os("CARGO_TARGET_DIR").filter(|target| !target.is_empty()) {
            let target = std::path::absolute(target).map_err(|error| error.to_string())?;
            asked.env("CARGO_TARGET_DIR", target);
        }
        let answer = asked.stderr(Stdio::inherit()).output();
        let answer = answer.map_err(|error| not_started(&nested.cargo, &error))?;
        let metadata: Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if !answer.status.success() || metadata["packages"].is_null() {
            return Err(format!("cargo cannot read {}", manifest.display()));
        }
        let mut packages = metadata["packages"].as_array().into_iter().flatten();
        let package =
            packages.find(|package| Path::new(&text(&package["manifest_path"])) == manifest);
        let library = package.and_then(|package| {
            let mut targets = package["targets"].as_array()?.iter();
            targets
                .find(|t| t["crate_types"].as_array().is_some_and(|t| t.contains(&json!("cdylib"))))
        });
        let (Some(package), Some(library)) = (package, library) else {
            let path = manifest.display();
            return Err(format!("{path}: expected a package with [lib] crate-type = [\"cdylib\"]"));
        };
        Ok(Self {
            package: text(&package["name"]),
            library: text(&library["name"]).replace('-', "_"),
            workspace: text(&metadata["workspace_root"]).into(),
            target_dir: text(&metadata["target_directory"]).into(),
        })
    }
}

/// Puts a file in its place whole or not at all.
fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".enlist-{}", process::id()));
    let written = fs::write(&unfinished, content).and_then(|()| fs::rename(&unfinished, file));
    if written.is_err() {
        // It may not even have been begun.
        let _ = fs::remove_file(&unfinished);
    }
    written
}
