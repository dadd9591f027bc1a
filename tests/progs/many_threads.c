/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * THREADS threads, all begun before the first reads, each do one blocking read of a (slow) device.
 * Prints {"threads":N,"ops":N,"bytes":N,"errors":N}.
 *
 * usage: many_threads [-t THREADS] FILE
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fd;
static uint64_t blocks, ops, bytes, errors;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t open_gate = PTHREAD_COND_INITIALIZER;
static int go;

static void *work(void *arg)
{
	uint64_t i = (uintptr_t)arg;
	char stack[8192], *buf = (char *)(((uintptr_t)stack + 4095) & ~(uintptr_t)4095);
	ssize_t n;

	pthread_mutex_lock(&gate);
	while (!go)
		pthread_cond_wait(&open_gate, &gate);
	pthread_mutex_unlock(&gate);
	n = pread(fd, buf, 4096, (off_t)(i % blocks * 4096));
	__atomic_add_fetch(&ops, 1, __ATOMIC_RELAXED);
	if (n < 0)
		__atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&bytes, (uint64_t)n, __ATOMIC_RELAXED);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long threads = 10000, made;
	pthread_attr_t attr;
	pthread_t *id;
	int c;

	while ((c = getopt(argc, argv, "t:")) != -1) {
		if (c != 't')
			return 2;
		threads = strtoul(optarg, NULL, 10);
	}
	if (argc - optind != 1 || !threads) {
		fprintf(stderr, "usage: many_threads [-t THREADS] FILE\n");
		return 2;
	}
	fd = open(argv[optind], O_RDONLY | O_DIRECT);
	if (fd < 0) {
		fprintf(stderr, "many_threads: %s: %s\n", argv[optind], strerror(errno));
		return 1;
	}
	blocks = (uint64_t)lseek(fd, 0, SEEK_END) / 4096;
	id = calloc(threads, sizeof(*id));
	if (!id || !blocks)
		return 1;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	for (made = 0; made < threads; made++) {
		int err = pthread_create(&id[made], &attr, work, (void *)(uintptr_t)made);
		if (err) {
			fprintf(stderr, "many_threads: only %lu threads: %s\n", made, strerror(err));
			break;
		}
	}
	pthread_mutex_lock(&gate);
	go = 1;
	pthread_cond_broadcast(&open_gate);
	pthread_mutex_unlock(&gate);
	for (unsigned long i = 0; i < made; i++)
		pthread_join(id[i], NULL);
	printf("{\"threads\":%lu,\"ops\":%llu,\"bytes\":%llu,\"errors\":%llu}\n", made, (unsigned long long)ops,
	       (unsigned long long)bytes, (unsigned long long)errors);
	return made == threads ? 0 : 1;
}
