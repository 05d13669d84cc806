//! One integration binary: the real server over real sockets, SQLite on disk and folders on a file system.
//! Refuses mocks, the network beyond loopback, and tests that pass because they were skipped.

mod account_acts;
mod account_commands;
mod accounts;
mod app;
mod clients;
mod commands;
mod configuration;
mod crash;
mod decisions;
mod disk;
mod durability;
mod fairness;
mod first_start;
mod homes;
mod identity;
mod keys;
mod making;
mod metrics;
mod names;
mod openapi;
mod policies;
mod policy_author;
mod policy_endings;
mod precis;
mod provision_user;
mod quotas;
mod record;
mod remote;
mod revisions;
mod sandbox;
mod service;
mod tenants;
mod tls;
mod upkeep;
mod walls;
