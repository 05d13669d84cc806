//! What every component of this crate must be: of the policy's world, without a function imported, and silent about the machine it
//! was built on. The two that are hostile just in not being so are the exception.

use std::error::Error;

use wit_component::DecodedWasm;
use wit_parser::WorldItem;

const EXPORTS: [&str; 5] = ["settings", "admission", "username", "quota", "notes"];

/// Those that must be turned away for their world.
const OF_ANOTHER_WORLD: [&str; 2] = ["imports_something", "missing_export"];

fn components() -> Vec<(&'static str, &'static [u8])> {
    #[cfg_attr(not(feature = "hostile"), expect(unused_mut, reason = "grows with the feature"))]
    let mut components = vec![
        ("localpart", enlist_artifacts::LOCALPART),
        ("precis", enlist_artifacts::PRECIS),
        ("rules", enlist_artifacts::RULES),
    ];
    #[cfg(feature = "hostile")]
    components.extend(enlist_artifacts::honest::ALL.iter().chain(enlist_artifacts::hostile::ALL));
    components
}

/// What a component lacks or has too much to be a policy.
fn strange(component: &[u8]) -> Result<Vec<String>, Box<dyn Error>> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        return Err("a package, not a component".into());
    };
    let world = &resolve.worlds[world];
    let exported = |of: &&str| {
        let wanted = format!("enlist:policy/{of}@1.0.0");
        world.exports.keys().any(|key| resolve.name_world_key(key) == wanted)
    };
    let mut strange: Vec<String> =
        EXPORTS.iter().filter(|of| !exported(of)).map(|of| format!("no {of}")).collect();
    for (key, import) in &world.imports {
        let harmless = match import {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].functions.is_empty(),
            WorldItem::Function(_) | WorldItem::Type { .. } => false,
        };
        if !harmless {
            strange.push(format!("imports {}", resolve.name_world_key(key)));
        }
    }
    Ok(strange)
}

#[test]
fn it_exports_the_policy_world_and_imports_no_function() -> Result<(), Box<dyn Error>> {
    for (name, component) in components() {
        let strange = strange(component).map_err(|error| format!("{name}: {error}"))?;
        assert_eq!(!strange.is_empty(), OF_ANOTHER_WORLD.contains(&name), "{name}: {strange:?}");
    }
    Ok(())
}

#[test]
fn it_names_no_folder_of_the_machine_that_built_it() {
    let workspace = env!("CARGO_MANIFEST_DIR").trim_end_matches("/policies/artifacts").to_owned();
    let home = std::env::home_dir().map(|home| home.join(".cargo").to_string_lossy().into_owned());
    for folder in [Some(workspace), home].into_iter().flatten() {
        for (name, component) in components() {
            let told = component.windows(folder.len()).any(|part| part == folder.as_bytes());
            assert!(!told, "{name} names {folder}");
        }
    }
}
