//! One direction of copying: a source, a sink, and what is on its way between them.
//!
//! Our own ends don't block. The caller's ends may be shared with other programs, so their mode is
//! left alone; a read after poll(2) said so doesn't block, nor does a write of at most `PIPE_BUF`.

use init::sys::time::milliseconds;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, read, write};

/// How much is read at a time.
const CAPACITY: usize = 16384;

/// A pipe that polls as writable takes so many bytes without blocking, pipe(7).
const PIPE_BUF: usize = 4096;

/// How often the end of stdin is repeated to a terminal, in milliseconds.
const REPEAT: i64 = 300;

/// How often a terminal that no process has open is looked at again, in milliseconds.
const HUNG_UP: i64 = 100;

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
    /// When to say it next, on the clock of [`milliseconds`].
    repeat_at: Option<i64>,
    /// From the container, so that its last bytes matter after its end.
    output: bool,
    /// The process has ended: nothing to read now means nothing to read at all.
    last: bool,
    /// No process has the terminal open, which poll(2) would report without end.
    hung_up: bool,
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

    /// How many milliseconds the flow can wait for its descriptors, if not for ever.
    pub(super) fn patience(&self) -> Option<i64> {
        let idle = self.pending.is_empty();
        let reading = idle && self.source.is_some();
        match self.repeat_at {
            Some(moment) if idle => Some((moment - milliseconds()).max(0)),
            _ if reading && self.last && self.output => Some(0),
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

    /// What to ask poll(2) about the source and the sink, if anything.
    pub(super) fn interest(&self) -> [Option<(BorrowedFd<'_>, PollFlags)>; 2] {
        let out = if self.pending.is_empty() {
            PollFlags::empty()
        } else {
            PollFlags::OUT
        };
        [
            self.wants_source().map(|end| (end.as_fd(), PollFlags::IN)),
            self.wants_sink().map(|end| (end.as_fd(), out)),
        ]
    }

    /// Does what can be done without waiting; poll(2) said this of the source and the sink, nothing of what it was
    /// not asked about.
    pub(super) fn step(&mut self, [source, sink]: [PollFlags; 2]) {
        const BROKEN: PollFlags = PollFlags::ERR.union(PollFlags::HUP).union(PollFlags::NVAL);
        if sink.contains(PollFlags::OUT) {
            self.write();
        } else if sink.intersects(BROKEN) {
            self.give_up();
        }
        let look_again = self.pending.is_empty() && (self.hung_up || self.last && self.output);
        if !source.is_empty() || look_again {
            self.hung_up = false;
            self.read();
        }
        if self.pending.is_empty()
            && let Some(moment) = self.repeat_at
            && moment <= milliseconds()
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
        self.repeat_at = Some(milliseconds() + REPEAT);
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
