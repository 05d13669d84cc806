//! Makes a component of every file in `policies/hostile`, and the Rust text that names them. A file is its own entry in the list:
//! a new misdeed needs no line here, and cannot be forgotten.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use enlist_builder::{Nested, encode};

use crate::wat_guests::WatGuests;

/// Every guest of a folder by its name.
type Files = BTreeMap<String, PathBuf>;

/// Writes the components below `out`, and what names them to `out/hostile.rs`.
pub(crate) fn make(nested: &Nested, out: &Path) -> Result<(), Box<dyn Error>> {
    let source = nested.workspace.join("policies/hostile");
    println!("cargo::rerun-if-changed={}", source.display());
    let package = ["--package=enlist-hostile", "--examples"].map(str::to_owned);
    let examples = nested.build(&package)?.join("examples");
    let wat_guests = WatGuests::new(&nested.workspace.join("wit"), &source)?;

    let mut rust = String::new();
    for (module, folder, about) in [
        ("honest", "honest", "Policies that a test can steer or measure. They behave."),
        ("hostile", "misdeeds", "Policies that misbehave, one misdeed each."),
    ] {
        fs::create_dir_all(out.join(module))?;
        let files = by_name(&source.join(folder))?;
        for (name, file) in &files {
            let component = match file.extension() {
                Some(rs) if rs == "rs" => fs::read(examples.join(format!("{name}.wasm")))
                    .map_err(Into::into)
                    .and_then(|module| encode(&module)),
                _ => wat_guests.component(file),
            };
            let component = component.map_err(|error| format!("{name}: {error:?}"))?;
            fs::write(out.join(module).join(format!("{name}.wasm")), component)?;
        }
        name_module(&mut rust, module, about, &files)?;
        if module == "hostile" {
            name_macro(&mut rust, &files)?;
        }
    }
    Ok(fs::write(out.join("hostile.rs"), rust)?)
}

fn by_name(folder: &Path) -> Result<Files, Box<dyn Error>> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        let name = file.file_stem().ok_or("a file without a name")?.to_string_lossy().into_owned();
        if let Some(other) = files.insert(name, file) {
            return Err(format!("a second guest is called like {}", other.display()).into());
        }
    }
    Ok(files)
}

/// A constant for each guest, documented with the first paragraph of its file, and the list of them all.
fn name_module(
    rust: &mut String,
    module: &str,
    about: &str,
    files: &Files,
) -> Result<(), Box<dyn Error>> {
    writeln!(rust, "/// {about}\npub mod {module} {{")?;
    for (name, file) in files {
        for line in fs::read_to_string(file)?.lines() {
            match line.strip_prefix(";;").or_else(|| line.strip_prefix("//!")) {
                Some(comment) if !comment.is_empty() => writeln!(rust, "    ///{comment}")?,
                _ => break,
            }
        }
        let bytes =
            format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{module}/{name}.wasm\"))");
        writeln!(rust, "    pub const {}: &[u8] = {bytes};", name.to_uppercase())?;
    }
    writeln!(rust, "    /// All of them, by the names of their files.")?;
    writeln!(rust, "    pub const ALL: &[(&str, &[u8])] = &[")?;
    for name in files.keys() {
        writeln!(rust, "        (\"{name}\", {}),", name.to_uppercase())?;
    }
    Ok(writeln!(rust, "    ];\n}}")?)
}

/// What lets the compiler refuse a test file that has no test of a guest's name.
fn name_macro(rust: &mut String, files: &Files) -> Result<(), Box<dyn Error>> {
    writeln!(
        rust,
        "/// Calls the macro it is given once with the name of every misbehaving guest."
    )?;
    writeln!(rust, "#[macro_export]\nmacro_rules! for_each_hostile {{\n    ($called:ident) => {{")?;
    for name in files.keys() {
        writeln!(rust, "        $called!({name});")?;
    }
    Ok(writeln!(rust, "    }};\n}}")?)
}
