/* The kernel's floor: one straight line of system calls that starts and stops a container of the default config,
 * with nothing decided, checked or remembered. A runtime's time divided by this program's is how far it is from
 * what the kernel itself costs. Built against musl by `cargo ci bench`; no header of the kernel's is needed.
 *
 *     floor ROOTFS NAME CGROUPS PROGRAM [ARGUMENT...]
 *
 * FLOOR_FILTER=1 in the environment: with a seccomp filter of as many instructions as mote makes of an engine's profile.
 * CGROUPS: directories of cgroup v1 hierarchies with ':' between them, or '2=' and the directory of a v2 hierarchy,
 * or nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NEW_CGROUP = 0x02000000, PIDFD = 0x00001000, CAPABILITIES_V3 = 0x20080522, LAST_CAPABILITY = 40, HIERARCHIES = 16 };
static const uint64_t INTO_CGROUP = 0x200000000;
/* CAP_KILL, CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE */
static const uint64_t KEEP = 1u << 5 | 1u << 10 | 1u << 29;

/* struct clone_args of clone3(2) */
struct clone3 { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; };

static const struct { const char *source, *target, *type; unsigned long flags; const char *data; } MOUNTS[] = {
	{"proc", "proc", "proc", 0, NULL},
	{"tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"},
	{"devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
	{"shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k"},
	{"mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL},
	{"sysfs", "sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL},
};
static const struct { const char *path; int major, minor; } NODES[] = {
	{"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/tty", 5, 0}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9},
};
static const struct { const char *to, *path; } LINKS[] = {
	{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
	{"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"},
};
static const char *READONLY[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
static const char *MASKED_FILES[] = {"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug"};
static const char *MASKED_DIRS[] = {"/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware"};

#define EACH(i, table) for (unsigned i = 0; i < sizeof table / sizeof *table; i++)

/* Ends the program with the step's name when the kernel said no. */
static long must(const char *step, const char *item, long result)
{
	if (result >= 0) return result;
	fprintf(stderr, "floor: %s %s: %s\n", step, item, strerror(errno));
	_exit(125);
}

static void put(const char *dir, const char *file, const char *text, size_t length)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", dir, file);
	int fd = must("open", path, open(path, O_WRONLY | O_CLOEXEC));
	must("write", path, write(fd, text, length));
	close(fd);
}

/* A new v1 cpuset takes no process until it has cpus and memory nodes: the parent's. */
static void inherit(const char *parent, const char *dir, const char *file)
{
	char path[512], text[256];
	snprintf(path, sizeof path, "%s/%s", parent, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return;
	ssize_t length = read(fd, text, sizeof text);
	close(fd);
	if (length > 0) put(dir, file, text, length);
}

static void make_root(const char *rootfs)
{
	must("slave", "/", mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
	must("bind", rootfs, mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
	must("chdir", rootfs, chdir(rootfs));
	EACH(i, MOUNTS) {
		/* The first two have their places in the rootfs, and so has sys; the others' are in the new /dev. */
		if (strchr(MOUNTS[i].target, '/')) must("mkdir", MOUNTS[i].target, mkdir(MOUNTS[i].target, 0755));
		must("mount", MOUNTS[i].target, mount(MOUNTS[i].source, MOUNTS[i].target, MOUNTS[i].type, MOUNTS[i].flags, MOUNTS[i].data));
	}
	EACH(i, NODES) {
		must("mknod", NODES[i].path, mknod(NODES[i].path, S_IFCHR | 0666, makedev(NODES[i].major, NODES[i].minor)));
		must("chmod", NODES[i].path, chmod(NODES[i].path, 0666));
	}
	EACH(i, LINKS) must("symlink", LINKS[i].path, symlink(LINKS[i].to, LINKS[i].path));
	must("pivot_root", rootfs, syscall(SYS_pivot_root, ".", "."));
	must("slave", "old root", mount(NULL, ".", NULL, MS_REC | MS_SLAVE, NULL));
	must("umount", "old root", umount2(".", MNT_DETACH));
	must("chdir", "/", chdir("/"));
	must("readonly", "/", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
}

static void hide(void)
{
	EACH(i, READONLY)
		if (!mount(READONLY[i], READONLY[i], NULL, MS_BIND | MS_REC, NULL))
			must("readonly", READONLY[i], mount(NULL, READONLY[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	/* What this kernel has not needs no mask. */
	EACH(i, MASKED_FILES) mount("/dev/null", MASKED_FILES[i], NULL, MS_BIND, NULL);
	EACH(i, MASKED_DIRS) mount("tmpfs", MASKED_DIRS[i], "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1");
}

static void drop(void)
{
	const struct rlimit files = {1024, 1024};
	must("setrlimit", "NOFILE", setrlimit(RLIMIT_NOFILE, &files));
	must("prctl", "no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	for (int capability = 0; capability <= LAST_CAPABILITY; capability++)
		if (!(KEEP >> capability & 1)) must("prctl", "bounding set", prctl(PR_CAPBSET_DROP, capability, 0, 0, 0));
	struct { uint32_t version; int pid; } header = {CAPABILITIES_V3, 0};
	struct { uint32_t effective, permitted, inheritable; } sets[2] = {{KEEP, KEEP, 0}, {0, 0, 0}};
	must("capset", "", syscall(SYS_capset, &header, sets));
}

/* struct sock_filter and struct sock_fprog (linux/filter.h) */
struct instruction { uint16_t code; uint8_t yes, no; uint32_t value; };
struct program { uint16_t length; struct instruction *first; };
enum { LOAD = 0x20, AT_LEAST = 0x35, RETURN = 0x06, LEAVES = 104, CALLS = 4, ALLOW = 0x7fff0000, REFUSE = 0x00050001 };

/* A search tree over system calls, CALLS of them to a leaf, and from number 200 on every 12th leaf refused: none that the rest of this
 * program or true(1) needs. */
static struct instruction *tree(struct instruction *at, int from, int to)
{
	if (to - from == 1) {
		*at = (struct instruction){RETURN, 0, 0, from % 12 == 11 && from > 50 ? REFUSE : ALLOW};
		return at + 1;
	}
	int middle = (from + to) / 2;
	struct instruction *high = tree(at + 1, from, middle);
	*at = (struct instruction){AT_LEAST, high - at - 1, 0, middle * CALLS};
	return tree(high, middle, to);
}

static void filter(void)
{
	static struct instruction program[2 * LEAVES] = {{LOAD, 0, 0, 0}};
	struct program loaded = {tree(program + 1, 0, LEAVES) - program, program};
	/* SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW */
	must("seccomp", "", syscall(SYS_seccomp, 1, 4, &loaded));
}

static void child(const char *rootfs, char **command)
{
	make_root(rootfs);
	must("sethostname", "floor", sethostname("floor", 5));
	hide();
	drop();
	setsid();
	if (getenv("FLOOR_FILTER")) filter();
	must("execve", command[0], execv(command[0], command));
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fputs("usage: floor ROOTFS NAME CGROUPS PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	char *hierarchy[HIERARCHIES], dir[HIERARCHIES][512];
	int count = 0, pidfd = -1, status = 0;
	struct clone3 clone = {.flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | PIDFD,
		.pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
	int v2 = !strncmp(argv[3], "2=", 2);
	for (char *at = strtok(argv[3] + 2 * v2, ":"); at && count < HIERARCHIES; at = strtok(NULL, ":")) hierarchy[count++] = at;
	for (int i = 0; i < count; i++) {
		snprintf(dir[i], sizeof dir[i], "%s/%s", hierarchy[i], argv[2]);
		must("mkdir", dir[i], mkdir(dir[i], 0755));
		if (v2) {
			clone.flags |= NEW_CGROUP | INTO_CGROUP;
			clone.cgroup = must("open", dir[i], open(dir[i], O_PATH | O_DIRECTORY | O_CLOEXEC));
			continue;
		}
		inherit(hierarchy[i], dir[i], "cpuset.cpus");
		inherit(hierarchy[i], dir[i], "cpuset.mems");
		/* The child is born where its parent is. */
		put(dir[i], "cgroup.procs", "0", 1);
	}
	long pid = must("clone3", "", syscall(SYS_clone3, &clone, sizeof clone));
	if (pid == 0) child(argv[1], argv + 4);
	must("wait", "", waitpid(pid, &status, 0));
	for (int i = 0; i < count; i++) {
		if (!v2) put(hierarchy[i], "cgroup.procs", "0", 1);
		must("rmdir", dir[i], rmdir(dir[i]));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
