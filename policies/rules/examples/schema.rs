//! Prints the JSON Schema of the settings, made of the types:
//!
//!     cargo run -p enlist-rules --example schema > schema.json && mv schema.json policies/rules/src/schema.json

fn main() {
    println!("{}", enlist_rules::schema());
}
