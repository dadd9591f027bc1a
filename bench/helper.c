/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bench/run cannot do in Python:
 *   helper empty OBJECT NAME...  attach these empty programs, until standard input ends
 *   helper stats                 let the kernel measure BPF run time, until standard input ends
 *   helper calls SECONDS         print the ns that one getppid() takes
 *   helper time FILE COMMAND...  run it, its output into FILE, and append the ns that it took and the context switches of
 *                                the machine meanwhile; its processes end with it, and with us, however we end
 * Each of the first two prints "ready" when it is. What it holds are file descriptors: nothing outlives it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int fail(const char *what, int err)
{
	fprintf(stderr, "helper: %s: %s\n", what, strerror(err < 0 ? -err : err));
	return 1;
}

static int hold(void)
{
	char c;

	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}

static int empty(const char *object, char **names)
{
	struct bpf_object *obj;
	struct bpf_program *p;
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int err;

	setrlimit(RLIMIT_MEMLOCK, &all); /* kernels before 5.11 */
	obj = bpf_object__open_file(object, NULL);
	if (!obj)
		return fail(object, errno);
	bpf_object__for_each_program(p, obj)
		bpf_program__set_autoload(p, false);
	for (int i = 0; names[i]; i++) {
		p = bpf_object__find_program_by_name(obj, names[i]);
		if (!p)
			return fail(names[i], ENOENT);
		bpf_program__set_autoload(p, true);
	}
	err = bpf_object__load(obj);
	if (err)
		return fail("load", err);
	for (int i = 0; names[i]; i++)
		if (!bpf_program__attach(bpf_object__find_program_by_name(obj, names[i])))
			return fail(names[i], errno);
	return hold();
}

static int stats(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? fail("BPF_ENABLE_STATS", fd) : hold();
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int calls(double seconds)
{
	uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), now, n = 0;

	do {
		for (int i = 0; i < 10000; i++)
			syscall(SYS_getppid);
		n += 10000;
		now = now_ns();
	} while (now < end);
	printf("%.2f\n", (double)(now - start) / (double)n);
	return 0;
}

/* Context switches of the machine since it started. */
static unsigned long long switches(void)
{
	unsigned long long n = 0;
	char line[4096];
	FILE *f = fopen("/proc/stat", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "ctxt %llu", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

/* The first process of its PID namespace: when it ends, the kernel ends all others there. */
static int command_run(int out, char **argv)
{
	pid_t child, pid;
	int status = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	child = fork();
	if (!child) {
		dup2(out, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(fail(argv[0], errno) + 126);
	}
	do
		pid = wait(&status);
	while (pid != child && (pid > 0 || errno == EINTR));
	return pid == child && WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static int timed(const char *file, char **argv)
{
	const int out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	unsigned long long n;
	uint64_t start;
	pid_t init;
	int status = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (out < 0)
		return fail(file, errno);
	if (unshare(CLONE_NEWPID))
		return fail("unshare", errno);
	n = switches();
	start = now_ns();
	init = fork();
	if (!init)
		_exit(command_run(out, argv));
	if (init < 0 || waitpid(init, &status, 0) != init)
		return fail("fork", errno);
	start = now_ns() - start;
	dprintf(out, "%llu %llu\n", (unsigned long long)start, switches() - n);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "empty"))
		return empty(argv[2], argv + 3);
	if (argc == 2 && !strcmp(argv[1], "stats"))
		return stats();
	if (argc == 3 && !strcmp(argv[1], "calls"))
		return calls(strtod(argv[2], NULL));
	if (argc > 3 && !strcmp(argv[1], "time"))
		return timed(argv[2], argv + 3);
	fprintf(stderr, "usage: helper empty OBJECT NAME... | stats | calls SECONDS | time FILE COMMAND...\n");
	return 2;
}
