//! The trigger as Lambda runs it: the real program behind a Runtime API, before a server that does what a test says.

mod app;
mod deliveries;
mod echo;
mod keys;
mod outcomes;
mod questions;
mod retries;
mod settings;
mod tls;
mod walls;
mod written;
