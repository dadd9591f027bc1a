/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Recordings: every object of the model through the codec and back; files that are whole, cut off, damaged, newer, locked;
 * filters, --top, the ring, the tables. Run from the top of the tree. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/log.h"
#include "store/codec.h"
#include "store/store.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MS 1000000ULL
#define S 1000000000ULL

/* ---- objects made by chance, the same each time ---- */

static uint64_t seed;

static uint64_t chance(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return seed >> 20;
}

/* Mostly small, sometimes as large as can be. */
static uint64_t number(void)
{
	switch (chance() % 8) {
	case 0: return 0;
	case 1: return UINT64_MAX - chance() % 3;
	case 2: return chance() << 20;
	default: return chance() % 100000;
	}
}

static const char *word(void)
{
	static const char *const words[] = { "", "fio", "<script>", "\033[2J\xff", "it's \"so\"", "a\nb\tc", "loop0", "/mnt/x/日本",
					     "a name that is rather longer than what a process could give itself, to be sure" };

	return words[chance() % N(words)];
}

static struct stack stacks[6];

static void make_stacks(void)
{
	static const char *names[6][40];
	static uint64_t addr[6][40];

	for (unsigned int i = 0; i < 6; i++) {
		stacks[i] = (struct stack){ i * 7, names[i], i % 2 ? addr[i] : NULL };
		for (unsigned int k = 0; k < i * 7; k++) {
			names[i][k] = chance() % 5 ? word() : NULL;
			addr[i][k] = number();
		}
	}
}

static const struct stack *stack(void)
{
	return chance() % 3 ? &stacks[chance() % 6] : NULL;
}

/* Any operation whatever: what the codec leaves out because it follows from something else may not follow here. */
static struct op make_op(void)
{
	static struct wait waits[20];
	static struct stage stages[30];
	struct op op = {
		.kind = word(), .pid = (uint32_t)number(), .tid = (uint32_t)number(), .comm = word(), .cgroup_id = number(), .cgroup = word(),
		.file = word(), .dev = word(), .ino = number(), .offset = (int64_t)number(), .size = number(), .ret = (int64_t)number(),
		.t = number(), .wall = number(), .runq_preempted = number(), .flags = (unsigned int)number(),
		.pages_added = (unsigned int)number(), .pages_dirtied = (unsigned int)number(), .requests = (unsigned int)number(),
		.nwaits = chance() % N(waits), .nstages = chance() % N(stages), .waits = waits, .stages = stages,
	};

	for (int i = 0; i < PART_N; i++)
		op.part[i] = number();
	for (unsigned int i = 0; i < op.nwaits; i++)
		waits[i] = (struct wait){ number(), number(), word(), stack() };
	for (unsigned int i = 0; i < op.nstages; i++)
		stages[i] = (struct stage){ word(), word(), word(), number(), number(), number(), (uint32_t)number(), (int)number(),
					    (unsigned int)number(), (int)number(), word(), chance() % 2 };
	return op;
}

static struct delay make_delay(void)
{
	static struct ran ran[10];
	struct delay d = {
		.t = number(), .ns = number(), .pid = (uint32_t)number(), .tid = (uint32_t)number(), .comm = word(), .cgroup = word(),
		.cgroup_id = number(), .policy = word(), .prio = (int)number(), .how = word(), .context = word(),
		.by_pid = (uint32_t)number(), .by_tid = (uint32_t)number(), .by = word(), .cpu = (unsigned int)number(),
		.cpu_ran = (unsigned int)number(), .moved = (unsigned int)number(), .stretches = (unsigned int)number(),
		.rest = number(), .nran = chance() % N(ran), .ran = ran,
	};

	for (unsigned int i = 0; i < d.nran; i++)
		ran[i] = (struct ran){ number(), (uint32_t)number(), (uint32_t)number(), (uint32_t)number(), word() };
	return d;
}

static struct ender make_ender(void)
{
	return (struct ender){ word(), word(), (uint32_t)number(), (uint32_t)number() };
}

static struct crit make_path(struct crit_node *node, unsigned int most)
{
	struct crit c = { .t = number(), .ns = number(), .pid = (uint32_t)number(), .tid = (uint32_t)number(), .comm = word(),
			  .n = (unsigned int)(chance() % most), .node = node, .cut = number() };

	for (unsigned int i = 0; i < c.n; i++) {
		node[i] = (struct crit_node){
			.kind = chance() % CRIT_KIND_N, .depth = i ? (unsigned int)(chance() % (node[i - 1].depth + 2)) : 0, .t = number(),
			.ns = number(), .count = number(), .pid = (uint32_t)number(), .tid = (uint32_t)number(), .comm = word(),
			.reason = word(), .by = make_ender(), .stack = stack(), .before = number(),
		};
		for (int k = 0; k < WHY_CPU_N; k++)
			node[i].part[k] = number();
	}
	return c;
}

static struct slow_call make_call(void)
{
	static struct crit_node node[30];
	struct slow_call c = { word(), (uint32_t)number(), (uint32_t)number(), word(), number(), number(), (int64_t)number(), { 0 },
			       { 0 } };

	for (int i = 0; i < WHY_PART_N; i++)
		c.part[i] = number();
	c.path = make_path(node, N(node));
	return c;
}

static void make_hist(uint64_t hist[HIST_N])
{
	memset(hist, 0, HIST_N * sizeof(*hist));
	for (uint64_t i = chance() % 20; i > 0; i--)
		hist[chance() % HIST_N] = number();
	hist[HIST_N - 1] = chance() % 2;
}

static struct summary make_rows(void)
{
	static struct row rows[6];
	static struct share shares[8];
	struct summary s = { .t = number(), .ns = number(), .interval = chance() % 2, .nrows = (unsigned int)(chance() % N(rows)),
			     .rows = rows };

	for (size_t i = 0; i < N(shares); i++)
		shares[i] = (struct share){ word(), number(), number() };
	for (unsigned int i = 0; i < s.nrows; i++) {
		rows[i] = (struct row){
			.type = chance() % 2 ? ROW_OP : ROW_DEVICE, .dev = word(), .kind = word(), .count = number(), .bytes = number(),
			.errors = number(), .wall = number(), .min = number(), .max = number(), .runq_preempted = number(),
			.nshares = (unsigned int)(chance() % N(shares)), .shares = shares,
		};
		for (int k = 0; k < PART_N; k++)
			rows[i].part[k] = number();
		make_hist(rows[i].hist);
	}
	return s;
}

static struct delays make_delays(void)
{
	struct delays d = { number(), number(), number(), number(), number(), number(), number(), number(), number(), { 0 } };

	make_hist(d.hist);
	return d;
}

static struct summary make_sched(void)
{
	static struct cpu_row cpus[4];
	static struct task_row tasks[5];
	static struct preemption preemptions[3];
	static struct lock_row locks[3];
	static struct share idle[3];
	static struct sched sched;

	sched = (struct sched){ 1 + chance() % 3, 1 + chance() % 4, chance() % 5, 2, chance() % 3, cpus, tasks, tasks, preemptions, locks };
	for (int i = 0; i < 3; i++) {
		idle[i] = (struct share){ word(), number(), number() };
		preemptions[i] = (struct preemption){ (uint32_t)number(), (uint32_t)number(), word(), word(), number(), number() };
		locks[i] = (struct lock_row){ word(), word(), stack(), number(), number(), number(), number(), (uint32_t)number(),
					      (uint32_t)number(), word(), word() };
	}
	for (int i = 0; i < 4; i++)
		cpus[i] = (struct cpu_row){ (unsigned int)number(), { number(), number(), number(), number(), number() },
					    (unsigned int)(chance() % 3), idle, make_delays() };
	for (int i = 0; i < 5; i++)
		tasks[i] = (struct task_row){ (uint32_t)number(), word(), word(), word(), number(), (int)number(), chance() % 2,
					      make_delays() };
	return (struct summary){ .t = number(), .ns = number(), .sched = &sched };
}

static struct summary make_why(void)
{
	static struct why_thread threads[4];
	static struct why_wait waits[6];
	static struct why_runq runq[4];
	static struct why_syscall syscalls[3];
	static struct crit_node merged[40], chain[40];
	static struct why why;

	why = (struct why){ .wall = number(), .nthreads = 4, .nwaits = 5, .nrunq = 4, .nsyscalls = 3, .threads = threads, .waits = waits,
			    .runq = runq, .syscalls = syscalls, .call = word(), .calls = number(), .slow = number() };
	for (int i = 0; i < 6; i++)
		waits[i] = (struct why_wait){ word(), make_ender(), number(), number(), number(), stack(), number(), word(),
					      (uint32_t)number(), (uint32_t)number(), number(), word(), stack() };
	for (int i = 0; i < 4; i++) {
		runq[i] = (struct why_runq){ make_ender(), number(), number() };
		threads[i] = (struct why_thread){ .pid = (uint32_t)number(), .tid = (uint32_t)number(), .comm = word(), .t = number(),
						  .wall = number(), .before = chance() % 2, .ended = chance() % 2,
						  .nwaits = (unsigned int)(chance() % 6), .nrunq = (unsigned int)(chance() % 4),
						  .waits = waits, .runq = runq };
		for (int k = 0; k < WHY_PART_N; k++)
			threads[i].part[k] = number();
	}
	for (int i = 0; i < 3; i++)
		syscalls[i] = (struct why_syscall){ word(), (uint32_t)number(), number(), number(), number(), number() };
	why.path = make_path(merged, N(merged));
	why.chain = make_path(chain, N(chain));
	return (struct summary){ .t = number(), .ns = number(), .why = &why };
}

static struct summary make_probes(void)
{
	static const char *keys[2], *names[2];
	static uint64_t buckets[4];
	static int64_t bounds[5];
	static struct aggregate_row rows[2];
	static struct aggregate v[2];
	static struct probes probes = { 2, v, 17 };

	for (int i = 0; i < 2; i++) {
		keys[i] = word();
		names[i] = word();
		rows[i] = (struct aggregate_row){ keys, number(), (int64_t)number(), (int64_t)number(), (int64_t)number(),
						  i ? buckets : NULL, stack() };
		v[i] = (struct aggregate){ word(), (unsigned int)i, word(), word(), i, i * 2u, 2, i * 4u, names, i ? bounds : NULL,
					   number(), rows };
	}
	for (int i = 0; i < 5; i++) {
		bounds[i] = (int64_t)number();
		buckets[i % 4] = number();
	}
	return (struct summary){ .t = number(), .ns = number(), .probes = &probes };
}

static struct hit make_hit(void)
{
	static struct field fields[5];

	for (size_t i = 0; i < N(fields); i++)
		fields[i] = (struct field){ word(), word() };
	return (struct hit){ word(), (unsigned int)number(), number(), (uint32_t)number(), (uint32_t)number(), (unsigned int)number(), word(),
			     (unsigned int)(chance() % N(fields)), fields, stack(), stack() };
}

/* ---- the codec ---- */

union object { struct op op; struct delay delay; struct slow_call call; struct hit hit; struct summary summary; };

static union object make(enum message_type type)
{
	union object o;

	memset(&o, 0, sizeof(o));
	switch (type) {
	case MSG_OP: o.op = make_op(); break;
	case MSG_DELAY: o.delay = make_delay(); break;
	case MSG_CALL: o.call = make_call(); break;
	case MSG_HIT: o.hit = make_hit(); break;
	default:
		switch (chance() % 4) {
		case 0: o.summary = make_rows(); break;
		case 1: o.summary = make_sched(); break;
		case 2: o.summary = make_why(); break;
		default: o.summary = make_probes(); break;
		}
	}
	return o;
}

static char *json_of(enum message_type type, const void *object)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	const struct sink_opts o = { .out = f };
	void *self = sink_json.open(&o);

	if (type == MSG_OP)
		sink_json.op(self, object);
	else if (type == MSG_DELAY)
		sink_json.delay(self, object);
	else if (type == MSG_CALL)
		sink_json.call(self, object);
	else if (type == MSG_SUMMARY)
		sink_json.summary(self, object);
	sink_json.flush(self);
	sink_json.close(self);
	fclose(f);
	return text;
}

static void same_bytes(const struct codec *a, const struct codec *b)
{
	const void *da, *ba, *db, *bb;
	size_t nda, nba, ndb, nbb;

	codec_chunk(a, &da, &nda, &ba, &nba);
	codec_chunk(b, &db, &ndb, &bb, &nbb);
	assert_int_equal(nda, ndb);
	assert_int_equal(nba, nbb);
	assert_memory_equal(da, db, nda);
	assert_memory_equal(ba, bb, nba);
}

/* Encoded, decoded, encoded again: the same bytes; and the same JSON of what was decoded as of what was made. */
static void test_round_trip(void **state)
{
	struct codec *in = codec_new(), *out = codec_new(), *again = codec_new();
	char *text[200];

	(void)state;
	for (unsigned int run = 0; run < 40; run++) {
		enum message_type types[N(text)];
		const void *dict, *body;
		size_t ndict, nbody;
		struct message m;

		seed = run;
		make_stacks();
		codec_begin(in);
		codec_begin(again);
		for (size_t i = 0; i < N(text); i++) {
			union object o;

			types[i] = 1 + chance() % MSG_SUMMARY;
			o = make(types[i]);
			assert_int_equal(codec_put(in, types[i], &o), 0);
			text[i] = json_of(types[i], &o);
		}
		codec_chunk(in, &dict, &ndict, &body, &nbody);
		assert_int_equal(codec_open(out, dict, ndict, body, nbody), 0);
		for (size_t i = 0; i < N(text); i++) {
			char *back;

			assert_int_equal(codec_next(out, &m), 1);
			assert_int_equal(m.type, types[i]);
			back = json_of(m.type, &m.op);
			assert_string_equal(back, text[i]);
			free(back);
			free(text[i]);
			assert_int_equal(codec_put(again, m.type, &m.op), 0);
		}
		assert_int_equal(codec_next(out, &m), 0);
		same_bytes(in, again);
	}
	codec_free(in);
	codec_free(out);
	codec_free(again);
}

/* What JSON does not show of hits and aggregations is compared field by field. */
static void test_hits(void **state)
{
	struct codec *in = codec_new(), *out = codec_new();
	const struct field fields[] = { { "file", "\"/a\"" }, { "size", "12" } };
	static const char *const frames[] = { "vfs_read", NULL };
	static const uint64_t addr[] = { 0xffffffff81000000, 7 };
	const struct stack kstack = { 2, frames, addr };
	const struct hit hit = { "p vfs_read", 3, 17 * S, 5, 6, 1, "cat", 2, fields, &kstack, NULL };
	const void *dict, *body;
	size_t ndict, nbody;
	struct message m;

	(void)state;
	codec_begin(in);
	assert_int_equal(codec_put(in, MSG_HIT, &hit), 0);
	codec_chunk(in, &dict, &ndict, &body, &nbody);
	assert_int_equal(codec_open(out, dict, ndict, body, nbody), 0);
	assert_int_equal(codec_next(out, &m), 1);
	assert_string_equal(m.hit.probe, "p vfs_read");
	assert_int_equal(m.hit.index, 3);
	assert_true(m.hit.t == 17 * S && m.hit.pid == 5 && m.hit.tid == 6 && m.hit.cpu == 1);
	assert_int_equal(m.hit.nfields, 2);
	assert_string_equal(m.hit.fields[1].name, "size");
	assert_string_equal(m.hit.fields[0].text, "\"/a\"");
	assert_null(m.hit.ustack);
	assert_int_equal(m.hit.kstack->n, 2);
	assert_string_equal(m.hit.kstack->name[0], "vfs_read");
	assert_null(m.hit.kstack->name[1]);
	assert_true(m.hit.kstack->addr[0] == addr[0]);
	assert_int_equal(codec_put(in, 99, &hit), -EINVAL);
	codec_free(in);
	codec_free(out);
}

/* ---- files ---- */

static char dir[64], path[128];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/spoor-test-store.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.spoor", dir);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static char said[4096];

static void on_log(void *ctx, enum log_level level, const char *text)
{
	(void)ctx, (void)level;
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

/* The i-th of a recording: 1 ms apart, each hundredth slow, each thousandth failed. */
static struct op sample(uint64_t i)
{
	static struct wait wait;
	static struct stage stages[2];
	static char file[32];
	uint64_t wall = i % 100 ? 10000 + i % 977 : 20 * MS + i;

	snprintf(file, sizeof(file), "/mnt/db/%llu", (unsigned long long)(i % 37));
	wait = (struct wait){ i * MS + 100, wall - 5000, "direct I/O", NULL };
	stages[0] = (struct stage){ "block", "queued", "sda", i * MS + 100, 300, i * 8, 4096, 0, 0, -1, "read", false };
	stages[1] = (struct stage){ "driver", "device", "sda", i * MS + 400, wall - 6000, i * 8, 4096, 0, 0, -1, "read", false };
	return (struct op){
		.kind = i % 2 ? "pread64" : "fsync", .pid = 100 + (uint32_t)(i % 3), .tid = 200 + (uint32_t)(i % 3), .comm = i % 3 ? "fio" : "db",
		.cgroup_id = 1, .cgroup = "/system.slice/db.service", .file = file, .dev = "sda1", .ino = 7, .offset = (int64_t)i * 4096,
		.size = 4096, .ret = i % 1000 ? 4096 : -5, .t = i * MS, .wall = wall,
		.part = { [PART_CPU] = 5000, [PART_WAIT] = wall - 5000 }, .nwaits = 1, .nstages = 2, .waits = &wait, .stages = stages,
	};
}

static const struct lost lost_causes[] = { { "operations", "ring buffer full", 3 } };

static void record(uint64_t n, const struct store_writer_opts *more, bool whole)
{
	struct store_writer_opts o = more ? *more : (struct store_writer_opts){ 0 };
	const struct losses lost = { 1, lost_causes, 3 };
	const struct cost cost = { .wall = S, .ops = n };
	const struct summary sum = { .t = 0, .ns = n * MS };
	void *self;

	o.path = path;
	o.command = "io";
	o.options = "io -d sda";
	self = store_create(&o);
	assert_non_null(self);
	for (uint64_t i = 0; i < n; i++) {
		struct op op = sample(i);

		assert_int_equal(sink_store.op(self, &op), 0);
	}
	assert_int_equal(sink_store.flush(self), 0);
	if (whole) {
		assert_int_equal(sink_store.summary(self, &sum), 0);
		assert_int_equal(sink_store.lost(self, &lost), 0);
		assert_int_equal(sink_store.cost(self, &cost), 0);
	}
	sink_store.close(self);
}

/* A sink that counts. */
static struct counts { uint64_t ops, sums, lost, cost, wall, order, last_wall; bool falls; struct row op_row; uint64_t rows; } counts;

static int count_op(void *self, const struct op *op)
{
	(void)self;
	counts.falls = counts.ops ? counts.falls && op->wall <= counts.last_wall : true;
	counts.last_wall = op->wall;
	counts.wall += op->wall;
	counts.ops++;
	return 0;
}

static int count_summary(void *self, const struct summary *s)
{
	(void)self;
	counts.sums++;
	counts.rows = s->nrows;
	if (s->nrows)
		counts.op_row = s->rows[0];
	return 0;
}

static int count_lost(void *self, const struct losses *l)
{
	(void)self;
	counts.lost += l->total;
	return 0;
}

static int count_cost(void *self, const struct cost *c)
{
	(void)self;
	counts.cost += c->ops;
	return 0;
}

static const struct sink counter = { .op = count_op, .summary = count_summary, .lost = count_lost, .cost = count_cost };

static int replay(const struct store_query *q)
{
	struct store_out out = { &counter, NULL };
	struct store *s;
	int err;

	memset(&counts, 0, sizeof(counts));
	said[0] = 0;
	err = store_open(&s, path, false);
	if (err)
		return err;
	err = store_replay(s, q, &out, 1);
	store_close(s);
	return err;
}

static void test_queries(void **state)
{
	char *devs[] = { (char *)"/dev/sda1", NULL };
	const char *kinds[] = { "fsync" };
	const uint32_t pids[] = { 101 }, nobody[] = { 9999 };

	(void)state;
	record(30000, NULL, true);
	assert_int_equal(replay(&(struct store_query){ .records = false }), 0);
	assert_true(counts.ops == 0 && counts.sums == 1 && counts.lost == 3 && counts.cost == 30000);
	assert_int_equal(replay(&(struct store_query){ .records = true, .quiet = true }), 0);
	assert_true(counts.ops == 30000 && counts.lost == 3 && counts.cost == 0);
	assert_int_equal(replay(&(struct store_query){ .records = true, .slower = MS }), 0);
	assert_true(counts.ops == 300 && counts.rows == 0);
	assert_int_equal(replay(&(struct store_query){ .records = true, .errors = true }), 0);
	assert_true(counts.ops == 30);
	assert_int_equal(replay(&(struct store_query){ .records = true, .top = 7 }), 0);
	assert_true(counts.ops == 7 && counts.falls && counts.last_wall == 20 * MS + 29300);
	assert_int_equal(replay(&(struct store_query){ .records = true, .filter = { .pids = pids, .npids = 1 } }), 0);
	assert_true(counts.ops == 10000);
	assert_int_equal(replay(&(struct store_query){ .records = true, .filter = { .pids = nobody, .npids = 1 } }), 0);
	assert_true(counts.ops == 0);
	assert_int_equal(replay(&(struct store_query){ .records = true, .filter = { .file = "/mnt/db/3" } }), 0);
	assert_true(counts.ops == 811); /* 3, 40, 77 ...; not 30 to 36 */
	assert_int_equal(replay(&(struct store_query){ .records = true, .filter = { .file = "/mnt/", .comm = "db" } }), 0);
	assert_true(counts.ops == 10000);
	assert_int_equal(replay(&(struct store_query){ .records = true, .filter = { .devs = devs, .ndevs = 1, .kinds = kinds, .nkinds = 1 } }), 0);
	assert_true(counts.ops == 15000);
	assert_int_equal(replay(&(struct store_query){ .records = true, .filter = { .cgroup = "/sys/fs/cgroup/system.slice" } }), 0);
	assert_true(counts.ops == 30000);
	assert_int_equal(replay(&(struct store_query){ .records = true, .filter = { .cgroup = "/system.slice/d" } }), 0);
	assert_true(counts.ops == 0);
}

/* The summary for a filter is made of its operations, and adds up. */
static void test_made_summary(void **state)
{
	const char *kinds[] = { "pread64" };
	uint64_t n = 0;

	(void)state;
	record(20000, NULL, true);
	assert_int_equal(replay(&(struct store_query){ .filter = { .kinds = kinds, .nkinds = 1 } }), 0);
	assert_int_equal(counts.rows, 2); /* one of operations, one of device requests */
	assert_true(counts.op_row.count == 10000 && counts.op_row.errors == 0 && counts.op_row.bytes == 10000 * 4096);
	for (int i = 0; i < HIST_N; i++)
		n += counts.op_row.hist[i];
	assert_true(n == 10000);
	n = 0;
	for (int i = 0; i < PART_N; i++)
		n += counts.op_row.part[i];
	assert_true(n == counts.op_row.wall);
	assert_int_equal(replay(&(struct store_query){ .interval = S }), 0); /* 20 s of them, and the whole */
	assert_true(counts.sums >= 21 && counts.sums <= 22);
}

static void test_cut_off(void **state)
{
	(void)state;
	record(5000, NULL, false);
	assert_int_equal(replay(&(struct store_query){ .records = true }), 0);
	assert_true(counts.ops == 5000 && counts.sums == 1 && counts.rows == 3 && counts.lost == 0 && counts.cost == 0);
}

/* ---- who may write ---- */

static void test_two_recorders(void **state)
{
	struct store_writer_opts o = { .path = path, .command = "io", .options = "" };
	void *first = store_create(&o);
	struct store *s;

	(void)state;
	assert_non_null(first);
	said[0] = 0;
	assert_null(store_create(&o));
	assert_non_null(strstr(said, "another spoor"));
	said[0] = 0;
	assert_int_equal(store_open(&s, path, false), -EBUSY);
	assert_non_null(strstr(said, "still being recorded"));
	sink_store.close(first);
}

static void write_file(const char *name, const void *data, size_t n)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void test_what_is_there(void **state)
{
	struct store_writer_opts o = { .path = path, .command = "io", .options = "" };
	char old[160], other[160];
	struct stat st;

	(void)state;
	write_file(path, "precious", 8);
	said[0] = 0;
	assert_null(store_create(&o));
	assert_non_null(strstr(said, "not a recording"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 8);
	assert_int_equal(unlink(path), 0);
	record(100, NULL, true);
	record(200, NULL, true);
	snprintf(old, sizeof(old), "%s.old", path);
	assert_int_equal(replay(&(struct store_query){ .records = true }), 0);
	assert_true(counts.ops == 200);
	assert_int_equal(rename(old, path), 0);
	assert_int_equal(replay(&(struct store_query){ .records = true }), 0);
	assert_true(counts.ops == 100);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(other, sizeof(other), "%s/none/x.spoor", dir);
	o.path = other;
	assert_null(store_create(&o));
	o.path = dir;
	assert_null(store_create(&o));
}

static void test_ring(void **state)
{
	struct store_writer_opts o = { .max_size = 1 << 20, .no_tables = true };
	struct stat st;

	(void)state;
	record(200000, &o, true);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size <= 1 << 20);
	assert_int_equal(replay(&(struct store_query){ .records = true }), 0);
	assert_true(counts.ops > 10000 && counts.ops < 200000 && counts.sums == 1 && counts.cost == 200000);
}

/* ---- damage ---- */

static unsigned char *whole;
static size_t nwhole;

static void slurp(void)
{
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	free(whole);
	whole = malloc(8 << 20);
	nwhole = fread(whole, 1, 8 << 20, f);
	fclose(f);
}

static void test_damage(void **state)
{
	const struct store_query all = { .records = true };
	struct store_writer_opts o = { .no_tables = true };

	(void)state;
	record(15000, NULL, true); /* with its tables behind the chunks: half of the file, and all operations are there */
	slurp();
	write_file(path, whole, nwhole / 2);
	assert_int_equal(replay(&all), 0);
	assert_true(counts.ops == 15000 && said[0]);
	assert_int_equal(unlink(path), 0);
	record(15000, &o, true);
	slurp();
	for (size_t cut = 0; cut < nwhole; cut += nwhole / 40) { /* what is left may be read, or is refused with a reason */
		write_file(path, whole, cut);
		if (replay(&all))
			assert_true(said[0] != 0);
	}
	assert_true(counts.ops > 0); /* of the last one most was left */
	seed = 1;
	for (int i = 0; i < 120; i++) {
		unsigned char *copy = malloc(nwhole);

		memcpy(copy, whole, nwhole);
		for (int k = 0; k < 1 + i % 16; k++)
			copy[chance() % nwhole] ^= (unsigned char)(1 + chance() % 255);
		write_file(path, copy, nwhole);
		free(copy);
		if (replay(&all) || counts.ops != 15000)
			assert_true(said[0] != 0); /* whatever is missing has been said */
	}
	free(whole);
	whole = NULL;
}

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), 0);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), 0);
	sqlite3_close(db);
}

static void test_newer(void **state)
{
	(void)state;
	record(10, NULL, true);
	sql("UPDATE meta SET value = 2 WHERE key = 'format'; UPDATE meta SET value = '9.9' WHERE key = 'spoor'");
	assert_int_equal(replay(&(struct store_query){ 0 }), -EPROTONOSUPPORT);
	assert_non_null(strstr(said, "made by a newer spoor (9.9, format 2)"));
	sql("PRAGMA application_id = 5");
	assert_int_equal(replay(&(struct store_query){ 0 }), -EBADMSG);
	assert_non_null(strstr(said, "not a recording of spoor"));
}

/* ---- SQL ---- */

static char *query(struct store *s, const char *text, int want)
{
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	said[0] = 0;
	assert_int_equal(store_sql(s, text, f), want);
	fclose(f);
	return out;
}

static void query_is(struct store *s, const char *text, const char *want)
{
	char *out = query(s, text, 0);

	assert_string_equal(out, want);
	free(out);
}

static void test_sql(void **state)
{
	static const char *const refused[] = { "DELETE FROM meta", "PRAGMA journal_mode", "ATTACH '/etc/passwd' AS x", "SELECT 1; SELECT 2",
					       "", "CREATE TEMP TABLE x(y)", "SELECT nothing", "SELECT load_extension('x')" };
	struct store *s;

	(void)state;
	record(3000, NULL, true);
	assert_int_equal(store_open(&s, path, true), 0);
	assert_true(store_about(s)->tables);
	assert_int_equal(store_fill(s), 0);
	query_is(s, "SELECT op, count(*), sum(wall = cpu + irq + softirq + runq + wait) FROM operations GROUP BY op",
		 "op\tcount(*)\tsum(wall = cpu + irq + softirq + runq + wait)\nfsync\t1500\t1500\npread64\t1500\t1500\n");
	query_is(s, "SELECT t, wall, pid, comm, file, dev, offset, ret FROM operations WHERE id = 4",
		 "t\twall\tpid\tcomm\tfile\tdev\toffset\tret\n3000000\t10003\t100\tdb\t/mnt/db/3\tsda1\t12288\t4096\n");
	query_is(s, "SELECT count(*), sum(ret < 0) FROM operations", "count(*)\tsum(ret < 0)\n3000\t3\n");
	query_is(s, "SELECT sum(ns) = (SELECT sum(wait) FROM operations) FROM waits", "sum(ns) = (SELECT sum(wait) FROM operations)\n1\n");
	query_is(s, "SELECT name, layer, t - 3000000, ns FROM stages WHERE operation = 4 ORDER BY t",
		 "name\tlayer\tt - 3000000\tns\nqueued\tblock\t100\t300\ndevice\tdriver\t400\t4003\n");
	query_is(s, "SELECT n FROM losses", "n\n3\n");
	query_is(s, "SELECT 'a\tb' || x'1b', NULL", "'a\\tb' || x'1b'\tNULL\na\\tb\\x1b\t\n");
	for (size_t i = 0; i < N(refused); i++) {
		free(query(s, refused[i], -EINVAL));
		assert_true(said[0] != 0);
	}
	store_close(s);
}

/* Without its tables, and where they cannot be written, it can be asked all the same. */
static void test_sql_later(void **state)
{
	struct store_writer_opts o = { .no_tables = true };
	struct store *s;

	(void)state;
	record(3000, &o, true);
	assert_int_equal(chmod(path, 0400), 0);
	for (int writable = 0; writable < 2; writable++) {
		assert_int_equal(store_open(&s, path, writable), 0);
		assert_false(store_about(s)->tables);
		assert_int_equal(store_fill(s), 0);
		query_is(s, "SELECT count(*) FROM waits", "count(*)\n3000\n");
		store_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_hits),
		cmocka_unit_test_setup_teardown(test_queries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_made_summary, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_recorders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sql, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sql_later, setup, teardown),
	};

	log_set(on_log, NULL, LOG_LEVEL_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
