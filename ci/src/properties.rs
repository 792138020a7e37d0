//! `cargo ci properties`: writes the table of config.json's properties. The test that makes it compares otherwise, so that
//! `cargo ci test` fails while the file is stale.

use crate::sh::{self, Result};
use crate::test::stock_cargo;

/// The task.
pub fn run(_: &[String]) -> Result {
    let mut cargo = stock_cargo();
    cargo.args(["test", "--package", "runtime", "--test", "properties"]);
    sh::run(cargo.env("MOTE_WRITE_PROPERTIES", "1"))
}
