//! Enlist: decides by a tenant's own sandboxed rules whether a person may have an account, then makes it, once.
//! This file names the rooms; `app` joins them. ARCHITECTURE.md has the plan.

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod downstream;
pub mod homes;
pub mod http;
pub mod kill_point;
pub mod lanes;
pub mod ledger;
pub mod manage;
pub mod meters;
pub mod probation;
pub mod provision;
pub mod sandbox;
pub mod upkeep;
pub mod wire;
