//! The runtime: everything that happens outside the container, and the command line that asks for
//! it.
//!
//! A verb is a row in [`cli::rows`] and a file in [`verb`].

pub mod cgroup;
pub mod tend;
pub mod table;
pub mod stored;
pub mod signals;
pub mod seal;
pub mod launch;
pub mod host;
pub mod fault;
pub mod execargs;
pub mod container;
pub mod bundle;
pub mod cli;
pub mod errno;
pub mod error;
pub mod files;
pub mod json;
pub mod notify;
pub mod plan;
pub mod relay;
pub mod report;
pub mod socket;
pub mod text;
pub mod verb;

/// The version of the OCI runtime specification that mote follows.
pub const SPEC_VERSION: &str = "1.3.0";
