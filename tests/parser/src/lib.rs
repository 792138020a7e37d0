//! Tests of what reads documents: what the fuzz targets, the tests and the benchmark have in common.

#[path = "../../../spec-min/tests/oracle/judge.rs"]
pub mod judge;

pub mod large;
pub mod owned;
pub mod target;
