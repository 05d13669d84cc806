//! From a misdeed in the text format to a component. The file holds its misdeed alone; whatever else the world asks for is taken
//! from the honest module beside it, which also says what the canonical ABI is.

use enlist_builder::encode;
use std::error::Error;
use std::fs;
use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve};

/// What the components are completed with.
pub(crate) struct WatGuests {
    honest: String,
    resolve: Resolve,
    contract: PackageId,
}

impl WatGuests {
    /// Reads the contract at `wit`, and in `source` the honest module and the worlds that are nearly a policy's.
    pub(crate) fn new(wit: &Path, source: &Path) -> Result<Self, Box<dyn Error>> {
        let mut resolve = Resolve::default();
        let (contract, _) = resolve.push_dir(wit)?;
        resolve.push_file(source.join("worlds.wit"))?;
        let honest = fs::read_to_string(source.join("honest/empty.wat"))?;
        Ok(Self { honest, resolve, contract })
    }

    /// The component of one file. Two lines of its comment may ask for something unusual: `;; world: ID` for another world,
    /// `;; instances: N` for so many instances more.
    pub(crate) fn component(&self, file: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
        let misdeed = fs::read_to_string(file)?;
        let asks = |what: &str| misdeed.lines().find_map(|line| line.strip_prefix(what));
        let world = asks(";; world: ").unwrap_or("enlist:policy/policy");
        let world = self.resolve.select_world(&[self.contract], Some(world))?;

        let mut module = wat::parse_str(self.completed(&misdeed))?;
        embed_component_metadata(&mut module, &self.resolve, world, StringEncoding::UTF8)?;
        let mut component = encode(&module)?;
        if let Some(instances) = asks(";; instances: ") {
            append_instances(&mut component, instances.parse()?)?;
        }
        Ok(component)
    }

    /// A module of the misdeed and of every honest paragraph whose export the misdeed has not.
    fn completed(&self, misdeed: &str) -> String {
        let lacks = |paragraph: &&str| {
            let rest = paragraph.split_once("(export ").map(|(_, rest)| rest);
            let name = rest.and_then(|rest| rest.split_once(')')).map(|(name, _)| name);
            name.is_some_and(|name| !misdeed.contains(&format!("(export {name})")))
        };
        let honest: Vec<&str> = self.honest.split("\n\n").filter(lacks).collect();
        format!("(module\n{misdeed}\n{}\n)", honest.join("\n"))
    }
}

/// Adds modules with a memory of one MiB and an instance of each: sections that no encoder would write, since nothing uses them.
/// The component's own module has index 0.
fn append_instances(component: &mut Vec<u8>, instances: u8) -> Result<(), Box<dyn Error>> {
    const CORE_MODULE: u8 = 1;
    const CORE_INSTANCES: u8 = 2;
    const WITHOUT_ARGUMENTS: u8 = 0;
    let module = wat::parse_str("(module (memory 16))")?;
    let mut section = vec![instances];
    for index in 1..=instances {
        component.extend([CORE_MODULE, u8::try_from(module.len())?]);
        component.extend(&module);
        section.extend([0, index, WITHOUT_ARGUMENTS]);
    }
    // One byte of a length holds seven bits; two are enough here.
    let length = section.len();
    component.extend([CORE_INSTANCES, (length & 0x7f) as u8 | 0x80, u8::try_from(length >> 7)?]);
    component.extend(section);
    Ok(())
}
