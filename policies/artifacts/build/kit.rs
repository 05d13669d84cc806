//! What `enlist policy new` writes, made of this tree: the template, the SDK, the contract, the toolchain, the versions that are
//! locked here. The manifests that lean on the workspace's are made to stand alone; everything else is copied byte by byte.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

type Kit = Vec<(String, String)>;

/// Where the tree's own files lie in a new folder: beside each other as they do here, for the SDK finds the contract that way.
const OURS: &str = "enlist";

/// Copies everything below `out`, and writes what names it to `out/kit.rs`.
pub(crate) fn make(workspace: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let manifest = fs::read_to_string(workspace.join("Cargo.toml"))?;
    let mut kit = Kit::new();
    read(&workspace.join("policies/template"), "", &mut kit)?;
    for folder in ["wit", "policies/sdk/src"] {
        read(&workspace.join(folder), &format!("{OURS}/{folder}/"), &mut kit)?;
    }
    for (from, to) in [
        ("rust-toolchain.toml", "rust-toolchain.toml".to_owned()),
        ("LICENSE", format!("{OURS}/LICENSE")),
        ("policies/sdk/Cargo.toml", format!("{OURS}/policies/sdk/Cargo.toml")),
    ] {
        kit.push((to, fs::read_to_string(workspace.join(from))?));
    }
    for (path, text) in &mut kit {
        if path.ends_with("Cargo.toml") {
            *text = standing_alone(text, &manifest)?;
        }
        if path == "Cargo.toml" {
            writeln!(text, "\n{}", profile(&manifest)?)?;
        }
    }
    let lock = fs::read_to_string(workspace.join("Cargo.lock"))?;
    write_all(out, &kit, &locked(&lock, &["enlist-policy", "serde"])?)
}

fn write_all(out: &Path, kit: &Kit, lock: &str) -> Result<(), Box<dyn Error>> {
    let mut rust = String::from(
        "/// The files of a new policy's folder: path and text. The crate is called `my-policy` in them.\npub const KIT: &[(&str, &str)] = &[\n",
    );
    let lock = &("Cargo.lock".to_owned(), lock.to_owned());
    for (path, text) in kit.iter().chain([lock]) {
        let copy = out.join("kit").join(path);
        fs::create_dir_all(copy.parent().ok_or("a file without a folder")?)?;
        fs::write(&copy, text)?;
        let text = format!("include_str!(concat!(env!(\"OUT_DIR\"), \"/kit/{path}\"))");
        if path == "Cargo.lock" {
            writeln!(rust, "];\n")?;
            writeln!(
                rust,
                "/// What the SDK stands on, as it is locked here: a lock file's packages without the crate that uses it."
            )?;
            writeln!(rust, "pub const LOCKED: &str = {text};")?;
        } else {
            writeln!(rust, "    (\"{path}\", {text}),")?;
        }
    }
    Ok(fs::write(out.join("kit.rs"), rust)?)
}

/// Every file below `folder`, in the order of their names.
fn read(folder: &Path, prefix: &str, kit: &mut Kit) -> Result<(), Box<dyn Error>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{prefix}{}", entry.file_name().display());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{path}/"), kit)?;
        } else {
            kit.push((path, fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

/// The lines of a table of a manifest, its head apart.
fn table<'a>(manifest: &'a str, head: &str) -> impl Iterator<Item = &'a str> {
    let below = manifest.lines().skip_while(move |line| *line != head).skip(1);
    below
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A manifest in which every `workspace = true` is replaced by what the workspace's says.
fn standing_alone(member: &str, workspace: &str) -> Result<String, Box<dyn Error>> {
    let (mut text, mut within) = (String::new(), "");
    for line in member.lines() {
        if line.starts_with('[') {
            within = line;
        }
        let inherited = line.strip_suffix(".workspace = true");
        if let Some(name) = inherited {
            let head = if within == "[package]" {
                "[workspace.package]"
            } else {
                "[workspace.dependencies]"
            };
            let beginning = format!("{name} = ");
            let said = table(workspace, head).find(|said| said.starts_with(&beginning));
            writeln!(
                text,
                "{}",
                said.ok_or_else(|| format!("the workspace does not say {name}"))?
            )?;
        } else if line == "[lints]" {
            for kind in ["rust", "clippy"] {
                writeln!(text, "[lints.{kind}]")?;
                for lint in table(workspace, &format!("[workspace.lints.{kind}]")) {
                    writeln!(text, "{lint}")?;
                }
            }
        } else if line != "workspace = true" {
            writeln!(text, "{line}")?;
        }
    }
    Ok(text)
}

/// What a policy is built with, as the workspace's manifest has it: a table and its comment.
fn profile(manifest: &str) -> Result<&str, &'static str> {
    let mut parts = manifest.split("\n\n").map(str::trim_end);
    parts.find(|part| part.contains("[profile.guest]")).ok_or("no [profile.guest]")
}

/// The packages of `lock` that `roots` stand on, themselves included. Some of them only other features than ours need: cargo drops
/// those when it first reads the lock.
fn locked(lock: &str, roots: &[&str]) -> Result<String, Box<dyn Error>> {
    let packages: Vec<_> = lock.split("\n\n").filter(|p| p.starts_with("[[package]]")).collect();
    let field = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")));
        line.map(|rest| rest.trim_end_matches('"').to_owned()).unwrap_or_default()
    };
    let needs = |package: &str| -> Vec<String> {
        let quoted = package.lines().filter_map(|line| line.strip_prefix(" \""));
        quoted.map(|rest| rest.trim_end_matches("\",").to_owned()).collect()
    };
    let (mut wanted, mut kept) =
        (roots.iter().map(|root| (*root).to_owned()).collect::<Vec<_>>(), BTreeSet::new());
    while let Some(wish) = wanted.pop() {
        let (name, version) = wish.split_once(' ').unwrap_or((&wish, ""));
        let same = |p: &&&str| {
            field(p, "name") == name && (version.is_empty() || field(p, "version") == version)
        };
        let package = *packages.iter().find(same).ok_or(format!("Cargo.lock has no {wish}"))?;
        if kept.insert((field(package, "name"), field(package, "version"), package)) {
            wanted.extend(needs(package));
        }
    }
    let packages: Vec<_> = kept.into_iter().map(|(_, _, package)| package.trim_end()).collect();
    let version = lock.lines().find(|line| line.starts_with("version = ")).unwrap_or_default();
    Ok(format!("{version}\n\n{}\n", packages.join("\n\n")))
}
