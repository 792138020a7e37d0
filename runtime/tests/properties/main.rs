//! The table of properties in `docs/properties.md` is made here, from the code: which properties there are says the reader's
//! own declaration, and what becomes of each says the plan of a document that has it with another value.
//!
//! `cargo ci properties` writes the file; the test fails when it isn't what would be written.

mod document;
mod support;

use std::path::PathBuf;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/properties.md")
}

#[test]
fn the_file_is_current() {
    let text = document::text(&support::rows());
    if std::env::var_os("MOTE_WRITE_PROPERTIES").is_some() {
        std::fs::write(file(), text).expect("docs/properties.md can be written");
        return;
    }
    let found = std::fs::read_to_string(file()).unwrap_or_default();
    let stale = text
        .lines()
        .zip(found.lines())
        .find(|(new, old)| new != old);
    assert!(
        text == found,
        "docs/properties.md is stale; `cargo ci properties` writes it anew: {stale:?}"
    );
}
