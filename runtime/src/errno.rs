//! The words for an errno: what strerror(3) says, in lower case, and the symbol a search engine finds.

use crate::text::{decimal, fill, unpacked};
use init::packed::Packed;
use rustix::io::Errno;

/// Rows `constant symbol "meaning";`, kept as one array of numbers and one text of lines in the
/// same order: as an array of string slices they would take twice the room in the binary.
macro_rules! errnos {
    ($($constant:ident $symbol:ident $meaning:literal;)*) => {
        const NUMBERS: &[Errno] = &[$(Errno::$constant),*];
        const LINES: Packed = packed!(concat!($($meaning, " (", stringify!($symbol), ")\n"),*));
    };
}

/// `no such file or directory (ENOENT)`; `errno 999` for a number that no row has.
pub fn text(errno: Errno) -> String {
    match line(errno) {
        Some(line) => unpacked(line),
        None => fill(
            "errno {}",
            &[&decimal(errno.raw_os_error().unsigned_abs().into())],
        ),
    }
}

/// The same where there is no room to put a number.
pub fn words(errno: Errno) -> Packed {
    line(errno).unwrap_or(packed!("an unknown error"))
}

fn line(errno: Errno) -> Option<Packed> {
    let row = NUMBERS.iter().position(|number| *number == errno)?;
    Some(LINES.line(row))
}

// The errors of include/uapi/asm-generic/errno-base.h and errno.h, less those of STREAMS, XENIX
// and other systems that no Linux call returns any more.
errnos! {
    PERM EPERM "operation not permitted";
    NOENT ENOENT "no such file or directory";
    SRCH ESRCH "no such process";
    INTR EINTR "interrupted system call";
    IO EIO "input/output error";
    NXIO ENXIO "no such device or address";
    TOOBIG E2BIG "argument list too long";
    NOEXEC ENOEXEC "exec format error";
    BADF EBADF "bad file descriptor";
    CHILD ECHILD "no child processes";
    AGAIN EAGAIN "resource temporarily unavailable";
    NOMEM ENOMEM "cannot allocate memory";
    ACCESS EACCES "permission denied";
    FAULT EFAULT "bad address";
    NOTBLK ENOTBLK "block device required";
    BUSY EBUSY "device or resource busy";
    EXIST EEXIST "file exists";
    XDEV EXDEV "invalid cross-device link";
    NODEV ENODEV "no such device";
    NOTDIR ENOTDIR "not a directory";
    ISDIR EISDIR "is a directory";
    INVAL EINVAL "invalid argument";
    NFILE ENFILE "too many open files in system";
    MFILE EMFILE "too many open files";
    NOTTY ENOTTY "inappropriate ioctl for device";
    TXTBSY ETXTBSY "text file busy";
    FBIG EFBIG "file too large";
    NOSPC ENOSPC "no space left on device";
    SPIPE ESPIPE "illegal seek";
    ROFS EROFS "read-only file system";
    MLINK EMLINK "too many links";
    PIPE EPIPE "broken pipe";
    DOM EDOM "numerical argument out of domain";
    RANGE ERANGE "numerical result out of range";
    DEADLK EDEADLK "resource deadlock avoided";
    NAMETOOLONG ENAMETOOLONG "file name too long";
    NOLCK ENOLCK "no locks available";
    NOSYS ENOSYS "function not implemented";
    NOTEMPTY ENOTEMPTY "directory not empty";
    LOOP ELOOP "too many levels of symbolic links";
    NOMSG ENOMSG "no message of desired type";
    IDRM EIDRM "identifier removed";
    LNRNG ELNRNG "link number out of range";
    BADR EBADR "invalid request descriptor";
    BADRQC EBADRQC "invalid request code";
    NODATA ENODATA "no data available";
    PROTO EPROTO "protocol error";
    BADMSG EBADMSG "bad message";
    OVERFLOW EOVERFLOW "value too large for defined data type";
    BADFD EBADFD "file descriptor in bad state";
    ILSEQ EILSEQ "invalid or incomplete multibyte or wide character";
    USERS EUSERS "too many users";
    NOTSOCK ENOTSOCK "socket operation on non-socket";
    DESTADDRREQ EDESTADDRREQ "destination address required";
    MSGSIZE EMSGSIZE "message too long";
    PROTOTYPE EPROTOTYPE "protocol wrong type for socket";
    NOPROTOOPT ENOPROTOOPT "protocol not available";
    PROTONOSUPPORT EPROTONOSUPPORT "protocol not supported";
    SOCKTNOSUPPORT ESOCKTNOSUPPORT "socket type not supported";
    NOTSUP EOPNOTSUPP "operation not supported";
    PFNOSUPPORT EPFNOSUPPORT "protocol family not supported";
    AFNOSUPPORT EAFNOSUPPORT "address family not supported by protocol";
    ADDRINUSE EADDRINUSE "address already in use";
    ADDRNOTAVAIL EADDRNOTAVAIL "cannot assign requested address";
    NETDOWN ENETDOWN "network is down";
    NETUNREACH ENETUNREACH "network is unreachable";
    NETRESET ENETRESET "network dropped connection on reset";
    CONNABORTED ECONNABORTED "software caused connection abort";
    CONNRESET ECONNRESET "connection reset by peer";
    NOBUFS ENOBUFS "no buffer space available";
    ISCONN EISCONN "transport endpoint is already connected";
    NOTCONN ENOTCONN "transport endpoint is not connected";
    SHUTDOWN ESHUTDOWN "cannot send after transport endpoint shutdown";
    TOOMANYREFS ETOOMANYREFS "too many references: cannot splice";
    TIMEDOUT ETIMEDOUT "connection timed out";
    CONNREFUSED ECONNREFUSED "connection refused";
    HOSTDOWN EHOSTDOWN "host is down";
    HOSTUNREACH EHOSTUNREACH "no route to host";
    ALREADY EALREADY "operation already in progress";
    INPROGRESS EINPROGRESS "operation now in progress";
    STALE ESTALE "stale file handle";
    UCLEAN EUCLEAN "structure needs cleaning";
    ISNAM EISNAM "is a named type file";
    REMOTEIO EREMOTEIO "remote I/O error";
    DQUOT EDQUOT "disk quota exceeded";
    NOMEDIUM ENOMEDIUM "no medium found";
    MEDIUMTYPE EMEDIUMTYPE "wrong medium type";
    CANCELED ECANCELED "operation canceled";
    NOKEY ENOKEY "required key not available";
    KEYEXPIRED EKEYEXPIRED "key has expired";
    KEYREVOKED EKEYREVOKED "key has been revoked";
    KEYREJECTED EKEYREJECTED "key was rejected by service";
    OWNERDEAD EOWNERDEAD "owner died";
    NOTRECOVERABLE ENOTRECOVERABLE "state not recoverable";
    RFKILL ERFKILL "operation not possible due to RF-kill";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_line() {
        assert_eq!(NUMBERS.len(), unpacked(LINES).lines().count());
        assert_eq!(text(Errno::NOENT), "no such file or directory (ENOENT)");
        assert_eq!(text(Errno::PERM), "operation not permitted (EPERM)");
        assert_eq!(
            text(Errno::AGAIN),
            "resource temporarily unavailable (EAGAIN)"
        );
        assert_eq!(text(Errno::from_raw_os_error(999)), "errno 999");
    }

    /// The C library under the test program is the oracle; musl words some of them otherwise.
    #[cfg(target_env = "gnu")]
    #[test]
    fn meanings_are_those_of_strerror() {
        for (number, line) in NUMBERS.iter().zip(unpacked(LINES).lines()) {
            let oracle = std::io::Error::from_raw_os_error(number.raw_os_error());
            let oracle = oracle.to_string().to_lowercase();
            let meaning = line
                .rsplit_once(" (")
                .map(|(meaning, _)| meaning.to_lowercase());
            assert_eq!(
                oracle.rsplit_once(" (os").map(|(text, _)| text),
                meaning.as_deref()
            );
        }
    }
}
