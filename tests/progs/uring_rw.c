/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads, writes or fsyncs a file through io_uring, DEPTH at a time, submitted in batches, and prints what it did
 * itself: {"ops":N,"bytes":N,"errors":N,"latency_ns":SUM}. Latency: from before the submission to the reaping.
 *
 * usage: uring_rw [-s] [-a] [-f N] [-d DEPTH] [-b BATCH] [-z SIZE] [-n COUNT] r|w FILE
 *   -s: SQPOLL; -a: IOSQE_ASYNC (worker threads); -f N: an fsync after every N operations; -B: buffered
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
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
	fprintf(stderr, "uring_rw: %s: %s\n", what, strerror(err));
	exit(1);
}

static unsigned int depth = 8, batch = 1, size = 4096, every;
static unsigned long count = 100, sent, done, errors, fsyncs;
static uint64_t bytes, latency, begun[DEPTH_MAX];
static int fd, writing, async;
static struct io_uring ring;
static char *buf[DEPTH_MAX];
static unsigned int spare[DEPTH_MAX], nspare;
static off_t blocks;

static void send_one(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	unsigned int i = spare[--nspare];
	off_t at = (off_t)(sent % (unsigned long)blocks) * size;

	if (!sqe)
		die("no room in the submission queue", ENOSPC);
	if (every && sent % (every + 1) == every) {
		io_uring_prep_fsync(sqe, fd, 0);
		fsyncs++;
	} else if (writing) {
		io_uring_prep_write(sqe, fd, buf[i], size, (uint64_t)at);
	} else {
		io_uring_prep_read(sqe, fd, buf[i], size, (uint64_t)at);
	}
	if (async)
		sqe->flags |= IOSQE_ASYNC;
	sqe->user_data = i;
	begun[i] = now();
	sent++;
}

static void reap(struct io_uring_cqe *cqe)
{
	unsigned int i = (unsigned int)cqe->user_data;

	if (cqe->res < 0)
		errors++;
	else
		bytes += (uint64_t)cqe->res;
	latency += now() - begun[i];
	spare[nspare++] = i;
	done++;
	io_uring_cqe_seen(&ring, cqe);
}

static void run(void)
{
	struct io_uring_cqe *cqe;
	int err;

	while (done < count) {
		unsigned int n = 0;

		while (n < batch && nspare && sent < count) {
			send_one();
			n++;
		}
		err = n ? io_uring_submit(&ring) : 0;
		if (err < 0)
			die("submit", -err);
		if (sent < count && nspare >= batch)
			continue;
		err = io_uring_wait_cqe(&ring, &cqe);
		if (err == -EINTR)
			continue;
		if (err)
			die("wait", -err);
		reap(cqe);
		while (!io_uring_peek_cqe(&ring, &cqe))
			reap(cqe);
	}
}

int main(int argc, char **argv)
{
	struct io_uring_params p = { 0 };
	int c, err, flags = O_DIRECT;

	while ((c = getopt(argc, argv, "saBf:d:b:z:n:")) != -1) {
		switch (c) {
		case 's': p.flags |= IORING_SETUP_SQPOLL; p.sq_thread_idle = 100; break;
		case 'a': async = 1; break;
		case 'B': flags = 0; break;
		case 'f': every = (unsigned int)atoi(optarg); break;
		case 'd': depth = (unsigned int)atoi(optarg); break;
		case 'b': batch = (unsigned int)atoi(optarg); break;
		case 'z': size = (unsigned int)atoi(optarg); break;
		case 'n': count = (unsigned long)atol(optarg); break;
		default: return 2;
		}
	}
	if (argc - optind != 2 || !depth || depth > DEPTH_MAX || !batch || batch > depth || !size) {
		fprintf(stderr, "usage: uring_rw [-s] [-a] [-B] [-f N] [-d DEPTH] [-b BATCH] [-z SIZE] [-n COUNT] r|w FILE\n");
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
		memset(buf[i], 'u', size);
		spare[nspare++] = i;
	}
	err = io_uring_queue_init_params(depth, &ring, &p);
	if (err)
		die("io_uring_setup", -err);
	run();
	io_uring_queue_exit(&ring);
	printf("{\"ops\":%lu,\"fsyncs\":%lu,\"bytes\":%llu,\"errors\":%lu,\"latency_ns\":%llu}\n", done - fsyncs, fsyncs,
	       (unsigned long long)bytes, errors, (unsigned long long)latency);
	return 0;
}
