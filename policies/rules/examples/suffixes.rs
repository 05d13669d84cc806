//! Makes `src/suffixes.bin` of the Public Suffix List, one rule a line on standard input, comments allowed:
//!
//!     cargo run -p enlist-rules --example suffixes < public_suffix_list.dat > policies/rules/src/suffixes.bin

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{Read, Write, stdin, stdout};

fn main() -> Result<(), Box<dyn Error>> {
    let mut list = String::new();
    stdin().read_to_string(&mut list)?;
    let rules = list.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("//"));
    let mut prints = BTreeSet::new();
    for rule in rules.map(str::trim) {
        let (mark, domain) = rule.split_at(rule.len() - rule.trim_start_matches(['!', '*']).len());
        let labels = idna::domain_to_ascii(domain.trim_start_matches('.'))
            .map_err(|error| format!("{rule}: {error}"))?;
        let dot = if mark == "*" { "." } else { "" };
        prints.insert(enlist_rules::fingerprint(&format!("{mark}{dot}{labels}")));
    }
    let bytes: Vec<u8> = prints.into_iter().flat_map(u32::to_be_bytes).collect();
    stdout().write_all(&bytes)?;
    Ok(())
}
