//! Tests of the whole command: against an emulator of AWS (moto, where ENLIST_MOTO names its `moto_server`) and against a server of
//! Enlist's (the real one, where ENLIST_BINARY names it, else a stand-in). Nothing beyond loopback.

mod attach;
mod backfill;
mod begins;
mod check;
mod detach;
mod ends;
mod enlist;
mod http;
mod interrupted;
mod model;
mod moto;
mod pages;
mod rights;
mod stops;
mod tool;
mod walls;
