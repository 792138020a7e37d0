//! Words to a [`Line`], by the rows.
//!
//! The grammar is that of Go's command line packages, whose users mote serves: `--flag=value`,
//! `--flag value`, the same with one dash, switches as `--flag=false`, options before or after the
//! words. `lexopt` splits the words; what it doesn't know, long names after one dash, is seen to here.

use super::flags::{Flag, Flags, GLOBAL, NONE};
use super::options::{Options, Value};
use super::rows::{self, MANY, Tail, Verb};
use crate::error::lossy;
use crate::text::{decimal, fill, pieces, quoted};
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
pub fn parse(words: Vec<OsString>) -> Line {
    let mut words = words.into_iter();
    let program = program_name(&words.next().unwrap_or_default());
    let mut globals = Options::default();
    let wish = wish(Parser::from_args(words), &mut globals, &program).unwrap_or_else(|wish| wish);
    Line {
        program,
        globals,
        wish,
    }
}

/// The words that the kernel starts the first process with, which has no verb among them: parameters of its command
/// line that it doesn't know. They ask for `init`.
pub fn of_kernel(mut words: Vec<OsString>) -> Vec<OsString> {
    let word = words
        .get(1)
        .and_then(|word| word.to_str())
        .unwrap_or_default();
    if !word.starts_with("-") && !matches!(word, "help" | "h") && rows::verb(word).is_none() {
        words.truncate(1);
        words.push("init".into());
    }
    words
}

fn program_name(word: &OsStr) -> String {
    match word.as_bytes().rsplit(|byte| *byte == b'/').next() {
        None | Some(b"") => "mote".to_string(),
        Some(name) => lossy(name),
    }
}

/// Both arms are wishes; the `Err` ones are those that cut parsing short.
fn wish(mut parser: Parser, globals: &mut Options, program: &str) -> Result<Wish, Wish> {
    let wrong = |message| Wish::Wrong(None, message);
    let first = take(&mut parser, NONE, Tail::Verbatim, globals, None).map_err(wrong)?;
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
    let verb = |name: &OsStr| {
        let row = name.to_str().and_then(rows::verb);
        row.ok_or_else(|| Wish::NoSuchVerb(lossy(name.as_bytes())))
    };
    if name == "help" || name == "h" {
        return Ok(Wish::Help(
            words.next().map(|topic| verb(&topic)).transpose()?,
        ));
    }
    let verb = verb(&name)?;
    let wrong = |message| Wish::Wrong(Some(verb), message);
    let mut options = Options::default();
    let mut parser = Parser::from_args(words);
    let found = take(
        &mut parser,
        verb.flags,
        verb.words.tail,
        globals,
        Some(&mut options),
    )
    .map_err(wrong)?;
    if globals.flag("help") {
        return Ok(Wish::Help(Some(verb)));
    }
    options.words = found.words;
    count(verb, options.words.len(), found.command, program).map_err(wrong)?;
    Ok(Wish::Run(verb, options))
}

/// The words among options, and how many of them form the command after `--`.
struct Taken {
    words: Vec<OsString>,
    command: usize,
}

/// Takes options and words off the parser. An option with a row in `flags` goes to `own`, one with
/// a global row to `globals`.
fn take(
    parser: &mut Parser,
    flags: Flags,
    tail: Tail,
    globals: &mut Options,
    mut own: Option<&mut Options>,
) -> Result<Taken, String> {
    let mut words = Vec::new();
    while let Some(piece) = piece(parser, flags)? {
        match piece {
            Piece::Option((flag, place), value) => match own.as_deref_mut() {
                Some(own) if place == Place::Verb => own.push(flag, value),
                _ => globals.push(flag, value),
            },
            Piece::Word(word) => {
                words.push(word);
                if tail == Tail::Verbatim {
                    // `exec ID -- CMD` is written by whoever is used to it from elsewhere.
                    if own.is_some() && peek(parser).is_some_and(|word| word == "--") {
                        next(parser);
                    }
                    rest(parser, &mut words);
                    break;
                }
            }
            Piece::End => {
                let before = words.len();
                rest(parser, &mut words);
                let command = if before == 0 { 0 } else { words.len() - before };
                return Ok(Taken { words, command });
            }
        }
    }
    Ok(Taken { words, command: 0 })
}

/// Whose option one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Verb,
    Global,
}

/// An option and whose it is.
type Found = (Flag, Place);

enum Piece {
    Option(Found, Value),
    Word(OsString),
    /// A `--`: what follows are words.
    End,
}

fn piece(parser: &mut Parser, flags: Flags) -> Result<Option<Piece>, String> {
    let word = peek(parser).unwrap_or_default();
    if word == "--" {
        next(parser);
        return Ok(Some(Piece::End));
    }
    if let Some((flag, joined)) = single_dash(word.as_bytes(), flags) {
        next(parser);
        return value(parser, flag.0, joined).map(|value| Some(Piece::Option(flag, value)));
    }
    let mut buffer = [0; 4];
    let (name, letter) = match parser.next() {
        Ok(None) => return Ok(None),
        Ok(Some(Arg::Value(word))) => return Ok(Some(Piece::Word(word))),
        Ok(Some(Arg::Long(name))) => (name, false),
        Ok(Some(Arg::Short(letter))) => (&*letter.encode_utf8(&mut buffer), true),
        // It is of this kind only: the letter of a switch among others with `=` after it.
        Err(_) => return Err("flag takes no value".to_string()),
    };
    let Some(flag) = find(flags, name) else {
        let whole = lossy(word.as_bytes());
        let name = if letter && !whole.is_empty() {
            whole.trim_start_matches('-')
        } else {
            name
        };
        return Err(fill("flag provided but not defined: -{}", &[name]));
    };
    // Letters may stand together (-dt): what follows a switch's letter is another option.
    let joined = if letter && !flag.0.takes_value() {
        None
    } else {
        parser.optional_value()
    };
    value(parser, flag.0, joined).map(|value| Some(Piece::Option(flag, value)))
}

/// The next whole word, still to be taken; none inside a word of several letters.
fn peek(parser: &mut Parser) -> Option<OsString> {
    parser.try_raw_args()?.peek().map(OsStr::to_os_string)
}

fn next(parser: &mut Parser) -> Option<OsString> {
    parser.try_raw_args()?.next()
}

fn rest(parser: &mut Parser, words: &mut Vec<OsString>) {
    while let Some(word) = next(parser) {
        words.push(word);
    }
}

/// `-name`, `-name=value`, `-n` or `-n=value` in one word, where the name is a row's.
fn single_dash(word: &[u8], flags: Flags) -> Option<(Found, Option<OsString>)> {
    let word = word
        .strip_prefix(b"-")
        .filter(|rest| !rest.starts_with(b"-"))?;
    let mut parts = word.splitn(2, |byte| *byte == b'=');
    let flag = find(flags, std::str::from_utf8(parts.next()?).ok()?)?;
    Some((
        flag,
        parts.next().map(|value| OsString::from_vec(value.to_vec())),
    ))
}

/// The value that an option's word brought along, or the next word if the row wants one.
fn value(parser: &mut Parser, flag: Flag, joined: Option<OsString>) -> Result<Value, String> {
    match (flag.takes_value(), joined) {
        (false, None) => Ok(Value::Switch(true)),
        (false, Some(text)) => match text.to_str().and_then(parse_bool) {
            Some(on) => Ok(Value::Switch(on)),
            None => Err(fill(
                "invalid boolean value {} for -{}",
                &[&quoted(&text), flag.long()],
            )),
        },
        (true, Some(text)) => Ok(Value::Text(text)),
        (true, None) => next(parser)
            .map(Value::Text)
            .ok_or_else(|| fill("flag needs an argument: -{}", &[flag.long()])),
    }
}

/// By its long name, or by its letter.
#[inline(never)]
fn find(flags: Flags, name: &str) -> Option<Found> {
    if name.is_empty() {
        return None;
    }
    for (flags, place) in [(flags, Place::Verb), (GLOBAL, Place::Global)] {
        for flag in flags {
            if flag.long() == name || flag.short() == name {
                return Some((flag, place));
            }
        }
    }
    None
}

/// The words that Go's strconv.ParseBool knows, and no other.
pub(super) fn parse_bool(word: &str) -> Option<bool> {
    let is_one_of = |words| pieces(words, b' ').has(word);
    let on = is_one_of("1 t T true TRUE True");
    Some(on).filter(|on| *on || is_one_of("0 f F false FALSE False"))
}

fn count(verb: &Verb, words: usize, command: usize, program: &str) -> Result<(), String> {
    let words = if verb.words.tail == Tail::Command {
        words - command
    } else {
        words
    };
    let (min, max) = (usize::from(verb.words.min), usize::from(verb.words.max));
    let (how, limit) = match () {
        () if min == max && words != min => ("exactly", min),
        () if words < min => ("a minimum of", min),
        () if words > max && verb.words.max != MANY => ("a maximum of", max),
        () => return Ok(()),
    };
    Err(fill(
        "{}: \"{}\" requires {} {} argument(s)",
        &[program, verb.name, how, &decimal(limit as u64)],
    ))
}

#[cfg(test)]
mod tests;
