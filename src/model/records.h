/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The reading end of a source's ring buffer. */
#ifndef SPOOR_MODEL_RECORDS_H
#define SPOOR_MODEL_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring_buffer;

/* Takes one record. 0, or -errno, which ends the reading and is its result. */
typedef int (*record_fn)(void *source, const void *data, size_t size);

struct records {
	struct ring_buffer *ring;
	record_fn take;
	void *source;
	int err;
	uint64_t end;             /* of the reading under way; 0: none */
	unsigned int seen;
};

int records_open(struct records *r, int map_fd, record_fn take, void *source); /* 0 or -errno */
void records_close(struct records *r);

/* Waits up to timeout_ms for records and takes them, 10 ms longer at most: they may come faster than they can be written.
 * all: until there are none. 0 or -errno (-EINTR is 0). */
int records_read(struct records *r, int timeout_ms, bool all);

#endif
