//! Help and version, made from the rows. The shape is that of runc's own help, which scripts search
//! for option names.

use super::flags::{Flag, Flags, GLOBAL, HELP, NONE};
use super::rows::{VERBS, Verb};
use crate::SPEC_VERSION;

/// The help of one verb, or of the program.
pub fn text(program: &str, verb: Option<&Verb>) -> String {
    let Some(verb) = verb else {
        let mut commands: Vec<_> = VERBS
            .iter()
            .map(|verb| (verb.name.to_string(), verb.help))
            .collect();
        commands.push(("help".to_string(), "show this, or the help of one command"));
        let pieces = [
            "NAME:\n   ",
            program,
            " - run containers by the Open Container Initiative's specification\n\nUSAGE:\n   ",
            program,
            " [global options] command [command options] [arguments...]\n\nVERSION:\n   ",
            env!("CARGO_PKG_VERSION"),
            "\n\nCOMMANDS:\n",
            &columns(&commands),
            "\nGLOBAL OPTIONS:\n",
            &options(GLOBAL, NONE),
        ];
        return pieces.concat();
    };
    let pieces = [
        "NAME:\n   ",
        program,
        " ",
        verb.name,
        " - ",
        verb.help,
        "\n\nUSAGE:\n   ",
        program,
        " ",
        verb.name,
        " [command options] ",
        verb.arguments,
        "\n\nOPTIONS:\n",
        &options(verb.flags, HELP),
    ];
    pieces.concat()
}

fn options(flags: Flags, more: Flags) -> String {
    let mut rows = Vec::new();
    for flag in flags.into_iter().chain(more) {
        if !flag.help().is_empty() {
            rows.push((option(flag), flag.help()));
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
    let comma = if flag.short().is_empty() {
        ["", "", "", ""]
    } else {
        [", -", flag.short(), blank, value]
    };
    let more = if flag.repeated() { " ..." } else { "" };
    ["--", flag.long(), blank, value, &comma.concat(), more].concat()
}

fn columns(rows: &[(String, &str)]) -> String {
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (left, right) in rows {
        let start = text.len();
        text.push_str("   ");
        text.push_str(left);
        while text.len() < start + width + 5 {
            text.push(' ');
        }
        text.push_str(right);
        text.push('\n');
    }
    text
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
            for flag in verb
                .flags
                .into_iter()
                .filter(|flag| !flag.help().is_empty())
            {
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
