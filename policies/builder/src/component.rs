//! From a core module to a component. What is written is validated first; a module that does not keep to its world is an error.

use std::error::Error;

use wit_component::ComponentEncoder;

/// Encodes a module that carries its own component type, as every module made with the SDK does.
pub fn encode(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(module)?;
    Ok(encoder.encode()?)
}
