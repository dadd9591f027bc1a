/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads, writes or fsyncs a file through libaio, DEPTH at a time, BATCH a system call, and prints what it did
 * itself: {"ops":N,"bytes":N,"errors":N,"latency_ns":SUM}. Latency: from before the submission to the reaping.
 *
 * usage: aio_rw [-B] [-l] [-f N] [-d DEPTH] [-b BATCH] [-z SIZE] [-n COUNT] r|w FILE
 *   -f N: an fsync after every N operations; -B: buffered; -l: leave the last DEPTH under way when it ends: done are
 *   the others, sent is how many were submitted
 */
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH_MAX = 256 };

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what, int err)
{
	fprintf(stderr, "aio_rw: %s: %s\n", what, strerror(err));
	exit(1);
}

static unsigned int depth = 8, batch = 1, size = 4096, every;
static unsigned long count = 100, sent, done, errors, fsyncs;
static uint64_t bytes, latency, begun[DEPTH_MAX];
static int fd, leave, writing;
static io_context_t ctx;
static char *buf[DEPTH_MAX];
static struct iocb cb[DEPTH_MAX];
static unsigned int spare[DEPTH_MAX], nspare;
static off_t blocks;

static struct iocb *prepare(void)
{
	unsigned int i = spare[--nspare];
	long long at = (long long)(sent % (unsigned long)blocks) * size;

	if (every && sent % (every + 1) == every) {
		io_prep_fsync(&cb[i], fd);
		fsyncs++;
	} else if (writing) {
		io_prep_pwrite(&cb[i], fd, buf[i], size, at);
	} else {
		io_prep_pread(&cb[i], fd, buf[i], size, at);
	}
	cb[i].data = (void *)(uintptr_t)i;
	begun[i] = now();
	sent++;
	return &cb[i];
}

static void run(void)
{
	struct io_event ev[DEPTH_MAX];
	struct iocb *list[DEPTH_MAX];

	while (done < count) {
		unsigned int n = 0;
		int got;

		while (n < batch && nspare && sent < count)
			list[n++] = prepare();
		for (unsigned int at = 0; at < n;) {
			got = io_submit(ctx, (long)(n - at), list + at);
			if (got <= 0)
				die("io_submit", -got);
			at += (unsigned int)got;
		}
		if (sent < count && nspare >= batch)
			continue;
		if (leave && sent == count)
			return;
		got = io_getevents(ctx, 1, depth, ev, NULL);
		if (got == -EINTR)
			continue;
		if (got < 0)
			die("io_getevents", -got);
		for (int i = 0; i < got; i++) {
			unsigned int slot = (unsigned int)(uintptr_t)ev[i].data;

			if ((long)ev[i].res < 0)
				errors++;
			else
				bytes += ev[i].res;
			latency += now() - begun[slot];
			spare[nspare++] = slot;
			done++;
		}
	}
}

int main(int argc, char **argv)
{
	int c, err, flags = O_DIRECT;

	while ((c = getopt(argc, argv, "Blf:d:b:z:n:")) != -1) {
		switch (c) {
		case 'B': flags = 0; break;
		case 'l': leave = 1; break;
		case 'f': every = (unsigned int)atoi(optarg); break;
		case 'd': depth = (unsigned int)atoi(optarg); break;
		case 'b': batch = (unsigned int)atoi(optarg); break;
		case 'z': size = (unsigned int)atoi(optarg); break;
		case 'n': count = (unsigned long)atol(optarg); break;
		default: return 2;
		}
	}
	if (argc - optind != 2 || !depth || depth > DEPTH_MAX || !batch || batch > depth || !size) {
		fprintf(stderr, "usage: aio_rw [-B] [-l] [-f N] [-d DEPTH] [-b BATCH] [-z SIZE] [-n COUNT] r|w FILE\n");
		return 2;
	}
	writing = argv[optind][0] == 'w';
	fd = open(argv[optind + 1], (writing ? O_RDWR : O_RDONLY) | flags);
	if (fd < 0)
		die(argv[optind + 1], errno);
	blocks = lseek(fd, 0, SEEK_END) / size;
	if (blocks < 1)
		die("the file is too small", EINVAL);
	for (unsigned int i = 0; i < depth; i++) {
		if (posix_memalign((void **)&buf[i], 4096, size))
			die("memory", ENOMEM);
		memset(buf[i], 'a', size);
		spare[nspare++] = i;
	}
	err = io_setup((int)depth, &ctx);
	if (err)
		die("io_setup", -err);
	run();
	if (!leave)
		io_destroy(ctx);
	printf("{\"sent\":%lu,\"ops\":%lu,\"fsyncs\":%lu,\"bytes\":%llu,\"errors\":%lu,\"latency_ns\":%llu}\n", sent, done - fsyncs, fsyncs,
	       (unsigned long long)bytes, errors, (unsigned long long)latency);
	return 0;
}
