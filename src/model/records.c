/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <bpf/libbpf.h>
#include <errno.h>

#include "base/clock.h"
#include "model/records.h"

enum { READ_MOST = 10000000, READ_CUT = -ECANCELED }; /* ns that a reading takes records; ended by that */

/* libbpf reads on until the ring is empty, which it may never be. */
static int on_record(void *ctx, void *data, size_t size)
{
	struct records *r = ctx;

	if (!r->err)
		r->err = r->take(r->source, data, size);
	if (!r->err && r->end && !(++r->seen % 16) && clock_monotonic() >= r->end)
		r->err = READ_CUT;
	return r->err;
}

int records_open(struct records *r, int map_fd, record_fn take, void *source)
{
	*r = (struct records){ .take = take, .source = source };
	r->ring = ring_buffer__new(map_fd, on_record, r, NULL);
	return r->ring ? 0 : -errno;
}

void records_close(struct records *r)
{
	ring_buffer__free(r->ring);
	r->ring = NULL;
}

int records_read(struct records *r, int timeout_ms, bool all)
{
	int n;

	r->err = 0;
	r->end = all ? 0 : clock_monotonic() + (uint64_t)timeout_ms * 1000000u + READ_MOST;
	n = ring_buffer__poll(r->ring, timeout_ms);
	if (n >= 0)
		n = ring_buffer__consume(r->ring); /* what came without a wake-up */
	if (r->err)
		return r->err == READ_CUT ? 0 : r->err;
	return n < 0 && n != -EINTR ? n : 0;
}
