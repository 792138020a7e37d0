//! Every verb, one row each. Parsing, help and usage errors read these rows and those of the
//! [options](super::flags); the order of the rows is the order in the help.

use super::flags::{self, Flags};
use super::{Code, Global, Options};
use crate::error::Result;
use crate::verb;
use init::packed::Packed;

/// One command.
pub struct Verb {
    /// The word on the command line.
    pub name: &'static str,
    /// The words after it, for the help.
    pub arguments: &'static str,
    /// What it does, in half a sentence.
    pub help: Packed,
    /// Its options, `--help` aside.
    pub flags: Flags,
    /// How many words it takes, and where its options end.
    pub words: Words,
    /// Does it. The number is the process's exit code.
    pub run: fn(&Global, &Options) -> Result<Code>,
    /// The exit code when `run` returns an error.
    pub error_code: u8,
}

/// As many words as there are.
pub const MANY: u8 = u8::MAX;

/// The words of a verb that are not options.
pub struct Words {
    /// At least so many.
    pub min: u8,
    /// At most so many, or [`MANY`].
    pub max: u8,
    /// What stands after the first word.
    pub tail: Tail,
}

/// Where the options of a verb end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Options and words in any order.
    Mixed,
    /// The first word ends the options, so that a command's own options need no `--`.
    Verbatim,
    /// Options and words in any order; a `--` after the first word begins a command.
    Command,
}

const fn exactly(count: u8) -> Words {
    Words {
        min: count,
        max: count,
        tail: Tail::Mixed,
    }
}

/// The verbs.
pub static VERBS: &[Verb] = &[
    Verb {
        name: "create",
        arguments: "<container-id>",
        help: packed!("create a container, ready to start"),
        flags: flags::CREATE,
        words: exactly(1),
        run: verb::create::run,
        error_code: 1,
    },
    Verb {
        name: "start",
        arguments: "<container-id>",
        help: packed!("start the process of a created container"),
        flags: flags::NONE,
        words: exactly(1),
        run: verb::start::run,
        error_code: 1,
    },
    Verb {
        name: "run",
        arguments: "<container-id> [-- <command> [argument...]]",
        help: packed!("create and start a container, and wait for its end"),
        flags: flags::RUN,
        words: Words {
            min: 1,
            max: 1,
            tail: Tail::Command,
        },
        run: verb::run::run,
        error_code: 1,
    },
    Verb {
        name: "state",
        arguments: "<container-id>",
        help: packed!("print a container's state as JSON"),
        flags: flags::NONE,
        words: exactly(1),
        run: verb::state::run,
        error_code: 1,
    },
    Verb {
        name: "wait",
        arguments: "<container-id>",
        help: packed!("wait until a container has ended, and return its exit code"),
        flags: flags::NONE,
        words: exactly(1),
        run: verb::wait::run,
        error_code: 255,
    },
    Verb {
        name: "kill",
        arguments: "<container-id> [signal]",
        help: packed!("send a signal, TERM by default, to a container's init process"),
        flags: flags::KILL,
        words: Words {
            min: 1,
            max: 2,
            tail: Tail::Verbatim,
        },
        run: verb::kill::run,
        error_code: 1,
    },
    Verb {
        name: "delete",
        arguments: "<container-id>",
        help: packed!("remove what is left of a stopped container"),
        flags: flags::DELETE,
        words: exactly(1),
        run: verb::delete::run,
        error_code: 1,
    },
    Verb {
        name: "list",
        arguments: "",
        help: packed!("list the containers"),
        flags: flags::LIST,
        words: exactly(0),
        run: verb::list::run,
        error_code: 1,
    },
    Verb {
        name: "exec",
        arguments: "<container-id> <command> [argument...]",
        help: packed!("run another process in a container"),
        flags: flags::EXEC,
        words: Words {
            min: 1,
            max: MANY,
            tail: Tail::Verbatim,
        },
        run: verb::exec::run,
        error_code: 255,
    },
    Verb {
        name: "ps",
        arguments: "<container-id> [ps options]",
        help: packed!("list a container's processes"),
        flags: flags::PS,
        words: Words {
            min: 1,
            max: MANY,
            tail: Tail::Verbatim,
        },
        run: verb::ps::run,
        error_code: 1,
    },
    Verb {
        name: "pause",
        arguments: "<container-id>",
        help: packed!("suspend all processes of a container"),
        flags: flags::NONE,
        words: exactly(1),
        run: verb::pause::run,
        error_code: 1,
    },
    Verb {
        name: "resume",
        arguments: "<container-id>",
        help: packed!("resume the processes of a paused container"),
        flags: flags::NONE,
        words: exactly(1),
        run: verb::resume::run,
        error_code: 1,
    },
    Verb {
        name: "check",
        arguments: "",
        help: packed!("say what is wrong with a bundle's config.json, all at once"),
        flags: flags::CHECK,
        words: exactly(0),
        run: verb::check::run,
        error_code: 1,
    },
    Verb {
        name: "update",
        arguments: "<container-id>",
        help: packed!("change a container's limits"),
        flags: flags::UPDATE,
        words: exactly(1),
        run: verb::update::run,
        error_code: 1,
    },
    Verb {
        name: "events",
        arguments: "<container-id>",
        help: packed!("print what a container uses, and when it runs out of memory, as JSON"),
        flags: flags::EVENTS,
        words: exactly(1),
        run: verb::events::run,
        error_code: 1,
    },
    Verb {
        name: "init",
        arguments: "",
        help: packed!("be the first process of a machine, and run its containers"),
        flags: flags::INIT,
        words: exactly(0),
        run: verb::init::run,
        error_code: 1,
    },
    Verb {
        name: "spec",
        arguments: "",
        help: packed!("write a template config.json"),
        flags: flags::SPEC,
        words: exactly(0),
        run: verb::spec::run,
        error_code: 1,
    },
    Verb {
        name: "features",
        arguments: "",
        help: packed!("print what mote supports as JSON"),
        flags: flags::NONE,
        words: exactly(0),
        run: verb::features::run,
        error_code: 1,
    },
    Verb {
        name: "seccomp",
        arguments: "dump | explain <system-call> [argument...]",
        help: packed!("list a config's filter, or say what it answers to a system call"),
        flags: flags::SECCOMP,
        words: Words {
            min: 1,
            max: 8,
            tail: Tail::Mixed,
        },
        run: verb::seccomp::run,
        error_code: 1,
    },
];

/// The verb with this name.
pub fn verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

#[cfg(test)]
mod tests;
