/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Appends SIZE bytes to a file and makes them last, COUNT times.
 * Prints {"writes":N,"fsyncs":N,"bytes":N,"fsync_ns":SUM}.
 *
 * usage: fsyncer [-d] [-z SIZE] [-n COUNT] FILE
 *   -d: fdatasync
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned long count = 10, done = 0;
	size_t size = 4096;
	uint64_t bytes = 0, ns = 0;
	int c, fd, data = 0;
	char *buf;

	while ((c = getopt(argc, argv, "dz:n:")) != -1) {
		switch (c) {
		case 'd': data = 1; break;
		case 'z': size = (size_t)atol(optarg); break;
		case 'n': count = (unsigned long)atol(optarg); break;
		default: return 2;
		}
	}
	if (argc - optind != 1 || !size) {
		fprintf(stderr, "usage: fsyncer [-d] [-z SIZE] [-n COUNT] FILE\n");
		return 2;
	}
	fd = open(argv[optind], O_WRONLY | O_CREAT | O_APPEND, 0600);
	buf = calloc(1, size);
	if (fd < 0 || !buf) {
		fprintf(stderr, "fsyncer: %s: %s\n", argv[optind], strerror(errno));
		return 1;
	}
	for (; done < count; done++) {
		ssize_t n = write(fd, buf, size);
		uint64_t t = now();

		if (n < 0 || (data ? fdatasync(fd) : fsync(fd))) {
			fprintf(stderr, "fsyncer: %s: %s\n", argv[optind], strerror(errno));
			return 1;
		}
		ns += now() - t;
		bytes += (uint64_t)n;
	}
	printf("{\"writes\":%lu,\"fsyncs\":%lu,\"bytes\":%llu,\"fsync_ns\":%llu}\n", done, done, (unsigned long long)bytes,
	       (unsigned long long)ns);
	return 0;
}
