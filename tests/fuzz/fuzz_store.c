/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* A whole recording, damaged in any way: opened, replayed with and without a filter, its tables made, asked for with SQL. The
 * first input is a real one; others are made of it: the input says which of its bytes are changed (4 bytes of where, of which 3
 * count, and what), and where it ends. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

#define CHECK(what) do { if (!(what)) abort(); } while (0)

static unsigned char whole[1 << 20], bytes[1 << 20];
static size_t nwhole;
static FILE *null;

static void record(const char *path)
{
	const struct store_writer_opts o = { .path = path, .command = "io", .options = "", .no_tables = true };
	static const char *const frames[] = { "schedule", "io_schedule" };
	const struct stack stack = { 2, frames, NULL };
	const struct wait wait = { 5, 100, "direct I/O", &stack };
	const struct stage stage = { "driver", "device", "sda", 5, 90, 8, 4096, 0, 0, -1, "read", false };
	struct row row = { .dev = "sda", .kind = "read", .count = 2, .wall = 300, .min = 100, .max = 200 };
	const struct summary sum = { .ns = 1000, .nrows = 1, .rows = &row };
	const struct cost cost = { .wall = 1 };
	const struct losses none = { 0 };
	void *s = store_create(&o);

	CHECK(s);
	row.hist[100] = 2;
	for (unsigned int i = 0; i < 50; i++) {
		const struct op op = { .kind = "read", .comm = "fio", .cgroup = "/", .file = "/x", .dev = "sda", .t = i, .wall = 150,
				       .part = { [PART_CPU] = 50, [PART_WAIT] = 100 }, .nwaits = 1, .waits = &wait, .nstages = 1,
				       .stages = &stage };

		CHECK(!sink_store.op(s, &op));
	}
	CHECK(!sink_store.summary(s, &sum) && !sink_store.lost(s, &none) && !sink_store.cost(s, &cost));
	sink_store.close(s);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char dir[] = "/tmp/spoor-fuzz-store.XXXXXX", path[64];
	FILE *f;

	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.spoor", dir);
	record(path);
	f = fopen(path, "r");
	CHECK(f);
	nwhole = fread(whole, 1, sizeof(whole), f);
	fclose(f);
	unlink(path);
	rmdir(dir);
	null = fopen("/dev/null", "w");
	CHECK(nwhole > 4096 && null);
	return 0;
}

static size_t damage(const uint8_t *data, size_t size)
{
	size_t n = nwhole;

	memcpy(bytes, whole, nwhole);
	if (size && data[0] & 1 && size >= 3) /* cut off */
		n = (size_t)(data[1] | data[2] << 8) * 4 % nwhole;
	for (size_t i = 3; i + 4 <= size; i += 4)
		bytes[(size_t)(data[i] | data[i + 1] << 8 | data[i + 2] << 16) % nwhole] = data[i + 3];
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sink_opts o = { .out = null };
	struct store_out out = { &sink_json, sink_json.open(&o) };
	const struct store_query all = { .records = true }, some = { .records = true, .top = 3, .filter = { .comm = "fio" } };
	struct store *s;

	CHECK(out.self);
	if (!store_open_bytes(&s, bytes, damage(data, size))) {
		store_replay(s, &all, &out, 1);
		store_replay(s, &some, &out, 1);
		if (!store_fill(s))
			store_sql(s, "SELECT sum(ns), count(*) FROM stages", null);
		store_close(s);
	}
	out.sink->close(out.self);
	return 0;
}
