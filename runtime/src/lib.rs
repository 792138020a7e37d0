//! The runtime: everything that happens outside the container, and the command line that asks for
//! it.
//!
//! A verb is a row in [`cli::rows`] and a file in [`verb`].

#[macro_use(packed)]
extern crate init;

pub mod agent;
pub mod bundle;
pub mod cgroup;
pub mod cli;
pub mod container;
pub mod dbus;
pub mod ending;
pub mod errno;
pub mod error;
pub mod execargs;
pub mod fault;
pub mod files;
pub mod host;
pub mod json;
pub mod launch;
pub mod legacy;
pub mod netdevices;
pub mod notify;
pub mod plan;
pub mod process;
pub mod rdt;
pub mod relay;
pub mod report;
pub mod seal;
pub mod seccomp;
pub mod signals;
pub mod socket;
pub mod stored;
pub mod table;
pub mod tend;
pub mod text;
pub mod trees;
pub mod verb;

/// The version of the OCI runtime specification that mote follows.
pub const SPEC_VERSION: &str = "1.3.0";
