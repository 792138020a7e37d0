//! What runs in the container (config.md, "Process"). Alone it is also exec's process.json.

use core::ffi::CStr;

use crate::{List, Maybe, Text};

crate::object! {
    /// A process (config.md, "Process").
    pub struct Process<'a> {
        /// Whether it gets a terminal.
        terminal: bool = "terminal",
        /// The terminal's size.
        console_size: Maybe<ConsoleSize> = "consoleSize",
        /// Who it runs as.
        user: User<'a> = "user",
        /// The program and its arguments.
        args: List<'a, &'a CStr> = "args",
        /// Its environment, `NAME=value` each.
        env: List<'a, Text<'a>> = "env",
        /// Its working directory, absolute, inside the container.
        cwd: Option<&'a CStr> = "cwd",
        /// Its capabilities; absent leaves them to the runtime.
        capabilities: Maybe<Capabilities<'a>> = "capabilities",
        /// Its resource limits, one of a type.
        rlimits: List<'a, Rlimit<'a>> = "rlimits",
        /// Whether execve(2) may no longer give privileges (PR_SET_NO_NEW_PRIVS).
        no_new_privileges: bool = "noNewPrivileges",
        /// The AppArmor profile to run under.
        apparmor_profile: Option<&'a CStr> = "apparmorProfile",
        /// The SELinux label to run under.
        selinux_label: Option<&'a CStr> = "selinuxLabel",
        /// What to write to /proc/self/oom_score_adj, -1000..=1000. Absent: leave it alone.
        oom_score_adj: Option<i32> = "oomScoreAdj",
        /// How it is scheduled.
        scheduler: Maybe<Scheduler<'a>> = "scheduler",
        /// Its priority for input and output.
        io_priority: Maybe<IoPriority<'a>> = "ioPriority",
        /// The CPUs that an exec'd process is bound to.
        exec_cpu_affinity: Maybe<ExecCpuAffinity<'a>> = "execCPUAffinity",
    }

    /// A terminal's size in characters (config.md, "Process").
    pub struct ConsoleSize {
        /// Rows.
        height: u64 = required "height",
        /// Columns.
        width: u64 = required "width",
    }

    /// Ids inside the container (config.md, "POSIX-platform User").
    pub struct User<'a> {
        /// User id.
        uid: u32 = "uid",
        /// Group id.
        gid: u32 = "gid",
        /// umask(2); absent leaves it to the runtime.
        umask: Option<u32> = "umask",
        /// Supplementary groups.
        additional_gids: List<'a, u32> = "additionalGids",
    }

    /// Five sets of `CAP_*` names (config.md, "Linux Process").
    pub struct Capabilities<'a> {
        /// The limit to what execve(2) can give.
        bounding: List<'a, &'a CStr> = "bounding",
        /// What the kernel checks.
        effective: List<'a, &'a CStr> = "effective",
        /// What survives execve(2) if the file's inheritable set has it too.
        inheritable: List<'a, &'a CStr> = "inheritable",
        /// What the process may make effective.
        permitted: List<'a, &'a CStr> = "permitted",
        /// What survives execve(2) of an ordinary file.
        ambient: List<'a, &'a CStr> = "ambient",
    }

    /// One resource limit (config.md, "POSIX process"), see setrlimit(2).
    pub struct Rlimit<'a> {
        /// `RLIMIT_*`.
        kind: Option<&'a CStr> = "type",
        /// The limit in force.
        soft: u64 = required "soft",
        /// How far an ordinary process may raise it.
        hard: u64 = required "hard",
    }

    /// Scheduling (config.md, "Linux Process"), see sched_setattr(2).
    pub struct Scheduler<'a> {
        /// `SCHED_*`.
        policy: Option<&'a CStr> = "policy",
        /// For the ordinary policies: -20..=19.
        nice: i32 = "nice",
        /// For SCHED_FIFO and SCHED_RR: the static priority.
        priority: i32 = "priority",
        /// `SCHED_FLAG_*`.
        flags: List<'a, &'a CStr> = "flags",
        /// For SCHED_DEADLINE: nanoseconds of run time in a period.
        runtime: u64 = "runtime",
        /// For SCHED_DEADLINE: nanoseconds from the period's start to the deadline.
        deadline: u64 = "deadline",
        /// For SCHED_DEADLINE: the period in nanoseconds.
        period: u64 = "period",
    }

    /// Priority for input and output (config.md, "Linux Process"), see ioprio_set(2).
    pub struct IoPriority<'a> {
        /// `IOPRIO_CLASS_*`.
        class: Option<&'a CStr> = "class",
        /// Within the class: 0 (first) to 7.
        priority: i32 = "priority",
    }

    /// CPU lists such as `0-3,7` for an exec'd process (config.md, "Linux Process").
    pub struct ExecCpuAffinity<'a> {
        /// Before it enters the container's cgroup.
        initial: Option<&'a CStr> = "initial",
        /// After that.
        last: Option<&'a CStr> = "final",
    }
}
