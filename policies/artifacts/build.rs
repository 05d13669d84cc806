//! Makes what this crate holds: the guests are compiled by a cargo of their own, then encoded and validated; the files of a new
//! policy are gathered.
//! Nothing is downloaded here, and nothing of the outer build's flags reaches the guests: the same source gives the same bytes.

#[cfg(feature = "hostile")]
#[path = "build/hostile.rs"]
mod hostile;
#[path = "build/kit.rs"]
mod kit;
#[cfg(feature = "hostile")]
#[path = "build/wat_guests.rs"]
mod wat_guests;

use enlist_builder::{Nested, encode, target_dir};
use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// The policies that travel inside the binary, by the name of their folder and of their constant.
const BUILT_IN: [&str; 3] = ["localpart", "precis", "rules"];

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let shared = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "rust-toolchain.toml",
        "wit",
        "policies/names",
        "policies/sdk",
        "policies/template",
    ];
    for path in
        shared.map(str::to_owned).into_iter().chain(BUILT_IN.map(|name| format!("policies/{name}")))
    {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    for path in ["build.rs", "build"] {
        println!("cargo::rerun-if-changed={path}");
    }

    let nested = Nested {
        cargo: env::var_os("CARGO").ok_or("run by cargo")?.into(),
        rustc: env::var_os("RUSTC").ok_or("run by cargo")?.into(),
        target_dir: target_dir(out),
        locked: true,
        environment: env::vars_os().collect(),
        workspace,
    };
    for name in BUILT_IN {
        // Each by itself: together they would share the features of what they stand on, and one's bytes would hang on the others.
        let modules = nested.build(&[format!("--package=enlist-{name}")])?;
        let module = fs::read(modules.join(format!("enlist_{name}.wasm")))?;
        fs::write(out.join(format!("{name}.wasm")), encode(&module)?)?;
    }
    kit::make(&nested.workspace, out)?;
    #[cfg(feature = "hostile")]
    hostile::make(&nested, out)?;
    Ok(())
}
