// SPDX-License-Identifier: GPL-2.0
/*
 * Runs under a name of its own on one CPU, without a break or in short turns, and says at the end what the kernel counted
 * for it: JSON in FILE.
 *
 * usage: waiter NAME CPU MILLISECONDS spin|sleep|roam|half FILE
 *	spin: all the time; sleep: 1 ms of sleep after each 0.2 ms; roam: moves to another CPU every 20 ms;
 *	half: half of the time, then sleeps, and copies /proc/stat before and after to FILE.stat0 and FILE.stat1
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
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

static int report(const char *path, uint64_t begin, uint64_t end)
{
	long long voluntary = number("/proc/self/status", "voluntary_ctxt");
	long long involuntary = number("/proc/self/status", "nonvoluntary_ctxt");
	long long migrations = number("/proc/self/sched", "se.nr_migrations");
	unsigned long long ran = 0, delay = 0;
	FILE *f = fopen("/proc/self/schedstat", "r");

	if (!f || fscanf(f, "%llu %llu", &ran, &delay) != 2)
		delay = 0;
	if (f)
		fclose(f);
	usleep(500000); /* what comes now is not in these numbers: it shall not have to wait for a CPU */
	f = fopen(path, "w");
	if (!f)
		return 1;
	fprintf(f, "{\"ran\":%llu,\"delay\":%llu,\"voluntary\":%lld,\"involuntary\":%lld,\"migrations\":%lld,\"begin\":%llu,\"end\":%llu}\n", ran,
		delay, voluntary, involuntary, migrations, (unsigned long long)begin, (unsigned long long)end);
	return fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
	uint64_t begin = 0, end, turn, ms;
	int cpu, half;

	if (argc != 6) {
		fprintf(stderr, "usage: waiter NAME CPU MILLISECONDS spin|sleep|roam|half FILE\n");
		return 2;
	}
	prctl(PR_SET_NAME, argv[1]);
	cpu = atoi(argv[2]);
	go(cpu);
	half = !strcmp(argv[4], "half");
	ms = (uint64_t)atoll(argv[3]) / (half ? 2 : 1);
	if (half)
		begin = stat_copy(argv[5], "stat0");
	end = now() + ms * 1000000u;
	while (now() < end) {
		for (turn = now() + (argv[4][0] == 'r' ? 20000000u : 200000u); now() < turn;)
			;
		if (!strcmp(argv[4], "sleep"))
			usleep(1000);
		if (!strcmp(argv[4], "roam"))
			go(cpu = !cpu);
	}
	if (half) {
		usleep((unsigned int)ms * 1000);
		end = stat_copy(argv[5], "stat1");
	}
	return report(argv[5], begin, end);
}
