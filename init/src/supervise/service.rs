//! One container that is kept running: what was decided of it, and what has become of it so far. Pure.

use core::ffi::CStr;
use rustix::process::{Pid, Signal};

/// Exit status of what was ended by SIGKILL, as a shell tells it.
pub const KILLED: u8 = 128 + 9;
/// How long a container must have run, in milliseconds, for its next failure to count as the first.
const SETTLED: i64 = 10_000;
/// The longest pause before a restart, in milliseconds, unless the first one is longer.
const LONGEST_DELAY: i64 = 30_000;

/// When a container is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Restart {
    /// Not at all.
    Never,
    /// After an exit status other than 0, or if it couldn't be started.
    OnFailure,
    /// Always.
    Always,
}

/// When those that are to start after a container may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ready {
    /// Its program runs.
    Start,
    /// It has said so, by NOTIFY_SOCKET.
    Notify,
    /// It has ended with status 0.
    Exit,
}

/// Where a container's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Output {
    /// To its log.
    Log,
    /// To the console, where its input comes from, too.
    Console,
    /// Nowhere.
    None,
}

/// What the annotations say.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When it is started again.
    pub restart: Restart,
    /// The first pause before that, in milliseconds.
    pub delay: i64,
    /// What asks it to end.
    pub stop_signal: Signal,
    /// How many milliseconds it may take then.
    pub stop_timeout: i64,
    /// When others may start.
    pub ready: Ready,
    /// How many milliseconds it may take to say so.
    pub ready_timeout: i64,
    /// Where its output goes.
    pub output: Output,
    /// The most bytes of its log before that is rotated.
    pub log_size: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            restart: Restart::Never,
            delay: 1000,
            stop_signal: Signal::TERM,
            stop_timeout: 10_000,
            ready: Ready::Start,
            ready_timeout: 60_000,
            output: Output::Log,
            log_size: 1 << 20,
        }
    }
}

/// What is to be kept running.
#[derive(Clone, Copy, Debug)]
pub struct Orders<'a> {
    /// The container's id, and the name of its bundle in the directory of all.
    pub id: &'a CStr,
    /// Places, in the list of all, of those that it starts after.
    pub after: &'a [usize],
    /// See there.
    pub settings: Settings,
}

/// What a container is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To be started: once others are ready, and not before the deadline.
    Waiting,
    /// The process starts it.
    Starting(Pid),
    /// The process is its first.
    Running(Pid),
    /// The process removes what is left of it.
    Removing(Pid),
    /// It won't be started any more.
    Done,
}

/// A container's course. Times are milliseconds of the clock that is never set.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// What it is at.
    pub state: State,
    /// When that has taken too long, or, waiting, long enough.
    pub deadline: i64,
    /// Whether others may start.
    pub ready: bool,
    /// How it ended last, if by itself.
    pub status: u8,
    /// When it was started last.
    begun: i64,
    /// Failures and ends in a row.
    repeats: u32,
    /// Whether the end of its first process came before that of who started it, and how it was.
    pub early: Option<u8>,
    /// Whether it was told to end.
    pub told: bool,
    /// Whether something of it may be left that should have been removed.
    pub dirty: bool,
    /// Whether who was to start it was killed, which is no fault of the container's.
    pub lost: bool,
}

/// No deadline.
pub const NEVER: i64 = i64::MAX;

impl Course {
    /// Of one that was never started.
    pub const NEW: Course = Course {
        state: State::Waiting,
        deadline: 0,
        ready: false,
        status: 0,
        begun: 0,
        repeats: 0,
        early: None,
        told: false,
        dirty: false,
        lost: false,
    };

    /// It is being started by that process.
    pub fn begin(&mut self, settings: &Settings, pid: Pid, now: i64) {
        self.state = State::Starting(pid);
        self.begun = now;
        self.early = None;
        self.status = 0;
        self.told = false;
        self.lost = false;
        self.deadline = match settings.ready {
            Ready::Notify => now.saturating_add(settings.ready_timeout),
            _ => NEVER,
        };
    }

    /// Its program runs.
    pub fn run(&mut self, settings: &Settings, pid: Pid) {
        self.state = State::Running(pid);
        self.deadline = NEVER;
        self.ready = settings.ready != Ready::Exit;
    }

    /// It has ended and nothing of it is left: what now? Says how many milliseconds from now it starts again, if so,
    /// which it doesn't when everything is `stopping`.
    pub fn settle(&mut self, settings: &Settings, now: i64, stopping: bool) -> Option<i64> {
        self.ready = settings.ready == Ready::Exit && self.status == 0;
        let again = match settings.restart {
            Restart::Never => false,
            Restart::OnFailure => self.status != 0,
            Restart::Always => true,
        };
        if stopping || !again && !self.lost {
            self.state = State::Done;
            return None;
        }
        if now - self.begun >= SETTLED {
            self.repeats = 0;
        }
        let pause = delay(settings.delay, self.repeats);
        self.repeats += u32::from(!self.lost);
        self.state = State::Waiting;
        self.deadline = now.saturating_add(pause);
        Some(pause)
    }
}

/// The pause before a restart: twice as long each time.
fn delay(first: i64, repeats: u32) -> i64 {
    let longest = LONGEST_DELAY.max(first);
    first.saturating_mul(1 << repeats.min(32)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let pauses = |first| [0, 1, 2, 5, 31, 1000].map(|repeats| delay(first, repeats));
        assert_eq!(pauses(1000), [1000, 2000, 4000, 30_000, 30_000, 30_000]);
        assert_eq!(pauses(0), [0; 6]);
        assert_eq!(pauses(60_000), [60_000; 6]);
        assert_eq!(pauses(i64::MAX), [i64::MAX; 6]);
    }

    #[test]
    fn what_follows_an_end() {
        let pid = Pid::INIT;
        for (restart, status, again) in [
            (Restart::Never, 0, false),
            (Restart::Never, 1, false),
            (Restart::OnFailure, 0, false),
            (Restart::OnFailure, KILLED, true),
            (Restart::Always, 0, true),
            (Restart::Always, 1, true),
        ] {
            let settings = Settings {
                restart,
                ..Settings::default()
            };
            let mut course = Course::NEW;
            course.begin(&settings, pid, 0);
            course.run(&settings, pid);
            assert!(course.ready);
            course.status = status;
            assert_eq!(course.settle(&settings, 1, false).is_some(), again);
            assert_eq!(course.state == State::Done, !again);
            assert_eq!(course.settle(&settings, 1, true), None);
            assert_eq!(course.state, State::Done);
            course.lost = true;
            assert!(course.settle(&settings, 1, false).is_some());
        }
    }

    #[test]
    fn a_long_run_makes_the_next_pause_short_again() {
        let settings = Settings {
            restart: Restart::Always,
            ..Settings::default()
        };
        let mut course = Course::NEW;
        let mut now = 0;
        for expected in [1000, 2000, 4000, 8000] {
            course.begin(&settings, Pid::INIT, now);
            assert_eq!(course.settle(&settings, now, false), Some(expected));
            now = course.deadline;
        }
        course.begin(&settings, Pid::INIT, now);
        assert_eq!(course.settle(&settings, now + SETTLED, false), Some(1000));
    }

    #[test]
    fn ready_by_exit_is_by_success() {
        let settings = Settings {
            ready: Ready::Exit,
            ..Settings::default()
        };
        for status in [0, 1] {
            let mut course = Course::NEW;
            course.begin(&settings, Pid::INIT, 0);
            course.run(&settings, Pid::INIT);
            assert!(!course.ready);
            course.status = status;
            course.settle(&settings, 0, false);
            assert_eq!(course.ready, status == 0);
        }
    }
}
