/* Drives libseccomp as runc does, for the tests that compare the seccomp compiler with it: commands on standard input, one
 * a line, and programs on standard output. See `oracle.rs`, which writes the one and reads the other. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MOST 100000

struct rule {
	uint32_t action;
	char name[64];
	unsigned count;
	struct scmp_arg_cmp args[6];
};

static struct rule *rules;
static unsigned rule_count;
static uint32_t archs[32], default_action, optimize;
static unsigned arch_count;

/* The filter of what was said so far; a negative number is libseccomp's error. */
static int make(int file)
{
	scmp_filter_ctx filter = seccomp_init(default_action);
	int result = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, optimize) : -ENOMEM;
	int native = 0;
	for (unsigned i = 0; i < arch_count; i++)
		native |= archs[i] == seccomp_arch_native();
	if (result == 0 && !native)
		result = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
	for (unsigned i = 0; result == 0 && i < arch_count; i++) {
		result = seccomp_arch_add(filter, archs[i]);
		if (result == -EEXIST)
			result = 0;
	}
	for (unsigned i = 0; result == 0 && i < rule_count; i++) {
		const struct rule *rule = &rules[i];
		int number = seccomp_syscall_resolve_name(rule->name);
		if (number == __NR_SCMP_ERROR)
			continue;
		result = seccomp_rule_add_array(filter, rule->action, number, rule->count, rule->args);
	}
	if (result == 0)
		result = seccomp_export_bpf(filter, file);
	if (filter)
		seccomp_release(filter);
	return result;
}

static void say_program(int file)
{
	if (ftruncate(file, 0) || lseek(file, 0, SEEK_SET))
		exit(1);
	int result = make(file);
	if (result) {
		printf("error %d\n", -result);
	} else {
		static unsigned char bytes[1 << 20];
		ssize_t length = pread(file, bytes, sizeof bytes, 0);
		printf("program ");
		for (ssize_t i = 0; i < length; i++)
			printf("%02x", bytes[i]);
		printf("\n");
	}
	fflush(stdout);
}

/* The nanoseconds that one filter takes: the least of so many. */
static void say_time(int file, unsigned count)
{
	uint64_t least = UINT64_MAX;
	while (count--) {
		struct timespec before, after;
		if (ftruncate(file, 0) || lseek(file, 0, SEEK_SET))
			exit(1);
		clock_gettime(CLOCK_MONOTONIC, &before);
		make(file);
		clock_gettime(CLOCK_MONOTONIC, &after);
		uint64_t took = (after.tv_sec - before.tv_sec) * UINT64_C(1000000000) + after.tv_nsec - before.tv_nsec;
		least = took < least ? took : least;
	}
	printf("time %" PRIu64 "\n", least);
	fflush(stdout);
}

int main(void)
{
	static char line[4096];
	int file = memfd_create("program", MFD_CLOEXEC);
	rules = calloc(MOST, sizeof *rules);
	if (file < 0 || !rules)
		return 1;
	while (fgets(line, sizeof line, stdin)) {
		char *word = strtok(line, " \n"), *next;
		if (!word)
			continue;
#define NUMBER() ((next = strtok(NULL, " \n")) ? strtoull(next, NULL, 0) : 0)
		if (!strcmp(word, "new")) {
			default_action = NUMBER();
			optimize = NUMBER();
			rule_count = arch_count = 0;
		} else if (!strcmp(word, "arch") && arch_count < 32) {
			archs[arch_count++] = NUMBER();
		} else if (!strcmp(word, "rule") && rule_count < MOST) {
			struct rule *rule = &rules[rule_count++];
			rule->action = NUMBER();
			next = strtok(NULL, " \n");
			snprintf(rule->name, sizeof rule->name, "%s", next ? next : "");
			rule->count = NUMBER();
			for (unsigned i = 0; i < rule->count && i < 6; i++) {
				struct scmp_arg_cmp *arg = &rule->args[i];
				arg->arg = NUMBER();
				arg->op = NUMBER();
				arg->datum_a = NUMBER();
				arg->datum_b = NUMBER();
			}
		} else if (!strcmp(word, "make")) {
			say_program(file);
		} else if (!strcmp(word, "time")) {
			say_time(file, NUMBER());
		} else if (!strcmp(word, "number")) {
			uint32_t arch = NUMBER();
			next = strtok(NULL, " \n");
			printf("number %d\n", seccomp_syscall_resolve_name_arch(arch, next ? next : ""));
			fflush(stdout);
		} else {
			return 1;
		}
	}
	return 0;
}
