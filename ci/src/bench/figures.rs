//! The tables, and the marks that the figures have to keep to.

use super::LIVE;
use super::clock::quantile;
use super::subjects::{Extra, Kind, Subject};
use crate::sh::Result;

/// All times of one subject, in milliseconds.
struct Row {
    kind: Kind,
    who: &'static str,
    alone: Vec<f64>,
    crowded: Vec<f64>,
    paired: Vec<f64>,
}

/// All times of all subjects.
pub struct Times(Vec<Row>);

impl Times {
    /// A place for each subject's times.
    pub fn of(subjects: &[Subject]) -> Times {
        let row = |subject: &Subject| Row {
            kind: subject.kind,
            who: subject.who,
            alone: Vec::new(),
            crowded: Vec::new(),
            paired: Vec::new(),
        };
        Times(subjects.iter().map(row).collect())
    }

    /// A time without live containers.
    pub fn alone(&mut self, subject: &Subject, ms: f64) {
        self.find_mut(subject)
            .into_iter()
            .for_each(|row| row.alone.push(ms));
    }

    /// A time beside the live containers.
    pub fn crowded(&mut self, subject: &Subject, ms: f64) {
        self.find_mut(subject)
            .into_iter()
            .for_each(|row| row.crowded.push(ms));
    }

    /// A time of a run with or without a filter, of which there are many more: the difference is small.
    pub fn paired(&mut self, subject: &Subject, ms: f64) {
        self.find_mut(subject)
            .into_iter()
            .for_each(|row| row.paired.push(ms));
    }

    fn find_mut(&mut self, subject: &Subject) -> Option<&mut Row> {
        self.0
            .iter_mut()
            .find(|row| row.kind == subject.kind && row.who == subject.who)
    }

    fn find(&self, kind: Kind, who: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.kind == kind && row.who == who)
    }
}

/// The fraction of the rounds that were quicker than the figure the marks are about: RCU waits of cgroup v1 moves hit
/// whoever asks, so medians tell less about the runtimes than this.
const TENTH: f64 = 0.1;

/// Whose runs with and without a filter are measured again and again.
pub const PAIRED: [&str; 2] = ["floor", "mote"];

/// A mark: what, its figure, the most it may be.
type Mark = (&'static str, fn(&Times, &[Extra]) -> f64, f64);

const MARKS: &[Mark] = &[
    (
        "run / crun's",
        |times, _| against(times, Kind::Run, "crun"),
        0.5,
    ),
    (
        "run / the floor's",
        |times, _| against(times, Kind::Run, "floor"),
        1.4,
    ),
    (
        "run with an engine's filter / without",
        |times, _| filtered(times, TENTH),
        1.05,
    ),
    ("the same, medians", |times, _| filtered(times, 0.5), 1.05),
    (
        "exec / crun's",
        |times, _| against(times, Kind::Exec, "crun"),
        0.5,
    ),
    (
        "create+start+delete / crun's",
        |times, _| against(times, Kind::Lifecycle, "crun"),
        0.6,
    ),
    (
        "run, 300 live / none",
        |times, _| crowd(times, Kind::Run),
        1.2,
    ),
    (
        "create+start+delete, 300 live / none",
        |times, _| crowd(times, Kind::Lifecycle),
        1.2,
    ),
    (
        "exec, 300 live / none",
        |times, _| crowd(times, Kind::Exec),
        1.2,
    ),
    ("peak memory, KiB", |_, extras| peak(extras), 1024.0),
];

/// The time at a fraction of the rounds.
fn time(times: &Times, kind: Kind, who: &str, q: f64) -> f64 {
    let row = times.find(kind, who);
    row.map_or(f64::NAN, |row| quantile(&row.alone, q))
}

fn against(times: &Times, kind: Kind, other: &str) -> f64 {
    time(times, kind, "mote", TENTH) / time(times, kind, other, TENTH)
}

fn paired(times: &Times, kind: Kind, who: &str, q: f64) -> f64 {
    let row = times.find(kind, who);
    row.map_or(f64::NAN, |row| quantile(&row.paired, q))
}

fn filtered(times: &Times, q: f64) -> f64 {
    paired(times, Kind::Filtered, "mote", q) / paired(times, Kind::Run, "mote", q)
}

/// Milliseconds that a filter adds to a run.
fn added(times: &Times, who: &str, q: f64) -> f64 {
    paired(times, Kind::Filtered, who, q) - paired(times, Kind::Run, who, q)
}

fn crowd(times: &Times, kind: Kind) -> f64 {
    times.find(kind, "mote").map_or(f64::NAN, |row| {
        quantile(&row.crowded, TENTH) / quantile(&row.alone, TENTH)
    })
}

fn peak(extras: &[Extra]) -> f64 {
    extras
        .iter()
        .filter(|extra| extra.who == "mote")
        .map(|extra| extra.peak)
        .max()
        .map_or(f64::NAN, |kib| kib as f64)
}

/// Prints everything; an error when a figure is over its mark.
pub fn report(times: &Times, extras: &[Extra]) -> Result {
    println!(
        "\nWall time in ms: tenth percentile and median; ratio of the tenth percentiles to mote's."
    );
    println!(
        "{:<20} {:<6} {:>8} {:>8} {:>6}   beside {LIVE} live: {:>8} {:>8} {:>6}",
        "", "", "p10", "median", "ratio", "p10", "median", "ratio"
    );
    for row in &times.0 {
        let ours = times.find(row.kind, "mote").unwrap_or(row);
        print!("{:<20} {:<6}", row.kind.name(), row.who);
        figures(&row.alone, &ours.alone);
        print!("                   ");
        figures(&row.crowded, &ours.crowded);
        println!();
    }
    println!(
        "\n{:<20} {:<6} {:>9} {:>13}",
        "", "", "peak KiB", "system calls"
    );
    for extra in extras {
        let name = if extra.kind == Kind::Lifecycle {
            "create"
        } else {
            extra.kind.name()
        };
        println!(
            "{name:<20} {:<6} {:>9} {:>13}",
            extra.who, extra.peak, extra.calls
        );
    }
    println!();
    for who in PAIRED {
        let (p10, median) = (added(times, who, TENTH), added(times, who, 0.5));
        println!("A filter adds to a run of {who}, in ms: p10 {p10:.3}, median {median:.3}");
    }
    println!(
        "\n{:<38} {:>8} {:>8}",
        "mark (tenth percentiles)", "figure", "at most"
    );
    let mut over = 0;
    for (name, figure, most) in MARKS {
        let figure = figure(times, extras);
        let passed = figure <= *most;
        over += usize::from(!passed);
        println!(
            "{name:<38} {figure:>8.2} {most:>8.2}  {}",
            if passed { "PASS" } else { "OVER" }
        );
    }
    if over == 0 {
        Ok(())
    } else {
        Err(format!(
            "{over} of {} figures are over their mark",
            MARKS.len()
        ))
    }
}

fn figures(values: &[f64], ours: &[f64]) {
    let (p10, median) = (quantile(values, TENTH), quantile(values, 0.5));
    print!(
        " {p10:>8.3} {median:>8.3} {:>6.2}",
        p10 / quantile(ours, TENTH)
    );
}
