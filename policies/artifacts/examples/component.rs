//! From a core module to a component, for a policy of your own: `cargo run -p enlist-artifacts --example component -- IN.wasm OUT.wasm`.
//! Does what the build script does to the built-in policies, and nothing more.

#[path = "../build/component.rs"]
mod component;

use std::error::Error;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = env::args_os().skip(1);
    let (Some(module), Some(out), None) = (files.next(), files.next(), files.next()) else {
        return Err("two files are needed: the module to read and the component to write".into());
    };
    let bytes = fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))?;
    fs::write(&out, component::encode(&bytes)?)
        .map_err(|error| format!("{}: {error}", out.display()).into())
}
