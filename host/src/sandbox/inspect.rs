//! Says what a file is: the first thing to know about a component somebody else built.
//! Refuses to run it: everything here is read off the bytes, also off those that would be turned away.

use crate::sandbox::fault::quote;
use crate::sandbox::freeze::Opened;
use crate::sandbox::load::{self, digest_of};
use crate::sandbox::{Engine, MakeError};
use wasmtime::wasmparser::{BinaryReaderError, Parser, Payload};

/// What a component is made of. Lists end where the bytes stop making sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its size.
    pub size_bytes: u64,
    /// The largest that is loaded.
    pub limit_bytes: u64,
    /// `sha256:…` of its bytes.
    pub digest: String,
    /// The contract it was built for, such as `enlist:policy@1.0.0`; none when it exports nothing of one.
    pub world: Option<String>,
    /// Names of what it exports, in the component's order.
    pub exports: Vec<String>,
    /// Names of what it imports, in the component's order.
    pub imports: Vec<String>,
    /// The core modules in it, nested components' included.
    pub core_modules: Vec<CoreModule>,
    /// Why it would be turned away whatever its settings are, if it would be.
    pub turned_away: Option<MakeError>,
}

/// A core module in a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreModule {
    /// Its size.
    pub size_bytes: u64,
    /// Functions it defines.
    pub functions: u32,
    /// Initial size of each memory it defines, in bytes.
    pub memories_bytes: Vec<u64>,
    /// Initial size of each table it defines, in elements.
    pub tables_elements: Vec<u64>,
}

/// Reads `bytes` and tries whether they could be made a policy; they are not run. Nearly as slow as `make`.
pub fn inspect(engine: &Engine, bytes: &[u8]) -> Inspection {
    let mut inspection = Inspection {
        size_bytes: bytes.len() as u64,
        limit_bytes: engine.limits().component_bytes,
        digest: digest_of(bytes),
        world: None,
        exports: Vec::new(),
        imports: Vec::new(),
        core_modules: Vec::new(),
        turned_away: turned_away(engine, bytes).err(),
    };
    // What cannot be read further is what `turned_away` speaks of.
    let _ = inspection.read(bytes);
    inspection.world = inspection.exports.iter().find_map(|name| world(name));
    inspection
}

fn turned_away(engine: &Engine, bytes: &[u8]) -> Result<(), MakeError> {
    load::check(engine.limits(), bytes)?;
    load::on_a_deep_stack(|| Opened::new(engine.limits(), bytes).map(|_| ()))
}

/// `enlist:policy/quota@1.0.0` belongs to `enlist:policy@1.0.0`.
fn world(export: &str) -> Option<String> {
    let (_, version) = export.strip_prefix("enlist:policy/")?.split_once('@')?;
    Some(format!("enlist:policy@{version}"))
}

impl Inspection {
    fn read(&mut self, bytes: &[u8]) -> Result<(), BinaryReaderError> {
        // What encloses the section that is being read: modules and components, the outermost first.
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { unchecked_range, .. } => {
                    depth += 1;
                    let size_bytes = unchecked_range.len() as u64;
                    self.core_modules.push(CoreModule { size_bytes, ..CoreModule::default() });
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        self.imports.push(quote(import?.name.name));
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        self.exports.push(quote(export?.name.name));
                    }
                }
                payload => {
                    if let Some(module) = self.core_modules.last_mut() {
                        module.read(payload)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl CoreModule {
    fn read(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::FunctionSection(section) => self.functions = section.count(),
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    let page_bytes =
                        1_u64.checked_shl(memory.page_size_log2.unwrap_or(16)).unwrap_or(u64::MAX);
                    self.memories_bytes.push(memory.initial.saturating_mul(page_bytes));
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables_elements.push(table?.ty.initial);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
