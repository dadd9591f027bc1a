// SPDX-License-Identifier: GPL-2.0
/*
 * Runs under a name of its own on one CPU, without a break or in short turns, and says at the end what the kernel counted
 * for it: JSON in FILE.
 *
 * usage: waiter NAME CPU MILLISECONDS spin|sleep|roam FILE
 *	spin: all the time; sleep: 1 ms of sleep after each 0.2 ms; roam: moves to another CPU every 20 ms
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

static int report(const char *path)
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
	fprintf(f, "{\"ran\":%llu,\"delay\":%llu,\"voluntary\":%lld,\"involuntary\":%lld,\"migrations\":%lld}\n", ran, delay, voluntary,
		involuntary, migrations);
	return fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
	uint64_t end, turn;
	int cpu;

	if (argc != 6) {
		fprintf(stderr, "usage: waiter NAME CPU MILLISECONDS spin|sleep|roam FILE\n");
		return 2;
	}
	prctl(PR_SET_NAME, argv[1]);
	cpu = atoi(argv[2]);
	go(cpu);
	end = now() + (uint64_t)atoll(argv[3]) * 1000000u;
	while (now() < end) {
		for (turn = now() + (argv[4][0] == 'r' ? 20000000u : 200000u); now() < turn;)
			;
		if (!strcmp(argv[4], "sleep"))
			usleep(1000);
		if (!strcmp(argv[4], "roam"))
			go(cpu = !cpu);
	}
	return report(argv[5]);
}
