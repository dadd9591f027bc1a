/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps a file, drops its pages from the cache and touches N of them in random order, without read-ahead.
 * Prints {"faults":N,"major":N,"latency_ns":SUM}; major is the kernel's own count.
 *
 * usage: faults FILE N
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "faults: %s: %s\n", what, strerror(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	struct rusage before, after;
	unsigned long n, pages, sum = 0;
	unsigned int *order, seed = 1;
	uint64_t latency = 0;
	const char *map;
	off_t size;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: faults FILE N\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		die(argv[1]);
	size = lseek(fd, 0, SEEK_END);
	pages = (unsigned long)size / 4096;
	n = strtoul(argv[2], NULL, 10);
	if (!n || n > pages) {
		errno = EINVAL;
		die("N");
	}
	order = malloc(pages * sizeof(*order));
	if (!order)
		die("memory");
	for (unsigned long i = 0; i < pages; i++)
		order[i] = (unsigned int)i;
	for (unsigned long i = pages - 1; i > 0; i--) {
		unsigned long k = (unsigned long)rand_r(&seed) % (i + 1);
		unsigned int t = order[i];
		order[i] = order[k];
		order[k] = t;
	}
	map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	if (madvise((void *)map, (size_t)size, MADV_RANDOM) || fsync(fd) ||
	    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		die("dropping the cache");
	getrusage(RUSAGE_SELF, &before);
	for (unsigned long i = 0; i < n; i++) {
		uint64_t t = now();
		sum += (unsigned char)((volatile const char *)map)[(size_t)order[i] * 4096];
		latency += now() - t;
	}
	getrusage(RUSAGE_SELF, &after);
	printf("{\"faults\":%lu,\"major\":%ld,\"latency_ns\":%llu,\"sum\":%lu}\n", n, after.ru_majflt - before.ru_majflt,
	       (unsigned long long)latency, sum);
	return 0;
}
