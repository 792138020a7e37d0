//! What the verbs do, a file each, named by the rows of [`crate::cli::rows`].

pub mod check;
pub mod create;
pub mod delete;
pub mod events;
pub mod exec;
pub mod features;
pub mod init;
pub mod kill;
pub mod list;
pub mod pause;
pub mod ps;
pub mod resume;
pub mod run;
pub mod seccomp;
pub mod spec;
pub mod start;
pub mod state;
pub mod update;
pub mod wait;
