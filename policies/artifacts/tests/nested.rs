//! The nested build: whatever the outer build was started with, the guests
//! come out the same, and a missing target is named.
#![cfg(unix)]

use enlist_builder::{Nested, encode, target_dir};
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// What people have in their environment, made as harmful as it can be.
const BROKEN: [(&str, &str); 11] = [
    ("CARGO_TARGET_DIR", "/nowhere"),
    ("CARGO_BUILD_TARGET_DIR", "/nowhere"),
    ("CARGO_BUILD_TARGET", "nonsense"),
    ("RUSTFLAGS", "--cfg broken -Clink-arg=--nonsense"),
    ("CARGO_BUILD_RUSTFLAGS", "-Clink-arg=--nonsense"),
    ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Clink-arg=--nonsense"),
    ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "/bin/false"),
    ("CARGO_ENCODED_RUSTFLAGS", "-Clink-arg=--nonsense"),
    ("RUSTC_WRAPPER", "/bin/false"),
    ("RUSTC_WORKSPACE_WRAPPER", "/bin/false"),
    ("CARGO_PROFILE_GUEST_OPT_LEVEL", "0"),
];

fn nested(changed: &[(&str, &str)]) -> Result<Nested, Box<dyn Error>> {
    let mut environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    environment.retain(|(name, _)| !changed.iter().any(|(other, _)| name == other));
    environment.extend(changed.iter().map(|(name, value)| (name.into(), value.into())));
    Ok(Nested {
        cargo: env!("CARGO").into(),
        rustc: "rustc".into(),
        workspace: Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?,
        target_dir: target_dir(Path::new(env!("CARGO_TARGET_TMPDIR"))),
        locked: true,
        environment,
    })
}

#[test]
fn nothing_of_the_outer_build_reaches_the_guests() -> Result<(), Box<dyn Error>> {
    let built_in = [
        ("localpart", enlist_artifacts::LOCALPART),
        ("precis", enlist_artifacts::PRECIS),
        ("rules", enlist_artifacts::RULES),
    ];
    for (name, component) in built_in {
        let modules = nested(&BROKEN)?.build(&[format!("--package=enlist-{name}")])?;
        let module = fs::read(modules.join(format!("enlist_{name}.wasm")))?;
        assert!(encode(&module)? == component, "{name}: other bytes came out");
    }
    Ok(())
}

#[test]
fn a_missing_target_is_named_with_the_command_that_installs_it() -> Result<(), Box<dyn Error>> {
    // One answers a folder that is not there, the other fails.
    for rustc in ["/bin/echo", "/bin/false"] {
        let without = Nested { rustc: rustc.into(), ..nested(&[])? };
        let told = without.build(&[]).expect_err("no target");
        assert!(told.contains("`rustup target add wasm32-unknown-unknown`"), "{told}");
    }
    Ok(())
}
