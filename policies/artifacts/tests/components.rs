//! What every component that travels inside the binary must be: of the policy's world, without a function imported, and silent
//! about the machine it was built on.

use std::error::Error;

use wit_component::DecodedWasm;
use wit_parser::WorldItem;

const BUILT_IN: [(&str, &[u8]); 1] = [("localpart", enlist_artifacts::LOCALPART)];

const EXPORTS: [&str; 5] = ["settings", "admission", "username", "quota", "notes"];

#[test]
fn it_exports_the_policy_world_and_imports_no_function() -> Result<(), Box<dyn Error>> {
    for (name, component) in BUILT_IN {
        let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
            panic!("{name} is a package, not a component");
        };
        let world = &resolve.worlds[world];
        let exports: Vec<String> =
            world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
        assert_eq!(exports, EXPORTS.map(|of| format!("enlist:policy/{of}@1.0.0")), "{name}");
        for import in world.imports.values() {
            let WorldItem::Interface { id, .. } = import else {
                panic!("{name} imports more than an instance");
            };
            assert!(resolve.interfaces[*id].functions.is_empty(), "{name} imports a function");
        }
    }
    Ok(())
}

#[test]
fn it_names_no_folder_of_the_machine_that_built_it() {
    let workspace = env!("CARGO_MANIFEST_DIR").trim_end_matches("/policies/artifacts").to_owned();
    let home = std::env::home_dir().map(|home| home.join(".cargo").to_string_lossy().into_owned());
    for folder in [Some(workspace), home].into_iter().flatten() {
        for (name, component) in BUILT_IN {
            let told = component.windows(folder.len()).any(|part| part == folder.as_bytes());
            assert!(!told, "{name} names {folder}");
        }
    }
}
