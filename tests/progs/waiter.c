// SPDX-License-Identifier: GPL-2.0
/*
 * Runs under a name of its own on one CPU, without a break or in short turns, and says at the end what the kernel counted
 * for it, and what it knows by its own clock: JSON in FILE.
 *
 * usage: waiter NAME CPU MILLISECONDS spin|sleep|roam|half FILE
 *	spin: all the time; sleep: at nice 10, 1 ms of sleep after each 0.2 ms, and counts from there on; roam: moves to another CPU every 20 ms;
 *	half: half of the time, then sleeps, and copies /proc/stat before and after to FILE.stat0 and FILE.stat1
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* By the gaps between readings of the clock: time in which it did not run though it would have, not less than it waited for a CPU;
 * and time in which it ran, not more than it had the CPU. */
static uint64_t missed, spun;

static void spin(uint64_t until)
{
	uint64_t before = now(), t;

	for (; before < until; before = t) {
		t = now();
		*(t - before > 10000 ? &missed : &spun) += t - before;
	}
}

static void sleep_1ms(void)
{
	uint64_t begin = now();

	usleep(1000);
	missed += now() - begin - 1000000;
}

static void go(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("sched_setaffinity"), exit(1);
}

/* Number after the key in a file of "key: value" lines, -1: there is none. */
static long long number(const char *path, const char *key)
{
	char line[256];
	long long v = -1;
	FILE *f = fopen(path, "r");

	while (f && v < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) && strchr(line, ':'))
			v = atoll(strchr(line, ':') + 1);
	if (f)
		fclose(f);
	return v;
}

/* Returns when it was. */
static uint64_t stat_copy(const char *path, const char *suffix)
{
	static char text[65536];
	char name[4096];
	uint64_t t = now();
	FILE *f = fopen("/proc/stat", "r");
	size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

	if (f)
		fclose(f);
	snprintf(name, sizeof(name), "%s.%s", path, suffix);
	f = fopen(name, "w");
	if (f) {
		fwrite(text, 1, n, f);
		fclose(f);
	}
	return t;
}

struct counts {
	unsigned long long ran, delay;
	long long voluntary, involuntary, migrations;
};

static struct counts counted(void)
{
	struct counts c = { 0 };
	FILE *f = fopen("/proc/self/schedstat", "r");

	if (!f || fscanf(f, "%llu %llu", &c.ran, &c.delay) != 2)
		c.delay = 0;
	if (f)
		fclose(f);
	c.voluntary = number("/proc/self/status", "voluntary_ctxt");
	c.involuntary = number("/proc/self/status", "nonvoluntary_ctxt");
	c.migrations = number("/proc/self/sched", "se.nr_migrations");
	return c;
}

static int report(const char *path, struct counts a, uint64_t begin, uint64_t end)
{
	struct counts b = counted();
	FILE *f;

	usleep(500000); /* what comes now is not in these numbers: it shall not have to wait for a CPU */
	f = fopen(path, "w");
	if (!f)
		return 1;
	fprintf(f, "{\"ran\":%llu,\"delay\":%llu,\"missed\":%llu,\"spun\":%llu,\"voluntary\":%lld,\"involuntary\":%lld,\"migrations\":%lld,\"begin\":%llu,\"end\":%llu}\n",
		b.ran - a.ran, b.delay - a.delay, (unsigned long long)missed, (unsigned long long)spun, b.voluntary - a.voluntary, b.involuntary - a.involuntary,
		b.migrations < 0 ? b.migrations : b.migrations - a.migrations, (unsigned long long)begin, (unsigned long long)end);
	return fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
	uint64_t begin = 0, end, ms;
	struct counts before = { 0 };
	int cpu, half;

	if (argc != 6) {
		fprintf(stderr, "usage: waiter NAME CPU MILLISECONDS spin|sleep|roam|half FILE\n");
		return 2;
	}
	prctl(PR_SET_NAME, argv[1]);
	if (!strcmp(argv[4], "sleep")) {
		if (setpriority(PRIO_PROCESS, 0, 10))
			perror("setpriority"), exit(1);
		before = counted();
	}
	cpu = atoi(argv[2]);
	go(cpu);
	half = !strcmp(argv[4], "half");
	ms = (uint64_t)atoll(argv[3]) / (half ? 2 : 1);
	if (half)
		begin = stat_copy(argv[5], "stat0");
	end = now() + ms * 1000000u;
	while (now() < end) {
		spin(now() + (argv[4][0] == 'r' ? 20000000u : 200000u));
		if (!strcmp(argv[4], "sleep"))
			sleep_1ms();
		if (!strcmp(argv[4], "roam"))
			go(cpu = !cpu);
	}
	if (half) {
		usleep((unsigned int)ms * 1000);
		end = stat_copy(argv[5], "stat1");
	}
	return report(argv[5], before, begin, end);
}
