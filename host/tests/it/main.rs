//! One integration binary: the real server over real sockets, SQLite on disk and folders on a file system.
//! Refuses mocks, the network beyond loopback, and tests that pass because they were skipped.

mod app;
mod clients;
mod commands;
mod configuration;
mod crash;
mod decisions;
mod durability;
mod first_start;
mod homes;
mod identity;
mod names;
mod policies;
mod provision_user;
mod sandbox;
mod service;
mod tls;
mod walls;
