/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * THREADS threads each read (or write) blocks of a device or file in a loop, for SECONDS or until each has done
 * COUNT. Prints {"ops":N,"bytes":N,"errors":N,"latency_ns":SUM,"run_delay_ns":SUM}: the last is what the scheduler
 * itself counted as waiting for a CPU during these calls, with -r.
 *
 * usage: readers [-w] [-B] [-q] [-o] [-r] [-t THREADS] [-z SIZE] [-n COUNT] [-s SECONDS] FILE
 *   -w: write; -B: buffered; -q: sequential, each thread in its own part (otherwise random); -o: all the same block
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

struct worker {
	pthread_t thread;
	unsigned int seed;
	unsigned long ops, errors;
	uint64_t bytes, latency, next, delay;
};

static unsigned int threads = 1, size = 4096;
static unsigned long count;
static uint64_t end, blocks;
static int fd, writing, sequential, one_block, run_delay;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what, int err)
{
	fprintf(stderr, "readers: %s: %s\n", what, strerror(err));
	exit(1);
}

/* Second number of schedstat: ns that this thread was able to run but did not. */
static uint64_t delay_of(int stat)
{
	unsigned long long run, delay = 0;
	char text[128];
	ssize_t n = stat < 0 ? 0 : pread(stat, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = 0;
	return sscanf(text, "%llu %llu", &run, &delay) == 2 ? delay : 0;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int stat = run_delay ? open("/proc/thread-self/schedstat", O_RDONLY) : -1;
	char *buf;

	if (posix_memalign((void **)&buf, 4096, size))
		die("memory", ENOMEM);
	memset(buf, 'r', size);
	while ((!count || w->ops < count) && (!end || now() < end)) {
		uint64_t block = sequential ? w->next++ % blocks : (uint64_t)rand_r(&w->seed) % blocks, t;
		off_t at = one_block ? 0 : (off_t)(block * size);
		uint64_t before = delay_of(stat);
		ssize_t n;

		t = now();
		n = writing ? pwrite(fd, buf, size, at) : pread(fd, buf, size, at);
		w->latency += now() - t;
		w->delay += delay_of(stat) - before;
		if (n < 0)
			w->errors++;
		else
			w->bytes += (uint64_t)n;
		w->ops++;
	}
	free(buf);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long ops = 0, errors = 0;
	uint64_t bytes = 0, latency = 0, delay = 0;
	struct worker *w;
	double seconds = 0;
	int c, err, flags = O_DIRECT;

	while ((c = getopt(argc, argv, "wBqort:z:n:s:")) != -1) {
		switch (c) {
		case 'w': writing = 1; break;
		case 'B': flags = 0; break;
		case 'q': sequential = 1; break;
		case 'o': one_block = 1; break;
		case 'r': run_delay = 1; break;
		case 't': threads = (unsigned int)atoi(optarg); break;
		case 'z': size = (unsigned int)atoi(optarg); break;
		case 'n': count = (unsigned long)atol(optarg); break;
		case 's': seconds = atof(optarg); break;
		default: return 2;
		}
	}
	if (argc - optind != 1 || !threads || !size || (!count && seconds <= 0)) {
		fprintf(stderr, "usage: readers [-w] [-B] [-q] [-o] [-r] [-t THREADS] [-z SIZE] [-n COUNT] [-s SECONDS] FILE\n");
		return 2;
	}
	fd = open(argv[optind], (writing ? O_RDWR : O_RDONLY) | flags);
	if (fd < 0)
		die(argv[optind], errno);
	blocks = (uint64_t)lseek(fd, 0, SEEK_END) / size;
	w = calloc(threads, sizeof(*w));
	if (!w || !blocks)
		die("the file is too small", EINVAL);
	end = seconds > 0 ? now() + (uint64_t)(seconds * 1e9) : 0;
	for (unsigned int i = 0; i < threads; i++) {
		w[i].seed = i + 1;
		w[i].next = blocks / threads * i;
		err = threads > 1 ? pthread_create(&w[i].thread, NULL, work, &w[i]) : 0;
		if (err)
			die("pthread_create", err);
	}
	if (threads == 1)
		work(w);
	for (unsigned int i = 0; i < threads; i++) {
		if (threads > 1)
			pthread_join(w[i].thread, NULL);
		ops += w[i].ops;
		errors += w[i].errors;
		bytes += w[i].bytes;
		latency += w[i].latency;
		delay += w[i].delay;
	}
	printf("{\"ops\":%lu,\"bytes\":%llu,\"errors\":%lu,\"latency_ns\":%llu,\"run_delay_ns\":%llu}\n", ops,
	       (unsigned long long)bytes, errors, (unsigned long long)latency, (unsigned long long)delay);
	return 0;
}
