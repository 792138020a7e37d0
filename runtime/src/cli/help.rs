//! Help and version, made from the rows. The shape is that of runc's own help, which scripts search
//! for option names.

use super::flags::{Flag, GLOBAL};
use super::rows::{VERBS, Verb};
use crate::SPEC_VERSION;

/// The help of one verb, or of the program.
pub fn text(program: &str, verb: Option<&Verb>) -> String {
    let mut text = String::from("NAME:\n   ");
    match verb {
        Some(verb) => {
            for part in [program, " ", verb.name, " - ", verb.help, "\n\nUSAGE:\n   "] {
                text.push_str(part);
            }
            for part in [
                program,
                " ",
                verb.name,
                " [command options] ",
                verb.arguments,
            ] {
                text.push_str(part);
            }
            text.push_str("\n\nOPTIONS:\n");
            let help = GLOBAL.iter().filter(|flag| flag.long == "help");
            let shown = verb.flags.iter().filter(|flag| !flag.hidden);
            rows(&mut text, shown.chain(help).map(option));
        }
        None => {
            for part in [
                program,
                " - run containers by the Open Container Initiative's specification",
            ] {
                text.push_str(part);
            }
            for part in [
                "\n\nUSAGE:\n   ",
                program,
                " [global options] command [command options]",
            ] {
                text.push_str(part);
            }
            text.push_str(" [arguments...]\n\nVERSION:\n   ");
            text.push_str(env!("CARGO_PKG_VERSION"));
            text.push_str("\n\nCOMMANDS:\n");
            let verbs = VERBS.iter().map(|verb| (verb.name.to_string(), verb.help));
            rows(
                &mut text,
                verbs.chain([("help".to_string(), "show this, or the help of one command")]),
            );
            text.push_str("\nGLOBAL OPTIONS:\n");
            rows(
                &mut text,
                GLOBAL.iter().filter(|flag| !flag.hidden).map(option),
            );
        }
    }
    text
}

/// Left and right column of an option.
fn option(flag: &Flag) -> (String, &'static str) {
    let mut left = String::from("--");
    left.push_str(flag.long);
    let value = flag
        .value
        .map(|value| [" ", value].concat())
        .unwrap_or_default();
    left.push_str(&value);
    if let Some(letter) = flag.short {
        left.push_str(", -");
        left.push(letter);
        left.push_str(&value);
    }
    if flag.repeat {
        left.push_str(" ...");
    }
    (left, flag.help)
}

fn rows(text: &mut String, rows: impl Iterator<Item = (String, &'static str)>) {
    let rows: Vec<_> = rows.collect();
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    for (left, right) in rows {
        text.push_str("   ");
        text.push_str(&left);
        text.extend(std::iter::repeat_n(' ', width - left.len() + 2));
        text.push_str(right);
        text.push('\n');
    }
}

/// The lines that engines read: program, commit if the build knew it, specification.
pub fn version() -> String {
    let commit = option_env!("MOTE_COMMIT").map(|commit| ["commit: ", commit, "\n"].concat());
    let commit = commit.unwrap_or_default();
    [
        "mote version ",
        env!("CARGO_PKG_VERSION"),
        "\n",
        &commit,
        "spec: ",
        SPEC_VERSION,
        "\n",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_help() {
        let all = text("mote", None);
        assert!(all.lines().all(|line| line.len() < 110), "{all}");
        for verb in VERBS {
            assert!(
                all.contains(&format!("\n   {}  ", verb.name)),
                "{}",
                verb.name
            );
            let own = text("mote", Some(verb));
            for flag in verb.flags.iter().filter(|flag| !flag.hidden) {
                assert!(
                    own.contains(&format!("   --{}", flag.long)),
                    "{} {}",
                    verb.name,
                    flag.long
                );
            }
        }
        assert!(all.contains("--systemd-cgroup ") && !all.contains("--criu"));
    }

    #[test]
    fn version_has_the_lines_that_engines_parse() {
        let version = version();
        let mut lines = version.lines();
        assert!(
            lines
                .next()
                .is_some_and(|line| line.starts_with("mote version "))
        );
        assert_eq!(lines.next_back(), Some("spec: 1.3.0"));
    }
}
