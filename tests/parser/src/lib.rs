//! Tests of what reads documents: what the fuzz targets have in common.

#[path = "../../../spec-min/tests/oracle/judge.rs"]
pub mod judge;
pub mod target;
