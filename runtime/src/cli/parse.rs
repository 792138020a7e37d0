//! Words to a [`Line`], by the rows.
//!
//! The grammar is that of Go's command line packages, whose users mote serves: `--flag=value`,
//! `--flag value`, the same with one dash, switches as `--flag=false`, options before or after the
//! words. `lexopt` splits the words; what it doesn't know, long names after one dash, is seen to here.

use super::flags::{Flag, GLOBAL};
use super::options::{Options, Value};
use super::rows::{self, Tail, Verb};
use lexopt::{Arg, Parser};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A command line, understood.
pub struct Line {
    /// The last part of the name that mote was called by.
    pub program: String,
    /// The options before the verb.
    pub globals: Options,
    /// What is to be done.
    pub wish: Wish,
}

/// What a command line asks for.
pub enum Wish {
    /// A verb with its options.
    Run(&'static Verb, Options),
    /// The help, of one verb or of all.
    Help(Option<&'static Verb>),
    /// The version.
    Version,
    /// Nothing that can be done: a usage error, with the verb it was made at.
    Wrong(Option<&'static Verb>, String),
    /// A verb that doesn't exist.
    NoSuchVerb(String),
}

/// Understands the words of a command line, the program's own name first.
pub fn parse(words: impl Iterator<Item = OsString>) -> Line {
    let mut words = words.peekable();
    let program = program_name(words.peek().map_or(OsStr::new(""), OsString::as_os_str));
    let mut parser = Parser::from_iter(words);
    let mut globals = Options::default();
    let wish = wish(&mut parser, &mut globals, &program).unwrap_or_else(|wish| wish);
    Line {
        program,
        globals,
        wish,
    }
}

fn program_name(word: &OsStr) -> String {
    let name = word
        .as_bytes()
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    match name {
        b"" => "mote".to_string(),
        name => String::from_utf8_lossy(name).into_owned(),
    }
}

/// Both arms are wishes; the `Err` ones are those that cut parsing short.
fn wish(parser: &mut Parser, globals: &mut Options, program: &str) -> Result<Wish, Wish> {
    let wrong = |message| Wish::Wrong(None, message);
    let first = take(parser, &[], Tail::Verbatim, globals, None).map_err(wrong)?;
    if globals.flag("help") {
        return Ok(Wish::Help(None));
    }
    if globals.flag("version") {
        return Ok(Wish::Version);
    }
    let mut words = first.words.into_iter();
    let Some(name) = words.next() else {
        return Ok(Wish::Help(None));
    };
    let unknown = |name: &OsStr| Wish::NoSuchVerb(name.to_string_lossy().into_owned());
    if name == "help" || name == "h" {
        return match words.next() {
            None => Ok(Wish::Help(None)),
            Some(topic) => match topic.to_str().and_then(rows::verb) {
                Some(verb) => Ok(Wish::Help(Some(verb))),
                None => Ok(unknown(&topic)),
            },
        };
    }
    let Some(verb) = name.to_str().and_then(rows::verb) else {
        return Ok(unknown(&name));
    };
    let wrong = |message| Wish::Wrong(Some(verb), message);
    let mut parser = Parser::from_args(words);
    let mut options = Options::default();
    let found = take(
        &mut parser,
        verb.flags,
        verb.words.tail,
        globals,
        Some(&mut options),
    );
    let found = found.map_err(wrong)?;
    if globals.flag("help") {
        return Ok(Wish::Help(Some(verb)));
    }
    options.words = found.words;
    let counted = count(verb, options.words.len(), found.command, program);
    counted.map_err(wrong)?;
    Ok(Wish::Run(verb, options))
}

/// The words among options, and how many of them form the command after `--`.
struct Found {
    words: Vec<OsString>,
    command: usize,
}

/// Takes options and words off the parser. An option with a row in `flags` goes to `own`, one with
/// a global row to `globals`.
fn take(
    parser: &mut Parser,
    flags: &'static [Flag],
    tail: Tail,
    globals: &mut Options,
    mut own: Option<&mut Options>,
) -> Result<Found, String> {
    let mut words = Vec::new();
    while let Some(piece) = piece(parser, flags)? {
        match piece {
            Piece::Option(flag, value) => match own.as_deref_mut() {
                Some(own) if flags.iter().any(|row| std::ptr::eq(row, flag)) => {
                    own.push(flag, value)
                }
                _ => globals.push(flag, value),
            },
            Piece::Word(word) => {
                words.push(word);
                if tail == Tail::Verbatim {
                    let rest = rest(parser);
                    // `exec ID -- CMD` is written by whoever is used to it from elsewhere.
                    let marked = own.is_some() && rest.first().is_some_and(|word| word == "--");
                    words.extend(rest.into_iter().skip(usize::from(marked)));
                    break;
                }
            }
            Piece::End => {
                let rest = rest(parser);
                let command = if words.is_empty() { 0 } else { rest.len() };
                words.extend(rest);
                return Ok(Found { words, command });
            }
        }
    }
    Ok(Found { words, command: 0 })
}

enum Piece {
    Option(&'static Flag, Value),
    Word(OsString),
    /// A `--`: what follows are words.
    End,
}

fn piece(parser: &mut Parser, flags: &'static [Flag]) -> Result<Option<Piece>, String> {
    let next = parser
        .try_raw_args()
        .and_then(|raw| raw.peek().map(OsStr::to_os_string));
    if let Some(word) = &next {
        if word == "--" {
            let _ = parser.try_raw_args().and_then(|mut raw| raw.next());
            return Ok(Some(Piece::End));
        }
        if let Some((flag, joined)) = single_dash(word.as_bytes(), flags) {
            let _ = parser.try_raw_args().and_then(|mut raw| raw.next());
            return value(parser, flag, joined).map(|value| Some(Piece::Option(flag, value)));
        }
    }
    let whole = next
        .as_deref()
        .map(OsStr::to_string_lossy)
        .unwrap_or_default()
        .into_owned();
    let (flag, letter) = match parser.next().map_err(|error| error.to_string())? {
        None => return Ok(None),
        Some(Arg::Value(word)) => return Ok(Some(Piece::Word(word))),
        Some(Arg::Long(name)) => (find(flags, name).ok_or_else(|| unknown(name))?, false),
        Some(Arg::Short(letter)) => (
            rows_of(flags)
                .find(|row| row.short == Some(letter))
                .ok_or_else(|| unknown(whole.trim_start_matches('-')))?,
            true,
        ),
    };
    // Letters may stand together (-dt): what follows a switch's letter is another option.
    let joined = if letter && flag.value.is_none() {
        None
    } else {
        parser.optional_value()
    };
    value(parser, flag, joined).map(|value| Some(Piece::Option(flag, value)))
}

/// `-name`, `-name=value`, `-n` or `-n=value` in one word, where the name is a row's.
fn single_dash(word: &[u8], flags: &'static [Flag]) -> Option<(&'static Flag, Option<OsString>)> {
    let word = word
        .strip_prefix(b"-")
        .filter(|rest| !rest.starts_with(b"-"))?;
    let mut parts = word.splitn(2, |byte| *byte == b'=');
    let name = std::str::from_utf8(parts.next()?).ok()?;
    let flag = find(flags, name)?;
    Some((
        flag,
        parts.next().map(|value| OsString::from_vec(value.to_vec())),
    ))
}

/// The value that an option's word brought along, or the next word if the row wants one.
fn value(parser: &mut Parser, flag: &Flag, joined: Option<OsString>) -> Result<Value, String> {
    match (flag.value, joined) {
        (None, None) => Ok(Value::Switch(true)),
        (None, Some(text)) => match text.to_str().and_then(parse_bool) {
            Some(on) => Ok(Value::Switch(on)),
            None => Err(format!("invalid boolean value {text:?} for -{}", flag.long)),
        },
        (Some(_), Some(text)) => Ok(Value::Text(text)),
        (Some(_), None) => {
            let next = parser.try_raw_args().and_then(|mut raw| raw.next());
            next.map(Value::Text)
                .ok_or_else(|| format!("flag needs an argument: -{}", flag.long))
        }
    }
}

fn rest(parser: &mut Parser) -> Vec<OsString> {
    parser
        .try_raw_args()
        .map(Iterator::collect)
        .unwrap_or_default()
}

fn rows_of(flags: &'static [Flag]) -> impl Iterator<Item = &'static Flag> {
    flags.iter().chain(GLOBAL)
}

/// By its long name, or by its letter.
fn find(flags: &'static [Flag], name: &str) -> Option<&'static Flag> {
    rows_of(flags).find(|row| {
        row.long == name
            || row
                .short
                .is_some_and(|letter| name.strip_prefix(letter) == Some(""))
    })
}

fn unknown(name: &str) -> String {
    format!("flag provided but not defined: -{name}")
}

/// The words that Go's strconv.ParseBool knows, and no other.
pub(super) fn parse_bool(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn count(verb: &Verb, words: usize, command: usize, program: &str) -> Result<(), String> {
    let command = if verb.words.tail == Tail::Command {
        command
    } else {
        0
    };
    let words = words - command;
    let (min, max) = (verb.words.min, verb.words.max);
    let (how, limit) = match () {
        () if min == max && words != min => ("exactly", min),
        () if words < min => ("a minimum of", min),
        () if words > max => ("a maximum of", max),
        () => return Ok(()),
    };
    Err(format!(
        "{program}: {:?} requires {how} {limit} argument(s)",
        verb.name
    ))
}

#[cfg(test)]
mod tests;
