//! Help and version, made from the rows. The shape is that of runc's own help, which scripts search
//! for option names.

use super::flags::{Flag, Flags, GLOBAL, HELP, NONE};
use super::rows::{VERBS, Verb};
use crate::SPEC_VERSION;
use crate::text::{fill, unpacked};
use init::packed::Packed;

/// The help of one verb, or of the program.
pub fn text(program: &str, verb: Option<&Verb>) -> String {
    let Some(verb) = verb else {
        let mut commands = Vec::new();
        for verb in VERBS {
            commands.push((verb.name.to_string(), verb.help));
        }
        commands.push((
            "help".to_string(),
            packed!("show this, or the help of one command"),
        ));
        return fill(
            &unpacked(packed!(
                "NAME:\n   {} - run containers by the Open Container Initiative's specification\n\n\
             USAGE:\n   {} [global options] command [command options] [arguments...]\n\n\
             VERSION:\n   {}\n\nCOMMANDS:\n{}\nGLOBAL OPTIONS:\n{}"
            )),
            &[
                program,
                program,
                env!("CARGO_PKG_VERSION"),
                &columns(&commands),
                &options(GLOBAL, NONE),
            ],
        );
    };
    fill(
        &unpacked(packed!(
            "NAME:\n   {} {} - {}\n\nUSAGE:\n   {} {} [command options] {}\n\nOPTIONS:\n{}"
        )),
        &[
            program,
            verb.name,
            &unpacked(verb.help),
            program,
            verb.name,
            verb.arguments,
            &options(verb.flags, HELP),
        ],
    )
}

fn options(flags: Flags, more: Flags) -> String {
    let mut rows = Vec::new();
    for (flag, help) in flags.with_help().chain(more.with_help()) {
        if !help.is_empty() {
            rows.push((option(flag), help));
        }
    }
    columns(&rows)
}

/// Left column of an option.
fn option(flag: Flag) -> String {
    let (blank, value) = if flag.takes_value() {
        (" ", flag.value())
    } else {
        ("", "")
    };
    let letter = if flag.short().is_empty() {
        String::new()
    } else {
        fill(", -{}{}{}", &[flag.short(), blank, value])
    };
    let more = if flag.repeated() { " ..." } else { "" };
    fill("--{}{}{}{}{}", &[flag.long(), blank, value, &letter, more])
}

fn columns(rows: &[(String, Packed)]) -> String {
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (left, right) in rows {
        let start = text.len();
        text.push_str("   ");
        text.push_str(left);
        while text.len() < start + width + 5 {
            text.push(' ');
        }
        text.push_str(&unpacked(*right));
        text.push('\n');
    }
    text
}

/// The lines that engines read: program, commit if the build knew it, specification.
pub fn version() -> String {
    let commit = option_env!("MOTE_COMMIT").map(|commit| fill("commit: {}\n", &[commit]));
    let commit = commit.unwrap_or_default();
    fill(
        "mote version {}\n{}spec: {}\n",
        &[env!("CARGO_PKG_VERSION"), &commit, SPEC_VERSION],
    )
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
            let shown = verb.flags.with_help().filter(|(_, help)| !help.is_empty());
            for (flag, _) in shown {
                assert!(
                    own.contains(&format!("   --{}", flag.long())),
                    "{} {}",
                    verb.name,
                    flag.long()
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
