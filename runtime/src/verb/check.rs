//! `check`: everything that is wrong with a bundle's config.json in one go; with `--host` also what this machine can't
//! give to it. Nothing is made.

mod needs;

use super::list::wants_json;
use crate::bundle::{Bundle, copy, warn_of_repeated_keys};
use crate::cli::{Code, Global, Options, print};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::json::{Layout, Writer};
use crate::legacy::hint;
use crate::plan::{self, Refusal};
use crate::report::{Level, Reporter};
use crate::table::Table;
use crate::text::{decimal, fill, unpacked};
use core::cell::RefCell;
use core::mem::ManuallyDrop;
use needs::needs;

/// Of so many refusals of the plan line and column are told; whoever has more of them begins with these.
const PLACES: usize = 1000;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let json = wants_json(options)?;
    // All of this lives as long as the process.
    let bundle = ManuallyDrop::new(Bundle::look(options)?);
    let host = Host::look()?;
    let arena = ManuallyDrop::new(bundle.arena()?);
    warn_of_repeated_keys(&global.report, "config.json", &bundle.config);
    let findings = ManuallyDrop::new(RefCell::new(Findings::new(
        &global.report,
        &bundle.config,
        json,
    )));
    let tell = |error: spec_min::Error| findings.borrow_mut().misread(&error);
    let document = copy(&bundle.config, &arena)?;
    let spec = spec_min::parse_all(document, &tell);
    let with_table = options.flag("host") && spec.is_some();
    if let Some(spec) = &spec {
        let facts = super::create::facts(global, host, &bundle, spec, &arena)?;
        let warn = &mut |path: &str, text: &str| {
            findings.borrow_mut().tell(Level::Warning, None, path, text);
        };
        let text = copy(&bundle.config, &arena)?;
        let _ = spec_min::text::decode(text);
        let in_doubt = findings.borrow().concern("linux.namespaces");
        let refusals = ManuallyDrop::new(RefCell::default());
        let plan = plan::check(spec, &facts, &arena, warn, in_doubt, &refusals);
        if let Some(plan) = &plan {
            // With --debug it tells of system calls that are unknown.
            let _ = plan::program(plan, spec, &facts, &arena, warn);
        }
        let mut findings = findings.borrow_mut();
        for (at, refusal) in refusals.borrow().iter().enumerate() {
            // Each is looked for from the start of the document.
            let place = (at < PLACES).then(|| spec_min::place_of(text, refusal.path()));
            findings.refused(refusal, place);
        }
        if let (true, Some(plan)) = (options.flag("host"), plan) {
            findings.list("host");
            let document = spec_min::parse(copy(&bundle.config, &arena)?);
            needs(
                host,
                document.unwrap_or_default(),
                spec,
                plan,
                &mut findings,
            )?;
        }
    }
    findings.borrow_mut().end(with_table)
}

/// What was found, told as it comes: as lines of the log, as other verbs tell of their error, or as one JSON document.
struct Findings<'g> {
    report: &'g Reporter,
    config: &'g [u8],
    json: Option<Writer>,
    table: Table,
    /// The properties that can't be judged any further.
    misread: Vec<String>,
    is_good: bool,
}

impl<'g> Findings<'g> {
    fn new(report: &'g Reporter, config: &'g [u8], json: bool) -> Findings<'g> {
        let mut findings = Findings {
            report,
            config,
            json: json.then(|| Writer::new(Layout::Indented("  "))),
            table: Table::new(&["ASKED FOR", "HERE", "WHAT WOULD GIVE IT"]),
            misread: Vec::new(),
            is_good: true,
        };
        if let Some(json) = &mut findings.json {
            json.open_object();
            json.key("problems");
            json.open_array();
        }
        findings
    }

    /// Ends the list in the JSON document and starts the next.
    fn list(&mut self, key: &str) {
        if let Some(json) = &mut self.json {
            json.close();
            json.key(key);
            json.open_array();
        }
    }

    /// Something wrong or odd in the document; its place is the line and column.
    fn tell(&mut self, level: Level, place: Option<(usize, usize)>, path: &str, text: &str) {
        let text = &*[text, &unpacked(hint(path, text, self.config))].concat();
        self.is_good &= level != Level::Error;
        if let Some(json) = &mut self.json {
            json.open_object();
            json.text("level", level.name());
            json.text("path", path);
            json.text("text", text);
            if let Some((line, column)) = place {
                json.key("line");
                json.raw(&decimal(line as u64));
                json.key("column");
                json.raw(&decimal(column as u64));
            }
            json.close();
            return;
        }
        let place = plan::place_text(place);
        let colon = if path.is_empty() { "" } else { ": " };
        let line = fill("config.json:{} {}{}{}", &[&place, path, colon, text]);
        match level {
            Level::Error => self.report.fatal(&Error::new(line)),
            _ => self.report.warn(&line),
        }
    }

    /// What the parser refused.
    fn misread(&mut self, error: &spec_min::Error) {
        let (path, text) = error.message.parts();
        self.tell(Level::Error, Some((error.line, error.column)), path, text);
        self.misread.push(path.into());
    }

    /// What the plan refused, unless it is a part of what was misread, or has such a part.
    fn refused(&mut self, refusal: &Refusal, place: Option<(usize, usize)>) {
        if !self.concern(refusal.path()) {
            self.tell(Level::Error, place, refusal.path(), refusal.text());
        }
    }

    /// Whether what is at a path was not read as a whole.
    fn concern(&self, path: &str) -> bool {
        self.misread
            .iter()
            .any(|misread| within(path, misread) || within(misread, path))
    }

    /// Whether something that is asked for is there, and what would give it.
    fn need(&mut self, asked: &str, given: bool, remedy: &str) {
        let remedy = if given { "" } else { remedy };
        self.is_good &= given;
        match &mut self.json {
            Some(json) => {
                json.open_object();
                json.text("asked", asked);
                json.switch("given", given);
                json.text("remedy", remedy);
                json.close();
            }
            None => self
                .table
                .row(&[asked, if given { "yes" } else { "no" }, remedy]),
        }
    }

    /// The end: `ok` or nothing more, as the problems are told; the table before it.
    fn end(&mut self, with_table: bool) -> Result<Code> {
        let ok = if self.is_good { "ok\n" } else { "" };
        let text = match self.json.take() {
            Some(mut json) => {
                json.close();
                json.switch("ok", self.is_good);
                json.close();
                json.finish() + "\n"
            }
            None if with_table => self.table.text() + ok,
            None => ok.into(),
        };
        print(&text)?;
        Ok(Code::from(!self.is_good))
    }
}

/// Whether a path is that of a property or of a part of it.
fn within(inner: &str, outer: &str) -> bool {
    let rest = inner.as_bytes().strip_prefix(outer.as_bytes());
    rest.is_some_and(|rest| outer.is_empty() || matches!(rest.first(), None | Some(b'.' | b'[')))
}
