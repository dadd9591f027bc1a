/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two threads write one file, so that they fight for its lock: `holder` writes (buffered) chunks of megabytes, or
 * appends with O_DIRECT to a slow device, and holds the lock for long; `waiter` writes 4k and measures how long
 * that took, and how much of it without a CPU (with the holder on the other CPU it may spin instead of sleeping). Ends
 * when the waiter has done COUNT and was MS without a CPU, or has done 20 times COUNT.
 * Prints {"waiter_ops":N,"waiter_ns":SUM,"waiter_off_cpu_ns":SUM,"holder_ops":N,...}.
 *
 * usage: inode_lock [-d] [-z CHUNK] [-n COUNT] [-w MS] FILE
 *   -d: the holder writes with O_DIRECT
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static size_t chunk = 4 << 20;
static unsigned long count = 20, holder_ops;
static uint64_t holder_ns;
static int hold_fd, stop;
static pthread_barrier_t both;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void die(const char *what, int err)
{
	fprintf(stderr, "inode_lock: %s: %s\n", what, strerror(err));
	exit(1);
}

static void *hold(void *arg)
{
	char *buf;

	(void)arg;
	if (posix_memalign((void **)&buf, 4096, chunk))
		die("memory", ENOMEM);
	memset(buf, 'h', chunk);
	pthread_setname_np(pthread_self(), "holder");
	pthread_barrier_wait(&both);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint64_t t = now();
		if (pwrite(hold_fd, buf, chunk, 0) < 0)
			die("holder", errno);
		holder_ns += now() - t;
		holder_ops++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t holder;
	uint64_t ns = 0, off = 0, enough = 0;
	unsigned long i;
	int c, fd, err, direct = 0;
	char buf[4096];

	while ((c = getopt(argc, argv, "dz:n:w:")) != -1) {
		switch (c) {
		case 'd': direct = O_DIRECT; break;
		case 'z': chunk = (size_t)atol(optarg); break;
		case 'n': count = (unsigned long)atol(optarg); break;
		case 'w': enough = (uint64_t)atol(optarg) * 1000000u; break;
		default: return 2;
		}
	}
	if (argc - optind != 1 || !chunk) {
		fprintf(stderr, "usage: inode_lock [-d] [-z CHUNK] [-n COUNT] [-w MS] FILE\n");
		return 2;
	}
	fd = open(argv[optind], O_RDWR | O_CREAT, 0600);
	hold_fd = open(argv[optind], O_RDWR | direct);
	if (fd < 0 || hold_fd < 0)
		die(argv[optind], errno);
	memset(buf, 'w', sizeof(buf));
	pthread_barrier_init(&both, NULL, 2);
	err = pthread_create(&holder, NULL, hold, NULL);
	if (err)
		die("pthread_create", err);
	pthread_setname_np(pthread_self(), "waiter");
	pthread_barrier_wait(&both);
	for (i = 0; i < count || (off < enough && i < 20 * count); i++) {
		struct timespec pause = { 0, 2000000 };
		uint64_t t, cpu, wall;

		nanosleep(&pause, NULL); /* so that the holder has the lock again */
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		t = now();
		if (pwrite(fd, buf, sizeof(buf), 0) < 0)
			die("waiter", errno);
		wall = now() - t;
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		ns += wall;
		off += wall > cpu ? wall - cpu : 0;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(holder, NULL);
	printf("{\"waiter_ops\":%lu,\"waiter_ns\":%llu,\"waiter_off_cpu_ns\":%llu,\"holder_ops\":%lu,\"holder_ns\":%llu}\n", i,
	       (unsigned long long)ns, (unsigned long long)off, holder_ops, (unsigned long long)holder_ns);
	return 0;
}
