//! The declarative policy natively: what settings may say, what is wrong with them, and what they come to.

mod admission;
mod mistakes;
mod naming;
mod people;
mod properties;
mod quota;
mod schema;
mod vectors;
mod warnings;
