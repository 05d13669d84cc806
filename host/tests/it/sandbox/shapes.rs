//! Components that are small to send and costly to read, to multiply out or to compile: turned away before any of it, and never
//! the end of the process.

use super::{engine, fuel_decides};
use enlist::domain::HostCode;
use enlist::sandbox::{MakeError, freeze};

fn turned_away(component: &[u8]) -> MakeError {
    freeze(&engine(&fuel_decides()), component, "{}").expect_err("nobody exports the contract here")
}

fn is_too_costly(error: &MakeError) -> bool {
    matches!(error, MakeError::TurnedAway { code: HostCode::ComponentTooCostly, .. })
}

/// A component around this core module.
fn around(module: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {module}))")).expect("a component")
}

/// At the limit it is something else that is wrong with the component, past it the cost.
fn is_limited(what: &str, limit: usize, component: impl Fn(usize) -> Vec<u8>) {
    let within = turned_away(&component(limit));
    assert!(!is_too_costly(&within), "{what}: {within}");
    let past = turned_away(&component(limit + 1));
    assert!(is_too_costly(&past) && past.to_string().contains(what), "{what}: {past}");
}

#[test]
fn what_a_module_is_made_of_is_limited() {
    is_limited("parameters and results", 64, |n| {
        around(&format!("(func (param {}))", "i32 ".repeat(n)))
    });
    is_limited("locals of one function", 2000, |n| {
        around(&format!("(func (local {}))", "i32 ".repeat(n)))
    });
    is_limited("functions", 20_000, |n| around(&"(func)".repeat(n)));
    is_limited("types", 10_000, |n| around(&"(type (func))".repeat(n)));
    is_limited("globals", 1000, |n| around(&"(global i32 (i32.const 0))".repeat(n)));
    is_limited("data and element segments", 1024, |n| {
        around(&format!("(memory 1){}", "(data \"\")".repeat(n)))
    });
    is_limited("table elements", 20_000, |n| {
        around(&format!("(table 1 funcref) (func $f) (elem func {})", "$f ".repeat(n)))
    });
    // A constant ends with an operator of its own, and each addition needs two.
    is_limited("operators of one constant", 7, |n| {
        let sum = "(i32.add (i32.const 1) ".repeat(n) + "(i32.const 1)" + &")".repeat(n);
        around(&format!("(global i32 {sum})"))
    });
}

#[test]
fn what_a_function_is_made_of_is_limited() {
    is_limited("blocks inside each other", 1000, |n| {
        around(&format!("(func {}{})", "(block ".repeat(n), ")".repeat(n)))
    });
    // One byte for the locals and one for the end of the function.
    is_limited("bytes of one function", (128 << 10) - 2, |n| {
        around(&format!("(func {})", "nop ".repeat(n)))
    });
    is_limited("locals times loops", 300, |n| {
        around(&format!("(func (local {}) {})", "i32 ".repeat(1000), "(loop)".repeat(n)))
    });
    is_limited("squares of nested blocks", 10, |n| {
        around(&format!("(func {}{})", "(block ".repeat(1000), ")".repeat(1000)).repeat(n))
    });
    is_limited("locals", 500, |n| {
        around(&format!("(func (local {}))", "i32 ".repeat(2000)).repeat(n))
    });
}

#[test]
fn what_a_component_is_made_of_is_limited() {
    let component =
        |content: String| wat::parse_str(format!("(component {content})")).expect("a component");
    is_limited("core modules", 16, |n| component("(core module)".repeat(n)));
    is_limited("components", 64, |n| component("(component)".repeat(n)));
    is_limited("components inside each other", 4, |n| {
        component("(component ".repeat(n) + &")".repeat(n))
    });
    is_limited("instances", 64, |n| {
        component(format!("(component $c){}", "(instance (instantiate $c))".repeat(n)))
    });
    let inner = "(component (component $c) (instance (instantiate $c)))".to_owned();
    let multiplies = turned_away(&component(inner));
    assert!(is_too_costly(&multiplies), "{multiplies}");
}

/// A component of one type inside another, `levels` deep: three bytes a level.
fn nested_types(levels: usize) -> Vec<u8> {
    let leb = |mut n: usize| {
        let mut bytes = Vec::new();
        while n > 0x7f {
            bytes.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        bytes
    };
    const COMPONENT_TYPE_OF_ONE_TYPE: [u8; 3] = [0x41, 0x01, 0x01];
    const EMPTY_COMPONENT_TYPE: [u8; 2] = [0x41, 0x00];
    const TYPE_SECTION: u8 = 7;
    let mut types = vec![1];
    types.extend(COMPONENT_TYPE_OF_ONE_TYPE.repeat(levels));
    types.extend(EMPTY_COMPONENT_TYPE);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    component.push(TYPE_SECTION);
    component.extend(leb(types.len()));
    component.extend(types);
    component
}

#[test]
fn types_inside_types_do_not_overflow_the_hosts_stack() {
    for levels in [90, 1000, 5000] {
        let error = turned_away(&nested_types(levels));
        assert!(!is_too_costly(&error), "{levels}: {error}");
    }
    for levels in [6000, 200_000] {
        assert!(is_too_costly(&turned_away(&nested_types(levels))), "{levels}");
    }
}
