//! The text of the file.

use crate::support::{Row, Support};
use spec_min::OTHER_SYSTEMS;
use std::fmt::Write;

/// A chapter: its title, and the beginning of the properties that are in it. A property is in the first one that fits.
const CHAPTERS: &[(&str, &str)] = &[
    ("linux.seccomp", "linux.seccomp."),
    ("linux.resources", "linux.resources."),
    ("linux", "linux."),
    ("process", "process."),
    ("mounts", "mounts[]."),
    ("hooks", "hooks."),
    ("The document itself", ""),
];

const HEAD: &str = "\
# Properties of config.json

<!-- Made by `cargo ci properties` from the code; what is changed here by hand is lost. -->

Every property that the OCI runtime specification 1.0.0 to 1.3.x has for Linux, and what mote does with it. `[]` stands for
each element of a list, `{}` for each member of an object with any keys. Properties that it doesn't have
are skipped, as it demands.

- *honoured*: it decides what is made, or what is refused.
- *refused*: a document that asks for it is refused by its name, before anything is made; `null`, or a value that asks for
  nothing, is accepted.
- *ignored*: accepted without effect, for the reason given.
- *skipped*: it is for another system.

";

/// The whole file.
pub fn text(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    let count =
        |wanted: fn(&Support) -> bool| rows.iter().filter(|row| wanted(&row.support)).count();
    let _ = writeln!(
        text,
        "{} properties: {} honoured, {} refused, {} ignored. Skipped, with all that is in them: {}.",
        rows.len(),
        count(|support| matches!(support, Support::Honoured(_))),
        count(|support| matches!(support, Support::Refused(_))),
        count(|support| matches!(support, Support::Ignored(_))),
        OTHER_SYSTEMS
            .iter()
            .map(|path| format!("`{path}`"))
            .collect::<Vec<_>>()
            .join(", "),
    );
    for (title, start) in CHAPTERS.iter().rev() {
        let chapter = |row: &&Row| {
            CHAPTERS
                .iter()
                .find(|(_, start)| row.path.starts_with(start))
                .map(|(_, of)| of)
                == Some(start)
        };
        let _ = write!(
            text,
            "\n## {title}\n\n| property | type | support |\n|---|---|---|\n"
        );
        for row in rows.iter().filter(chapter) {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} |",
                row.path,
                row.kind,
                support(&row.support)
            );
        }
    }
    text
}

fn support(support: &Support) -> String {
    match support {
        Support::Honoured("") => "honoured".to_owned(),
        Support::Honoured(note) => format!("honoured: {note}"),
        Support::Refused(why) => format!("refused: {}", why.trim_end_matches("; leave it out")),
        Support::Ignored(why) => format!("ignored: {why}"),
    }
}
