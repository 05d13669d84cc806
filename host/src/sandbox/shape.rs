//! What a component may be made of, looked at before anything recurses into it, multiplies it out or compiles it.
//! Refuses to judge whether it is valid or keeps the contract: it only counts, in one pass whose cost is that of reading.

use crate::sandbox::fault::quote;
use crate::sandbox::load::LoadError;
use wasmtime::wasmparser::{
    BinaryReaderError, CompositeInnerType, ConstExpr, DataKind, ElementItems, ElementKind,
    FunctionBody, Operator, Parser, Payload,
};

/// Bytes of one section of component types: three bytes can open one more level, and readers recurse.
const TYPE_SECTION_BYTES: u64 = 16 << 10;
/// Bytes of one function: straight-line code is not looked at by any clock.
const BODY_BYTES: u64 = 128 << 10;
/// Parameters and results of a function together.
const SIGNATURE: u64 = 64;
/// Open blocks in a function, and the sum of their squares: what register allocation of nested loops costs.
const NESTING: u64 = 1000;
const NESTING_SQUARED: u64 = 10_000_000;
/// Locals of a function times its loops, added up: each of the one may have to be carried around each of the other.
const LOCALS_IN_LOOPS: u64 = 300_000;
const LOCALS: u64 = 2000;
const LOCALS_TOTAL: u64 = 1_000_000;
const FUNCTIONS: u64 = 20_000;
const TYPES: u64 = 10_000;
const GLOBALS: u64 = 1000;
const SEGMENTS: u64 = 1024;
const ELEMENTS: u64 = 20_000;
const CONST_OPERATORS: u64 = 16;
const MODULES: u64 = 16;
const COMPONENTS: u64 = 64;
const NESTED_COMPONENTS: u64 = 4;
const INSTANCES: u64 = 64;
const COMPONENT_ITEMS: u64 = 10_000;

/// What has been counted, over the whole component.
#[derive(Default)]
struct Shape {
    /// Components that enclose what is read, this one not counted; modules enclose nothing that matters here.
    depth: u64,
    in_module: bool,
    modules: u64,
    components: u64,
    instances: u64,
    items: u64,
    types: u64,
    functions: u64,
    globals: u64,
    segments: u64,
    elements: u64,
    locals: u64,
    nesting_squared: u64,
    locals_in_loops: u64,
}

/// Turns away what would cost too much to validate, multiply out or compile.
pub(super) fn check(bytes: &[u8]) -> Result<(), LoadError> {
    let mut shape = Shape::default();
    // The parser keeps its own stack and reads no item of a section: nesting is no danger to it.
    for payload in Parser::new(0).parse_all(bytes) {
        shape.look_at(&payload.map_err(invalid)?)?;
    }
    Ok(())
}

fn invalid(error: BinaryReaderError) -> LoadError {
    LoadError::Invalid(quote(error))
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), LoadError> {
    if found > limit { Err(LoadError::TooCostly { what, found, limit }) } else { Ok(()) }
}

/// Adds to a count that has a limit.
fn count(sum: &mut u64, more: u64, what: &'static str, limit: u64) -> Result<(), LoadError> {
    *sum = sum.saturating_add(more);
    at_most(what, *sum, limit)
}

impl Shape {
    fn look_at(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::ModuleSection { .. } => {
                self.in_module = true;
                count(&mut self.modules, 1, "core modules", MODULES)
            }
            Payload::ComponentSection { .. } => {
                self.depth += 1;
                at_most("components inside each other", self.depth, NESTED_COMPONENTS)?;
                count(&mut self.components, 1, "components", COMPONENTS)
            }
            Payload::End(_) if self.in_module => {
                self.in_module = false;
                Ok(())
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::InstanceSection(section) => self.instances(section.count()),
            Payload::ComponentInstanceSection(section) => {
                // Components that instantiate each other multiply: twenty-eight of them made gigabytes of 561 bytes.
                at_most("instances made inside an inner component", self.depth.min(1), 0)?;
                self.instances(section.count())
            }
            Payload::ComponentTypeSection(section) => self.type_section(section.range().len()),
            Payload::CoreTypeSection(section) => self.type_section(section.range().len()),
            Payload::ComponentCanonicalSection(section) => self.items(section.count()),
            Payload::ComponentAliasSection(section) => self.items(section.count()),
            Payload::ComponentImportSection(section) => self.items(section.count()),
            Payload::ComponentExportSection(section) => self.items(section.count()),
            payload => self.look_into_module(payload),
        }
    }

    fn look_into_module(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::TypeSection(section) => {
                count(&mut self.types, section.count().into(), "types", TYPES)?;
                for group in section.clone() {
                    for ty in group.map_err(invalid)?.types() {
                        if let CompositeInnerType::Func(f) = &ty.composite_type.inner {
                            let sides = f.params().len() + f.results().len();
                            at_most("parameters and results", sides as u64, SIGNATURE)?;
                        }
                    }
                }
                Ok(())
            }
            Payload::FunctionSection(section) => {
                count(&mut self.functions, section.count().into(), "functions", FUNCTIONS)
            }
            Payload::GlobalSection(section) => {
                count(&mut self.globals, section.count().into(), "globals", GLOBALS)?;
                for global in section.clone() {
                    constant(&global.map_err(invalid)?.init_expr)?;
                }
                Ok(())
            }
            Payload::DataSection(section) => {
                self.segments(section.count())?;
                for data in section.clone() {
                    if let DataKind::Active { offset_expr, .. } = data.map_err(invalid)?.kind {
                        constant(&offset_expr)?;
                    }
                }
                Ok(())
            }
            Payload::ElementSection(section) => {
                self.segments(section.count())?;
                for element in section.clone() {
                    let element = element.map_err(invalid)?;
                    if let ElementKind::Active { offset_expr, .. } = &element.kind {
                        constant(offset_expr)?;
                    }
                    self.elements(&element.items)?;
                }
                Ok(())
            }
            Payload::CodeSectionEntry(body) => self.body(body),
            _ => Ok(()),
        }
    }

    fn instances(&mut self, more: u32) -> Result<(), LoadError> {
        count(&mut self.instances, more.into(), "instances", INSTANCES)
    }

    fn items(&mut self, more: u32) -> Result<(), LoadError> {
        let what = "imports, exports, aliases and canonical functions";
        count(&mut self.items, more.into(), what, COMPONENT_ITEMS)
    }

    fn segments(&mut self, more: u32) -> Result<(), LoadError> {
        count(&mut self.segments, more.into(), "data and element segments", SEGMENTS)
    }

    fn type_section(&self, bytes: usize) -> Result<(), LoadError> {
        at_most("bytes of one section of types", bytes as u64, TYPE_SECTION_BYTES)
    }

    fn elements(&mut self, items: &ElementItems<'_>) -> Result<(), LoadError> {
        match items {
            ElementItems::Functions(functions) => {
                count(&mut self.elements, functions.count().into(), "table elements", ELEMENTS)
            }
            ElementItems::Expressions(_, expressions) => {
                count(&mut self.elements, expressions.count().into(), "table elements", ELEMENTS)?;
                for expression in expressions.clone() {
                    constant(&expression.map_err(invalid)?)?;
                }
                Ok(())
            }
        }
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), LoadError> {
        at_most("bytes of one function", body.range().len() as u64, BODY_BYTES)?;
        let mut locals = 0_u64;
        for group in body.get_locals_reader().map_err(invalid)? {
            count(&mut locals, group.map_err(invalid)?.0.into(), "locals of one function", LOCALS)?;
        }
        count(&mut self.locals, locals, "locals", LOCALS_TOTAL)?;
        let (mut open, mut deepest, mut loops) = (0_u64, 0_u64, 0_u64);
        for operator in body.get_operators_reader().map_err(invalid)? {
            let operator = operator.map_err(invalid)?;
            loops += u64::from(matches!(operator, Operator::Loop { .. }));
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    open += 1;
                    deepest = deepest.max(open);
                    at_most("blocks inside each other", deepest, NESTING)?;
                }
                Operator::End => open = open.saturating_sub(1),
                _ => {}
            }
        }
        let carried = locals.saturating_mul(loops);
        count(&mut self.locals_in_loops, carried, "locals times loops", LOCALS_IN_LOOPS)?;
        let squared = deepest * deepest;
        count(&mut self.nesting_squared, squared, "squares of nested blocks", NESTING_SQUARED)
    }
}

/// An initial value or an offset: a few operators, never a program.
fn constant(expression: &ConstExpr<'_>) -> Result<(), LoadError> {
    let mut operators = 0;
    for operator in expression.get_operators_reader() {
        operator.map_err(invalid)?;
        count(&mut operators, 1, "operators of one constant", CONST_OPERATORS)?;
    }
    Ok(())
}
