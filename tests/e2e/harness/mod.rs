//! What the cases are written with: a case's private directory, bundles, runs of
//! the binary under test, terminals and sockets.
pub mod bundle;
pub mod bus;
pub mod case;
pub mod cmd;
pub mod host;
pub mod leak;
pub mod pty;
pub mod report;
pub mod runner;
pub mod sock;

pub use bundle::Bundle;
pub use case::Case;
pub use cmd::{Cmd, Out, Running};
pub use report::Report;
pub use serde_json::{Value, json};

/// Why a case ended early.
#[derive(Debug)]
pub enum Stop {
    /// The behaviour is wrong.
    Failed(String),
    /// This machine can't show it.
    Skip(String),
}

/// How long a test waits for what takes this machine seconds: MOTE_E2E_PATIENCE times as long, where the machine is emulated.
pub fn patience(seconds: u64) -> std::time::Duration {
    let factor = std::env::var("MOTE_E2E_PATIENCE").ok();
    let factor = factor.and_then(|text| text.parse().ok()).unwrap_or(1);
    std::time::Duration::from_secs(seconds * factor)
}

/// What helpers give.
pub type R<T> = Result<T, Stop>;
/// What a case gives.
pub type Res = R<()>;

impl<E: std::fmt::Display> From<E> for Stop {
    fn from(e: E) -> Self {
        Stop::Failed(e.to_string())
    }
}

/// Ends the case as failed.
pub fn fail<T>(why: impl Into<String>) -> R<T> {
    Err(Stop::Failed(why.into()))
}

/// Ends the case as not applicable here.
pub fn skip<T>(why: impl Into<String>) -> R<T> {
    Err(Stop::Skip(why.into()))
}

/// Fails the case with a message unless the condition holds.
#[macro_export]
macro_rules! check {
    ($cond:expr) => {
        if !$cond {
            return $crate::harness::fail(format!("{}:{}: not so: {}", file!(), line!(), stringify!($cond)));
        }
    };
    ($cond:expr, $($arg:tt)+) => {
        if !$cond {
            return $crate::harness::fail(format!("{}:{}: {}", file!(), line!(), format!($($arg)+)));
        }
    };
}

/// Fails the case unless both are equal.
#[macro_export]
macro_rules! same {
    ($got:expr, $want:expr) => {
        $crate::same!($got, $want, "{}", stringify!($got))
    };
    ($got:expr, $want:expr, $($arg:tt)+) => {
        // A match, so that temporaries in the operands live long enough.
        match (&$got, &$want) {
            (got, want) => {
                if got != want {
                    return $crate::harness::fail(format!(
                        "{}:{}: {}: got {got:?}, want {want:?}", file!(), line!(), format!($($arg)+)
                    ));
                }
            }
        }
    };
}

/// Second half of a case's name, and the case.
pub type Row = (&'static str, fn(&Case) -> Res);

/// One theme's cases.
pub struct Module {
    /// The first half of a case's name.
    pub name: &'static str,
    /// Runs alone, because it measures or loads the machine.
    pub serial: bool,
    /// What it has.
    pub cases: &'static [Row],
}
