//! One direction of copying: a source, a sink, and what is on its way between them.
//!
//! Our own ends don't block. The caller's ends may be shared with other programs, so their mode is
//! left alone; a read after poll(2) said so doesn't block, nor does a write of at most `PIPE_BUF`.

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, read, write};
use std::time::{Duration, Instant};

/// How much is read at a time.
const CAPACITY: usize = 16384;

/// A pipe that polls as writable takes so many bytes without blocking, pipe(7).
const PIPE_BUF: usize = 4096;

/// How often the end of stdin is repeated to a terminal.
const REPEAT: Duration = Duration::from_millis(300);

/// How often a terminal that no process has open is looked at again.
const HUNG_UP: Duration = Duration::from_millis(100);

/// One end of a flow.
pub(super) enum End {
    /// A stream of the caller's, which outlives the flow.
    Caller(BorrowedFd<'static>),
    /// Our end of a pipe.
    Own(OwnedFd),
    /// The master end of a pseudoterminal.
    Terminal(OwnedFd),
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            End::Caller(fd) => *fd,
            End::Own(fd) | End::Terminal(fd) => fd.as_fd(),
        }
    }
}

/// One direction. A side that is finished is `None`; dropping it closes our end of a pipe, which
/// is how the container learns of it.
pub(super) struct Flow {
    source: Option<End>,
    sink: Option<End>,
    buffer: Box<[u8]>,
    /// The part of the buffer that is still to be written.
    pending: std::ops::Range<usize>,
    /// What stands for the end of the source on a terminal, which can't be half closed. What it
    /// says is lost if a program changes the terminal's mode before it reads, as shells do at
    /// their start, so it is repeated; a source that has ended is at its end at every read.
    farewell: &'static [u8],
    /// When to say it next.
    repeat_at: Option<Instant>,
    /// From the container, so that its last bytes matter after its end.
    output: bool,
    /// The process has ended: nothing to read now means nothing to read at all.
    last: bool,
    /// No process has the terminal open, which poll(2) would report without end.
    hung_up: bool,
}

/// What poll(2) said of a flow.
#[derive(Clone, Copy, Default)]
pub(super) struct Ready {
    read: bool,
    write: bool,
    broken: bool,
}

impl Flow {
    /// From the caller to the process; `farewell` says that there is no more where closing can't.
    pub(super) fn input(source: End, sink: End, farewell: &'static [u8]) -> Flow {
        Flow::new(source, sink, farewell, false)
    }

    /// From the process to the caller.
    pub(super) fn output(source: End, sink: End) -> Flow {
        Flow::new(source, sink, b"", true)
    }

    fn new(source: End, sink: End, farewell: &'static [u8], output: bool) -> Flow {
        Flow {
            source: Some(source),
            sink: Some(sink),
            buffer: vec![0; CAPACITY].into_boxed_slice(),
            pending: 0..0,
            farewell,
            repeat_at: None,
            output,
            last: false,
            hung_up: false,
        }
    }

    /// From now on the source is read only until it has nothing more.
    pub(super) fn process_ended(&mut self) {
        self.last = true;
    }

    /// Whether bytes of a process that has ended are still to be passed on.
    pub(super) fn owes_output(&self) -> bool {
        self.output && !self.is_over()
    }

    /// Whether nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.source.is_none() && self.pending.is_empty() && self.repeat_at.is_none()
    }

    /// Where the bytes come from, until they end.
    pub(super) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_ref().map(End::as_fd)
    }

    /// How long the flow can wait for its descriptors, if not for ever.
    pub(super) fn patience(&self) -> Option<Duration> {
        let idle = self.pending.is_empty();
        let reading = idle && self.source.is_some();
        match self.repeat_at {
            Some(moment) if idle => Some(moment.saturating_duration_since(Instant::now())),
            _ if reading && self.last && self.output => Some(Duration::ZERO),
            _ if reading && self.hung_up => Some(HUNG_UP),
            _ => None,
        }
    }

    fn wants_source(&self) -> Option<&End> {
        self.source
            .as_ref()
            .filter(|_| self.pending.is_empty() && !self.hung_up)
    }

    /// The sink is watched even when there is nothing to write, to notice that its reader has gone;
    /// the container's terminal isn't, for processes may close and open it as they like.
    fn wants_sink(&self) -> Option<&End> {
        let watched = |end: &&End| !self.pending.is_empty() || !matches!(end, End::Terminal(_));
        self.sink.as_ref().filter(watched)
    }

    /// The descriptors to poll, for which [`readiness`](Flow::readiness) takes the answers.
    pub(super) fn interest(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let out = if self.pending.is_empty() {
            PollFlags::empty()
        } else {
            PollFlags::OUT
        };
        let source = self.wants_source().map(|end| (end.as_fd(), PollFlags::IN));
        source
            .into_iter()
            .chain(self.wants_sink().map(|end| (end.as_fd(), out)))
    }

    /// Takes the answers for the descriptors of [`interest`](Flow::interest), in the same order.
    pub(super) fn readiness(&self, answers: &mut impl Iterator<Item = PollFlags>) -> Ready {
        const BROKEN: PollFlags = PollFlags::ERR.union(PollFlags::HUP).union(PollFlags::NVAL);
        let mut ready = Ready::default();
        if self.wants_source().is_some() {
            ready.read = answers.next().is_some_and(|events| !events.is_empty());
        }
        if self.wants_sink().is_some() {
            let events = answers.next().unwrap_or(PollFlags::empty());
            ready.write = events.contains(PollFlags::OUT);
            ready.broken = events.intersects(BROKEN);
        }
        ready
    }

    /// Does what can be done without waiting.
    pub(super) fn step(&mut self, ready: Ready) {
        if ready.broken && !ready.write {
            self.give_up();
        }
        if ready.write {
            self.write();
        }
        let look_again = self.pending.is_empty() && (self.hung_up || self.last && self.output);
        if ready.read || look_again {
            self.hung_up = false;
            self.read();
        }
        if self.pending.is_empty()
            && self
                .repeat_at
                .is_some_and(|moment| moment <= Instant::now())
        {
            self.say_farewell();
        }
        if self.is_over() {
            self.sink = None;
        }
    }

    fn read(&mut self) {
        let Some(source) = &self.source else { return };
        match read(source, &mut self.buffer[..]) {
            Ok(0) => {
                self.source = None;
                if !self.farewell.is_empty() {
                    self.say_farewell();
                }
            }
            Ok(length) => self.pending = 0..length,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if !self.last => {}
            // The answer of a pseudoterminal that no process has open, pts(4).
            Err(Errno::IO) if !self.last && matches!(source, End::Terminal(_)) => {
                self.hung_up = true;
            }
            // Among others EIO of a terminal in whose background mote runs: no end to hand on.
            Err(_) => self.source = None,
        }
    }

    fn say_farewell(&mut self) {
        self.pending = 0..self.farewell.len();
        self.buffer[..self.farewell.len()].copy_from_slice(self.farewell);
        self.repeat_at = Some(Instant::now() + REPEAT);
    }

    fn write(&mut self) {
        let Some(sink) = &self.sink else { return };
        let end = self.pending.end.min(self.pending.start + PIPE_BUF);
        match write(sink, &self.buffer[self.pending.start..end]) {
            Ok(length) => self.pending.start += length,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.give_up(),
        }
    }

    /// The sink takes no more. Closing the source tells the writing side as a pipe would.
    fn give_up(&mut self) {
        self.source = None;
        self.sink = None;
        self.pending = 0..0;
        self.repeat_at = None;
    }
}
