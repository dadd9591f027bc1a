/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Histogram, formatting, JSON writer and the renderers, from hand-made operations and summaries to golden text.
 * The same text must come of them when they have been recorded first. SPOOR_GOLDEN_UPDATE=1 rewrites tests/golden/. Run from
 * the top of the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fmt.h"
#include "base/json.h"
#include "model/sink.h"
#include "store/store.h"
#include "why_fixture.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define US 1000ULL
#define MS 1000000ULL
#define S 1000000000ULL

/* ---- histogram ---- */

static void test_hist_buckets(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < HIST_N; i++) {
		assert_int_equal(hist_bucket(hist_lower(i)), i);
		assert_true(hist_lower(i + 1) > hist_lower(i));
		assert_int_equal(hist_bucket(hist_lower(i + 1) - 1), i);
	}
	assert_int_equal(hist_bucket(0), 0);
	assert_int_equal(hist_bucket(15), 15);
	assert_int_equal(hist_bucket(16), 16);
	assert_int_equal(hist_bucket(18), 17);
	assert_int_equal(hist_bucket(1024), 64);
	assert_int_equal(hist_bucket(hist_lower(HIST_N)), HIST_N - 1);
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_N - 1);
	assert_true(hist_lower(10000) == UINT64_MAX);
}

static void test_hist_quantiles(void **state)
{
	static uint64_t h[HIST_N];

	(void)state;
	assert_true(hist_quantile(h, 0, .5, 0) < 1e-9);
	for (uint64_t i = 1; i <= 100000; i++)
		h[hist_bucket(i)]++;
	for (double q = .1; q < 1; q += .1)
		assert_true(fabs(hist_quantile(h, 100000, q, 100000) - q * 1e5) < 100);
	assert_true(fabs(hist_quantile(h, 100000, 1, 100000) - 1e5) < 1);
	memset(h, 0, sizeof(h));
	h[hist_bucket(1000)] = 1;
	assert_true(hist_quantile(h, 1, .999, 1000) <= 1000);
	memset(h, 0, sizeof(h));
	h[7] = 3;
	assert_true(fabs(hist_quantile(h, 3, .5, 7) - 7) < 1e-9);
	memset(h, 0, sizeof(h));
	h[HIST_N - 1] = 1; /* longer than all buckets */
	assert_true(fabs(hist_quantile(h, 1, 1, 7200 * S) - 7200e9) < 1);
}

/* ---- formatting ---- */

static void test_fmt_numbers(void **state)
{
	static const struct { uint64_t v; const char *time, *size, *exact, *count; } cases[] = {
		{ 0, "0ns", "0", "0", "0" },
		{ 850, "850ns", "850", "850", "850" },
		{ 999, "999ns", "999", "999", "999" },
		{ 1000, "1.00µs", "0.98k", "1000", "1000" },
		{ 4096, "4.10µs", "4.00k", "4k", "4096" },
		{ 9994, "9.99µs", "9.76k", "9994", "9994" },
		{ 9995, "10.0µs", "9.76k", "9995", "9995" },
		{ 99960, "100µs", "97.6k", "99960", "99960" },
		{ 999499, "999µs", "976k", "999499", "999k" },
		{ 999500, "1.00ms", "976k", "999500", "1.00M" },
		{ 4198400, "4.20ms", "4.00M", "4100k", "4.20M" },
		{ 1ULL << 40, "1100s", "1.00T", "1T", "1.10T" },
		{ UINT64_MAX, "5124096h", "16.0E", "18446744073709551615", "18447P" },
	};
	char buf[FMT_LEN];

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		assert_string_equal(fmt_time(buf, cases[i].v), cases[i].time);
		assert_string_equal(fmt_size(buf, cases[i].v), cases[i].size);
		assert_string_equal(fmt_size_exact(buf, cases[i].v), cases[i].exact);
		assert_string_equal(fmt_count(buf, cases[i].v), cases[i].count);
	}
}

static void test_fmt_words(void **state)
{
	char buf[FMT_LEN];

	(void)state;
	assert_string_equal(fmt_time_words(buf, 98), "98 ns");
	assert_string_equal(fmt_time_words(buf, 92 * MS), "92 ms");
	assert_string_equal(fmt_time_words(buf, 420 * MS), "0.42 s");
	assert_string_equal(fmt_time_words(buf, 4230 * MS), "4.2 s");
	assert_string_equal(fmt_size_words(buf, 8100000), "8.1 MB");
	assert_string_equal(fmt_size_words(buf, 12000000), "12 MB");
	assert_string_equal(fmt_percent(buf, 0, 10), "-");
	assert_string_equal(fmt_percent(buf, 1, 0), "-");
	assert_string_equal(fmt_percent(buf, 1, 1000000), "<0.1%");
	assert_string_equal(fmt_percent(buf, 123, 1000), "12.3%");
	assert_string_equal(fmt_percent(buf, 99999, 100000), "100%");
	assert_string_equal(fmt_percent(buf, UINT64_MAX, UINT64_MAX), "100%");
	assert_string_equal(fmt_errno(buf, EIO), "EIO");
	assert_string_equal(fmt_errno(buf, 512), "ERESTARTSYS");
	assert_string_equal(fmt_errno(buf, 99999), "errno 99999");
}

static void test_fmt_escape(void **state)
{
	static const char *const cases[][2] = {
		{ "plain name", "plain name" },
		{ "\033[2Jx\a\n\t\177", "\\x1b[2Jx\\x07\\n\\t\\x7f" },
		{ "a\xc2\x9b" "2J", "a\\u009b2J" },
		{ "\xff\xc3(", "\\xff\\xc3(" },
		{ "\xc0\xaf\xed\xa0\x80", "\\xc0\\xaf\\xed\\xa0\\x80" },
		{ "caf\xc3\xa9 日本", "café 日本" },
		{ "x\xe2\x80\xae" "gpj", "x\\u202egpj" },
		{ "\xf0\x9f\x98", "\\xf0\\x9f\\x98" },
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_string_equal(fmt_escape(buf, sizeof(buf), cases[i][0]), cases[i][1]);
	assert_string_equal(fmt_escape(buf, 4, "日本"), "日");
	assert_string_equal(fmt_escape(buf, 4, "ab\033"), "ab");
	assert_string_equal(fmt_escape(buf, sizeof(buf), NULL), "");
	setlocale(LC_CTYPE, "C");
	assert_string_equal(fmt_escape(buf, sizeof(buf), "é"), "\\xc3\\xa9");
	setlocale(LC_CTYPE, "C.UTF-8");
}

static void test_fmt_width(void **state)
{
	char buf[64], *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	(void)state;
	assert_int_equal(fmt_width("abc"), 3);
	assert_int_equal(fmt_width("日本"), 4);
	assert_int_equal(fmt_width("e\xcc\x81"), 1); /* combining */
	assert_string_equal(fmt_cut(buf, sizeof(buf), "abcdef", 6, false), "abcdef");
	assert_string_equal(fmt_cut(buf, sizeof(buf), "abcdef", 4, false), "abc…");
	assert_string_equal(fmt_cut(buf, sizeof(buf), "abcdef", 4, true), "…def");
	assert_string_equal(fmt_cut(buf, sizeof(buf), "日本語", 4, false), "日…");
	assert_string_equal(fmt_cut(buf, sizeof(buf), "日本語", 4, true), "…語");
	assert_string_equal(fmt_cut(buf, sizeof(buf), "日本語", 1, false), "…");
	assert_string_equal(fmt_cut(buf, sizeof(buf), "abc", 0, true), "");
	assert_string_equal(fmt_cut(buf, 12, "abcdefghijklmnop", 16, true), "…ijklmnop");
	fmt_pad(f, "日", 4, false);
	fmt_pad(f, "日", 4, true);
	fmt_pad(f, "abcdef", 4, true);
	fclose(f);
	assert_string_equal(out, "日    日abcdef");
	free(out);
}

/* ---- JSON ---- */

static void test_json_values(void **state)
{
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);
	struct json j;

	(void)state;
	json_init(&j, f);
	json_object_begin(&j);
	json_key(&j, "s");
	json_str(&j, "a\"\\\n\x01\177\xc2\x9b\xff\xed\xa0\x80é");
	json_key(&j, "n");
	json_array_begin(&j);
	json_u64(&j, UINT64_MAX);
	json_u64(&j, 0);
	json_i64(&j, INT64_MIN);
	json_i64(&j, -1);
	json_f64(&j, 1.5);
	json_f64(&j, INFINITY);
	json_bool(&j, true);
	json_array_begin(&j);
	json_array_end(&j);
	json_str(&j, NULL);
	json_array_end(&j);
	json_object_end(&j);
	assert_int_equal(json_line(&j), 0);
	assert_int_equal(json_flush(&j), 0);
	fclose(f);
	assert_string_equal(out, "{\"s\":\"a\\\"\\\\\\n\\u0001\\u007f\\u009b\uFFFD\uFFFD\uFFFD\uFFFDé\",\"n\":"
			    "[18446744073709551615,0,-9223372036854775808,-1,1.5,null,true,[],null]}\n");
	free(out);
}

/* Longer than the buffer, every length around its edge. */
static void test_json_long(void **state)
{
	static char text[2 * JSON_BUF];

	(void)state;
	for (size_t len = JSON_BUF - 8; len < JSON_BUF + 8; len++) {
		char *out = NULL;
		size_t n = 0;
		FILE *f = open_memstream(&out, &n);
		struct json j;

		memset(text, 'x', len);
		text[len] = '\0';
		json_init(&j, f);
		json_str(&j, text);
		json_line(&j);
		fclose(f);
		assert_int_equal(n, len + 3);
		assert_memory_equal(out + 1, text, len);
		free(out);
	}
}

static void test_write_failures(void **state)
{
	static const struct sink *const sinks[] = { &sink_json, &sink_table };
	struct cost c = { .wall = S };

	(void)state;
	for (size_t i = 0; i < N(sinks); i++) {
		struct sink_opts o = { .out = fopen("/dev/full", "w") };
		void *self = sinks[i]->open(&o);
		int fd[2];

		sinks[i]->cost(self, &c);
		assert_int_equal(sinks[i]->flush(self), -ENOSPC);
		assert_int_equal(sinks[i]->flush(self), -ENOSPC); /* it does not forget */
		sinks[i]->close(self);
		fclose(o.out);

		assert_int_equal(pipe(fd), 0);
		close(fd[0]);
		o.out = fdopen(fd[1], "w");
		self = sinks[i]->open(&o);
		sinks[i]->cost(self, &c);
		assert_int_equal(sinks[i]->flush(self), -EPIPE);
		sinks[i]->close(self);
		fclose(o.out);
	}
}

/* ---- the operations and summaries to render ---- */

static const char *const read_frames[] = { "__schedule", "schedule", "io_schedule", "folio_wait_bit_common",
	"filemap_update_page", "filemap_get_pages", "filemap_read", "ext4_file_read_iter", "vfs_read",
	"ksys_pread64", "do_syscall_64" };
static const char *const lock_frames[] = { "schedule", "rwsem_down_read_slowpath", "down_read", "ext4_map_blocks" };
static const char *const fsync_frames[] = { "schedule", "jbd2_log_wait_commit", "ext4_sync_file", "do_fsync" };
static const struct stack read_stack = { N(read_frames), read_frames, NULL };
static const struct stack lock_stack = { N(lock_frames), lock_frames, NULL };
static const struct stack fsync_stack = { N(fsync_frames), fsync_frames, NULL };

#define T0 (84512 * S + 123456 * US + 789)

static const struct wait read_waits[] = {
	{ T0 + 20 * US, 210 * US, "inode lock", &lock_stack },
	{ T0 + 300 * US, 50900 * US, "page-cache read", &read_stack },
	{ 0, 7 * US, "unknown", NULL },
};
static const struct stage read_stages[] = {
	{ "block", "get request", "loop0", T0 + 250 * US, 40 * US, 8192, 16384, 0, 0, -1, "read", false },
	{ "block", "queued", "loop0", T0 + 290 * US, 300 * US, 8192, 16384, 0, 0, -1, "read", false },
	{ "driver", "device", "loop0", T0 + 590 * US, 50400 * US, 8192, 16384, 0, 0, -1, "read", false },
	{ "irq", "completion", "loop0", T0 + 50990 * US, 35 * US, 8192, 16384, 0, 0, -1, "read", false },
	{ "block", "queued", "vda", T0 + 700 * US, 100 * US, 1048576, 16384, 0, 1, 0, "read", false },
	{ "driver", "device", "vda", T0 + 800 * US, 49900 * US, 1048576, 16384, 0, 1, 0, "read", false },
	{ "irq", "completion", "vda", T0 + 50700 * US, 12 * US, 1048576, 16384, 0, 1, 0, "read", false },
	{ "driver", "device", "vda", T0 + 40000 * US, 12300 * US, 1048608, 131072, 0, 2, -1, "read-ahead", true },
};
static const struct op op_read = {
	.kind = "pread64", .pid = 123, .tid = 124, .comm = "postgres", .cgroup_id = 4711,
	.cgroup = "/system.slice/postgresql.service", .file = "/data/base/16384/x.db", .dev = "loop0", .ino = 131,
	.offset = 4 << 20, .size = 16384, .ret = 16384, .t = T0, .wall = 52300 * US,
	.part = { 113 * US, 4 * US, 26 * US, 1040 * US, 51117 * US }, .runq_preempted = 900 * US,
	.pages_added = 36, .requests = 2, .nwaits = N(read_waits), .nstages = N(read_stages),
	.waits = read_waits, .stages = read_stages,
};

static const struct wait sync_waits[] = { { T0 + S + 9 * US, 8000 * US, "journal commit", &fsync_stack } };
static const struct stage sync_stages[] = {
	{ "driver", "device", "nvme0n1", T0 + S + 30 * US, 7900 * US, 0, 0, EIO, 0, -1, "flush", false },
};
static const struct op op_sync = {
	.kind = "fsync", .pid = 77, .tid = 77, .comm = "\033]0;evil\a", .cgroup = "", .cgroup_id = 1,
	.file = "/srv/日本語のとても長いファイル名/\xff\nnew", .dev = "nvme0n1", .offset = -1, .ret = -EIO,
	.t = T0 + S, .wall = 8100 * US, .part = { 100 * US, 0, 0, 0, 8000 * US }, .requests = 1,
	.nwaits = 1, .nstages = 1, .waits = sync_waits, .stages = sync_stages,
};

static const struct op op_hit = {
	.kind = "read", .pid = 4194303, .tid = 4194304, .comm = "a-comm-of-15-ch", .cgroup = "", .file = "",
	.dev = "", .offset = 123457, .size = 1000, .ret = 1000, .t = T0 + 2 * S, .wall = 850,
	.part = { 850, 0, 0, 0, 0 }, .flags = OP_CACHE_HIT,
};

static const struct wait uring_waits[] = {
	{ T0 + 3 * S + 4 * US, 80 * US, "in flight", NULL }, { T0 + 3 * S + 84 * US, 6 * US, "completed, not reaped", NULL },
};
static const struct op op_uring = {
	.kind = "io_uring write", .pid = 900, .tid = 901, .comm = "fio", .cgroup = "/", .file = "/dev/nvme0n1",
	.dev = "nvme0n1", .offset = 1ULL << 40, .size = 1 << 20, .ret = 1 << 20, .t = T0 + 3 * S, .wall = 90 * US,
	.part = { 4 * US, 0, 0, 0, 86 * US }, .flags = OP_ASYNC | OP_DIRECT, .pages_dirtied = 1, .requests = 3,
	.nwaits = 2, .waits = uring_waits,
};

static const struct op *const ops[] = { &op_read, &op_sync, &op_hit, &op_uring };

static void test_parts_sum(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(ops); i++) {
		uint64_t parts = 0, waits = 0;

		for (int p = 0; p < PART_N; p++)
			parts += ops[i]->part[p];
		for (unsigned int w = 0; w < ops[i]->nwaits; w++)
			waits += ops[i]->waits[w].ns;
		assert_int_equal(parts, ops[i]->wall);
		assert_int_equal(waits, ops[i]->part[PART_WAIT]);
	}
}

static struct share read_shares[7], device_shares[4], flush_shares[3], uring_shares[1];
static struct row rows[5];

/* Fills the histogram with n values that grow evenly in ratio from lo to hi, and the sums from it. */
static void row_fill(struct row *r, uint64_t n, uint64_t lo, uint64_t hi)
{
	r->count = n;
	r->min = lo;
	r->max = hi;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t v = lo + (uint64_t)((double)(hi - lo) * pow((double)i / (double)(n - 1), 6));

		r->hist[hist_bucket(v)]++;
		r->wall += v;
	}
}

/* Part and share sums must come out exactly: the last one takes the rest. */
static void row_split(struct row *r, unsigned int cpu, unsigned int runq)
{
	r->part[PART_CPU] = r->wall * cpu / 1000;
	r->part[PART_SOFTIRQ] = r->wall / 400;
	r->part[PART_RUNQ] = r->wall * runq / 1000;
	r->part[PART_WAIT] = r->wall - r->part[PART_CPU] - r->part[PART_SOFTIRQ] - r->part[PART_RUNQ];
}

static void shares_fill(struct row *r, struct share *share, const char *const *names, unsigned int n, uint64_t whole)
{
	uint64_t rest = whole;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t ns = i == n - 1 ? rest : rest / 3 * 2;

		share[i] = (struct share){ names[i], ns, r->count / (i + 1) };
		rest -= ns;
	}
	r->nshares = n;
	r->shares = share;
}

static void make_rows(void)
{
	static const char *const reasons[] = { "page-cache read", "request tag", "inode lock", "journal commit",
		"write-back throttle", "dirty throttle", "unknown" };
	static const char *const stages[] = { "get request", "queued", "device", "completion" };

	memset(rows, 0, sizeof(rows));
	rows[0] = (struct row){ .type = ROW_OP, .dev = "nvme0n1p2", .kind = "pread64", .bytes = 120ULL << 20 };
	row_fill(&rows[0], 123456, 900, 48 * MS);
	row_split(&rows[0], 113, 20);
	shares_fill(&rows[0], read_shares, reasons, 7, rows[0].part[PART_WAIT]);
	rows[1] = (struct row){ .type = ROW_OP, .dev = "loop0", .kind = "io_uring write", .bytes = 5ULL << 30 };
	row_fill(&rows[1], 4711, 20 * US, 9 * MS);
	row_split(&rows[1], 300, 600);
	uring_shares[0] = (struct share){ "in flight", rows[1].part[PART_WAIT], 4711 };
	rows[1].nshares = 1;
	rows[1].shares = uring_shares;
	rows[2] = (struct row){ .type = ROW_OP, .dev = "", .kind = "fsync", .errors = 3 };
	row_fill(&rows[2], 12, 3 * MS, 2 * S);
	row_split(&rows[2], 1, 1);
	rows[2].nshares = 1;
	flush_shares[0] = (struct share){ "journal commit", rows[2].part[PART_WAIT], 12 };
	rows[2].shares = flush_shares;
	rows[3] = (struct row){ .type = ROW_DEVICE, .dev = "nvme0n1", .kind = "read", .bytes = 110ULL << 20 };
	row_fill(&rows[3], 9999, 80 * US, 40 * MS);
	shares_fill(&rows[3], device_shares, stages, 4, rows[3].wall);
	rows[4] = (struct row){ .type = ROW_DEVICE, .dev = "nvme0n1", .kind = "flush", .errors = 1 };
	row_fill(&rows[4], 11, 100 * US, 3 * MS);
	flush_shares[1] = (struct share){ "queued", rows[4].wall / 10, 11 };
	flush_shares[2] = (struct share){ "device", rows[4].wall - rows[4].wall / 10, 11 };
	rows[4].nshares = 2;
	rows[4].shares = flush_shares + 1;
}

static const struct lost causes[] = {
	{ "operations", "the ring buffer was full (--buffer makes it larger)", 17 },
	{ "stages", "more than one operation has room for", 0 },
};
static const struct unseen unseen[] = { { "page fault end", "needs fentry: locked down" } };
static const struct cost cost = {
	.wall = 35 * S, .cpu_user = 300 * MS, .cpu_sys = 120 * MS, .bpf_known = true, .bpf_ns = 98 * 128179,
	.bpf_runs = 512000, .ops = 128179, .rss = 8100000, .rss_peak = 9000000, .map_bytes = 12000000,
	.attach_ns = 92 * MS, .nunseen = 1, .unseen = unseen,
};

/* Everything a sink can be given. */
static void render(const struct sink *sink, const struct sink_opts *base, FILE *f)
{
	struct sink_opts o = *base;
	struct summary interval = { T0, S, true, N(rows), rows, NULL, NULL, NULL };
	struct summary final = { T0, 10 * S, false, N(rows), rows, NULL, NULL, NULL };
	struct losses none = { 1, causes + 1, 0 }, some = { 2, causes, 17 };
	struct cost unknown = cost;
	void *self;

	o.out = f;
	self = sink->open(&o);
	assert_non_null(self);
	for (size_t i = 0; sink->op && i < N(ops); i++)
		assert_int_equal(sink->op(self, ops[i]), 0);
	if (sink->summary) {
		assert_int_equal(sink->summary(self, &interval), 0);
		interval.t += S;
		interval.nrows = 0;
		assert_int_equal(sink->summary(self, &interval), 0);
		assert_int_equal(sink->summary(self, &final), 0);
		assert_int_equal(sink->lost(self, &none), 0);
		assert_int_equal(sink->lost(self, &some), 0);
		assert_int_equal(sink->cost(self, &cost), 0);
		unknown.bpf_known = false;
		unknown.nunseen = 0;
		assert_int_equal(sink->cost(self, &unknown), 0);
	}
	assert_int_equal(sink->flush(self), 0);
	sink->close(self);
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	size_t n;

	if (!f)
		return NULL;
	text = calloc(1, 1 << 20);
	n = fread(text, 1, (1 << 20) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* No line is wider than the terminal, none ends in a blank. */
static void check_lines(const char *text, unsigned int width)
{
	while (*text) {
		const char *end = strchrnul(text, '\n');
		char *line = strndup(text, (size_t)(end - text));

		if (fmt_width(line) > width || (end > text && end[-1] == ' '))
			fail_msg("%u columns of %u, or a blank at the end: '%s'", fmt_width(line), width, line);
		free(line);
		text = *end ? end + 1 : end;
	}
}

static void render_sched(const struct sink *sink, const struct sink_opts *opts, FILE *f)
{
	static const struct ran ran[] = {
		{ 300 * MS, 900, 901, 12, "hog\033[2J" }, { 2 * MS, 15, 15, 3, "rcu_preempt" }, { 1 * MS, 0, 0, 1, "idle" },
	};
	static const struct share idle[2][3] = {
		{ { "none", 1 * MS, 0 }, { "C1", 99 * MS, 0 }, { "C6", 700 * MS, 0 } }, { { "none", 0, 0 } },
	};
	static struct delays d = { .count = 100, .ns = 812 * MS, .max = 305 * MS, .preempted = 40, .preempted_ns = 700 * MS,
				   .voluntary = 60, .involuntary = 41, .migrations = 3, .ran = 1100 * MS };
	const struct cpu_row cpus[] = {
		{ .cpu = 0, .part = { 1190 * MS, 8 * MS, 2 * MS, 800 * MS, 0 }, .nidle = 3, .idle = idle[0], .d = d },
		{ .cpu = 1, .part = { 1980 * MS, 9 * MS, 1 * MS, 0, 10 * MS }, .nidle = 1, .idle = idle[1], .d = d },
	};
	const struct task_row tasks[] = {
		{ .pid = 812, .comm = "postgres", .cgroup = "/system.slice/postgresql.service", .policy = "other", .cgroup_id = 7, .prio = 115, .d = d },
		{ .pid = 900, .comm = "hog\n", .cgroup = "/", .policy = "fifo", .cgroup_id = 1, .prio = 49, .d = d },
		{ .pid = 77, .comm = "dl", .cgroup = "", .policy = "deadline", .prio = -1 },
		{ .comm = "others", .cgroup = "", .policy = "other", .prio = 0, .others = true },
	};
	const struct task_row groups[] = {
		{ .comm = "", .cgroup = "/system.slice/postgresql.service", .policy = "", .cgroup_id = 7, .d = d },
		{ .comm = "", .cgroup = "/", .policy = "", .cgroup_id = 1, .d = d },
	};
	const struct preemption pairs[] = { { 900, 812, "hog", "postgres", 40, 700 * MS }, { 0, 812, "idle", "postgres", 1, 5 * MS } };
	static const char *const frames[] = { "rwsem_down_write_slowpath", "down_write", "ext4_buffered_write_iter" };
	const struct stack stack = { 3, frames, NULL };
	const struct lock_row locks[] = {
		{ .kind = "rwsem write", .where = "ext4_buffered_write_iter", .stack = &stack, .count = 12, .ns = 90 * MS,
		  .max = 30 * MS, .lock = 0xffff888012345678, .owner_pid = 900, .owner_tid = 901, .owner = "hog\033",
		  .lock_name = "" },
		{ .kind = "spinlock", .where = "unknown", .count = 1, .ns = 900, .max = 900, .lock = 16, .owner = "",
		  .lock_name = "jiffies_lock+0x8" },
	};
	const struct sched s = { 2, 4, 2, 2, 2, cpus, tasks, groups, pairs, locks };
	const struct summary sum = { .t = 5 * S, .ns = 2 * S, .sched = &s };
	const struct delay delays[] = {
		{ .t = 6 * S, .ns = 305 * MS, .pid = 812, .tid = 813, .comm = "postgres", .cgroup = "/system.slice/postgresql.service",
		  .policy = "other", .prio = 115, .how = "preempted", .context = "task", .by_pid = 900, .by_tid = 901, .by = "hog",
		  .cpu = 1, .cpu_ran = 0, .moved = 1, .stretches = 20, .rest = 2 * MS, .nran = 3, .ran = ran },
		{ .t = 6 * S, .ns = 20 * MS, .pid = 812, .tid = 812, .comm = "postgres", .cgroup = "/", .policy = "other", .prio = 120,
		  .how = "woken", .context = "irq", .by = "", .rest = 20 * MS },
	};
	void *self = sink->open(opts);

	assert_non_null(self);
	for (size_t i = 0; i < N(delays) && sink->delay; i++)
		assert_int_equal(sink->delay(self, &delays[i]), 0);
	if (sink->summary)
		assert_int_equal(sink->summary(self, &sum), 0);
	assert_int_equal(sink->flush(self), 0);
	sink->close(self);
}

/* A run of make with two slow calls; then a run with --call, of which the slow ones' path lacks nodes; then nothing. */
static void render_why(const struct sink *sink, const struct sink_opts *opts, FILE *f)
{
	const struct why_thread *make = &why_threads[3];
	struct why run = make_why(), calls = run, none = { .call = "" };
	struct summary sum = { .t = W0, .ns = 4120 * MS, .why = &run };
	void *self = sink->open(opts);

	assert_non_null(self);
	for (size_t i = 0; i < N(why_calls) && sink->call; i++)
		assert_int_equal(sink->call(self, &why_calls[i]), 0);
	if (sink->summary) {
		assert_int_equal(sink->summary(self, &sum), 0);
		calls.call = "fsync";
		calls.calls = 1203;
		calls.slow = 7;
		calls.nsyscalls = calls.chain.n = 0;
		calls.nthreads = 1;
		calls.threads = make;
		calls.wall = make->wall;
		memcpy(calls.part, make->part, sizeof(calls.part));
		calls.nwaits = make->nwaits;
		calls.waits = make->waits;
		calls.nrunq = make->nrunq;
		calls.runq = make->runq;
		calls.path.cut = 17;
		sum.why = &calls;
		assert_int_equal(sink->summary(self, &sum), 0);
		sum.why = &none;
		assert_int_equal(sink->summary(self, &sum), 0);
	}
	assert_int_equal(sink->flush(self), 0);
	sink->close(self);
}

/* ---- a sink that records, and in the end replays into another ---- */

static const struct sink *replay_sink;
static const char *replay_command;
static struct sink_opts replay_opts;
static char replay_path[] = "/tmp/spoor-test-view.XXXXXX";

static void *recorded_open(const struct sink_opts *opts)
{
	struct store_writer_opts o = { .path = replay_path, .command = replay_command, .options = "", .interval = 1, .no_tables = true };

	replay_opts = *opts;
	return store_create(&o);
}

static void recorded_close(void *self)
{
	struct store_query q = { .records = true, .interval = 1 };
	struct store_out out = { replay_sink, replay_sink->open(&replay_opts) };
	struct store *s;

	assert_non_null(out.self);
	sink_store.close(self);
	assert_int_equal(store_open(&s, replay_path, false), 0);
	assert_int_equal(store_replay(s, &q, &out, 1), 0);
	store_close(s);
	out.sink->close(out.self);
}

/* What `print` makes of the sink through a recording. Some end without their cost, as if they were cut off: what they
 * hold is shown all the same. */
static void golden_recorded(void (*print)(const struct sink *, const struct sink_opts *, FILE *), const struct sink *sink,
			    const struct sink_opts *o, const char *want)
{
	struct sink through = sink_store;
	struct sink_opts to = *o;
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	assert_int_equal(close(mkstemp(replay_path)), 0);
	through.open = recorded_open;
	through.close = recorded_close;
	replay_sink = sink;
	replay_command = print == render ? "io" : print == render_why ? "why" : "sched";
	to.out = f;
	print(&through, &to, f);
	fclose(f);
	assert_string_equal(out, want);
	free(out);
	unlink(replay_path);
	memcpy(strrchr(replay_path, '.'), ".XXXXXX", 8);
}

/* What `print` makes of the sink is the text that is kept under this name. */
static void golden_of(void (*print)(const struct sink *, const struct sink_opts *, FILE *), const struct sink *sink,
		      const struct sink_opts *o, const char *name)
{
	char path[256], *out = NULL, *want;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);
	struct sink_opts to = *o;

	to.out = f;
	print(sink, &to, f);
	fclose(f);
	snprintf(path, sizeof(path), "tests/golden/%s.txt", name);
	if (getenv("SPOOR_GOLDEN_UPDATE")) {
		f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(out, 1, n, f), n);
		assert_int_equal(fclose(f), 0);
	}
	want = slurp(path);
	if (!want)
		fail_msg("%s: missing; SPOOR_GOLDEN_UPDATE=1 writes it", path);
	assert_string_equal(out, want);
	if (o->width && !o->color)
		check_lines(out, o->width);
	golden_recorded(print, sink, o, want);
	free(want);
	free(out);
}

static void golden(const struct sink *sink, const struct sink_opts *o, const char *name)
{
	golden_of(render, sink, o, name);
}

static void test_golden_sched(void **state)
{
	static const unsigned int widths[] = { 0, 80, 120, 200 };
	static const struct sink *const sinks[] = { &sink_table, &sink_tree };
	struct sink_opts hist = { .width = 120, .histograms = true, .verbose = true, .color = true }, plain = { .width = 0 };
	char name[64];

	(void)state;
	for (size_t i = 0; i < N(sinks); i++)
		for (size_t w = 0; w < N(widths); w++) {
			struct sink_opts o = { .width = widths[w] };

			snprintf(name, sizeof(name), "sched-%s-%u", sinks[i]->name, widths[w]);
			golden_of(render_sched, sinks[i], &o, name);
		}
	golden_of(render_sched, &sink_table, &hist, "sched-table-color");
	golden_of(render_sched, &sink_tree, &hist, "sched-tree-color");
	golden_of(render_sched, &sink_json, &plain, "sched-json");
}

static void test_golden_why(void **state)
{
	static const unsigned int widths[] = { 0, 80, 120, 200 };
	static const struct sink *const sinks[] = { &sink_table, &sink_tree };
	struct sink_opts color = { .width = 120, .verbose = true, .color = true }, ascii = { .width = 100 }, plain = { .width = 0 };
	char name[64];

	(void)state;
	for (size_t i = 0; i < N(sinks); i++)
		for (size_t w = 0; w < N(widths); w++) {
			struct sink_opts o = { .width = widths[w] };

			snprintf(name, sizeof(name), "why-%s-%u", sinks[i]->name, widths[w]);
			golden_of(render_why, sinks[i], &o, name);
		}
	golden_of(render_why, &sink_table, &color, "why-table-color");
	golden_of(render_why, &sink_tree, &color, "why-tree-color");
	golden_of(render_why, &sink_json, &plain, "why-json");
	setlocale(LC_CTYPE, "C");
	golden_of(render_why, &sink_table, &ascii, "why-table-ascii");
	golden_of(render_why, &sink_tree, &ascii, "why-tree-ascii");
	setlocale(LC_CTYPE, "C.UTF-8");
}

static void test_golden_text(void **state)
{
	static const unsigned int widths[] = { 80, 120, 200 };
	static const struct sink *const sinks[] = { &sink_table, &sink_tree, &sink_line };
	char name[64];

	(void)state;
	for (size_t i = 0; i < N(sinks); i++)
		for (size_t w = 0; w < N(widths); w++) {
			struct sink_opts o = { .width = widths[w], .header = true };

			snprintf(name, sizeof(name), "%s-%u", sinks[i]->name, widths[w]);
			golden(sinks[i], &o, name);
		}
}

static void test_golden_variants(void **state)
{
	struct sink_opts plain = { .width = 0, .header = true };
	struct sink_opts hist = { .width = 120, .histograms = true };
	struct sink_opts verbose = { .width = 80, .verbose = true };
	struct sink_opts color = { .width = 120, .color = true, .header = true };

	(void)state;
	golden(&sink_table, &plain, "table-nowidth");
	golden(&sink_tree, &plain, "tree-nowidth");
	golden(&sink_line, &plain, "line-nowidth");
	golden(&sink_table, &hist, "table-hist");
	golden(&sink_tree, &verbose, "tree-verbose");
	golden(&sink_table, &color, "table-color");
	golden(&sink_tree, &color, "tree-color");
	golden(&sink_line, &color, "line-color");
	golden(&sink_json, &plain, "json");
}

static void test_golden_ascii(void **state)
{
	struct sink_opts o = { .width = 100, .header = true, .histograms = true };

	(void)state;
	setlocale(LC_CTYPE, "C");
	golden(&sink_table, &o, "table-ascii");
	golden(&sink_tree, &o, "tree-ascii");
	golden(&sink_line, &o, "line-ascii");
	setlocale(LC_CTYPE, "C.UTF-8");
}

/* Any width at all: nothing crashes, nothing loops, and from 60 on everything fits. */
static void test_every_width(void **state)
{
	static const struct sink *const sinks[] = { &sink_table, &sink_tree, &sink_line };

	(void)state;
	for (size_t i = 0; i < N(sinks); i++)
		for (unsigned int w = 1; w < 240; w += w < 20 ? 1 : 7) {
			struct sink_opts o = { .width = w, .header = true, .verbose = w & 1 };
			char *out = NULL;
			size_t n = 0;
			FILE *f = open_memstream(&out, &n);

			render(sinks[i], &o, f);
			o.out = f;
			render_why(sinks[i], &o, f);
			fclose(f);
			assert_null(memchr(out, '\033', n)); /* nothing of a hostile name reaches the terminal */
			if (w >= 80)
				check_lines(out, w);
			free(out);
		}
}

/* Many waits, deep and circular requests, no wall: whatever a source may hand over. */
static void test_odd_operations(void **state)
{
	static struct wait waits[100];
	static struct stage stages[200];
	struct op op = op_read;
	struct sink_opts o = { .width = 100 };
	size_t n = 0;
	char *out = NULL;
	void *self;

	(void)state;
	op.part[PART_WAIT] = 0;
	for (unsigned int i = 0; i < N(waits); i++) {
		waits[i] = (struct wait){ i, i, "request tag", NULL };
		op.part[PART_WAIT] += i;
	}
	for (unsigned int i = 0; i < N(stages); i++)
		stages[i] = (struct stage){ .layer = "block", .name = "device", .dev = "dm-0", .t = i, .ns = UINT32_MAX,
			.request = i, .parent = i < 100 ? (int)i - 1 : (int)(100 + (i + 1) % 100), .rw = "read" };
	op.waits = waits;
	op.nwaits = N(waits);
	op.stages = stages;
	op.nstages = N(stages);
	o.out = open_memstream(&out, &n);
	for (int verbose = 0; verbose < 2; verbose++)
		for (op.wall = 0; op.wall < 2; op.wall++) {
			o.verbose = verbose;
			self = sink_tree.open(&o);
			assert_int_equal(sink_tree.op(self, &op), 0);
			sink_tree.close(self);
		}
	fclose(o.out);
	assert_non_null(strstr(out, "92 more waits"));
	free(out);
}

/* The lines of a path, without those that follow it. */
static unsigned int count_lines(const char *text, const char *from)
{
	unsigned int n = 0;

	text = strstr(text, from);
	assert_non_null(text);
	for (text = strchr(text, '\n') + 1; *text && *text != '\n'; text = strchr(text, '\n') + 1)
		n++;
	return n;
}

/* Many nodes, all alike, all nothing, and depths that no walk would make: shown in few lines, or all. */
static void test_odd_paths(void **state)
{
	static struct crit_node node[3000];
	struct slow_call call = { .name = "read", .comm = "c", .t = 1, .ns = 1000, .part = { 1000 }, .path = { .t = 1, .ns = 1000, .comm = "c",
				  .node = node } };
	uint32_t seed = 1;

	(void)state;
	for (unsigned int round = 0; round < 24; round++) {
		bool all = round & 1;
		struct sink_opts o = { .width = 100, .verbose = all };
		char *out = NULL;
		size_t n = 0;
		void *self;

		for (unsigned int i = 0; i < N(node); i++) {
			seed = seed * 1664525 + 1013904223;
			node[i] = (struct crit_node){ .kind = seed >> 30, .depth = round < 8 ? 0 : round < 16 ? seed >> 28 : i, .t = i, .count = 1,
				.ns = round % 8 < 2 ? 0 : round % 8 < 4 ? 500 : seed >> 20, .comm = "c", .reason = "", .by = { "task", "d", 2, 2 } };
		}
		call.path.n = N(node);
		call.ns = round % 3 ? 1000 : 0;
		call.path.ns = call.ns;
		o.out = open_memstream(&out, &n);
		self = sink_tree.open(&o);
		assert_int_equal(sink_tree.call(self, &call), 0);
		sink_tree.close(self);
		fclose(o.out);
		check_lines(out, 100);
		if (all)
			assert_true(count_lines(out, "mostly") >= N(node));
		else if (round % 8 >= 2) /* with the lines of those left out, and broken ones */
			assert_in_range(count_lines(out, "mostly"), 1, 150);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hist_buckets), cmocka_unit_test(test_hist_quantiles),
		cmocka_unit_test(test_fmt_numbers), cmocka_unit_test(test_fmt_words),
		cmocka_unit_test(test_fmt_escape), cmocka_unit_test(test_fmt_width),
		cmocka_unit_test(test_json_values), cmocka_unit_test(test_json_long),
		cmocka_unit_test(test_write_failures), cmocka_unit_test(test_parts_sum),
		cmocka_unit_test(test_golden_text), cmocka_unit_test(test_golden_variants),
		cmocka_unit_test(test_golden_ascii), cmocka_unit_test(test_golden_sched),
		cmocka_unit_test(test_golden_why), cmocka_unit_test(test_every_width),
		cmocka_unit_test(test_odd_operations), cmocka_unit_test(test_odd_paths),
	};

	signal(SIGPIPE, SIG_IGN);
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 1;
	make_rows();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
