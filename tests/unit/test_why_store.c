/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What is kept of threads: any window of their time, sums of waits, and how records become both. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "path/why/why_priv.h"

/* ---- windows ---- */

static void check_seg(const struct why_seg *s, enum crit_kind kind, uint64_t t, uint64_t ns)
{
	assert_int_equal(s->kind, kind);
	assert_int_equal(s->t, t);
	assert_int_equal(s->ns, ns);
}

/* Runs 100..200, a quarter of it its own code, blocked until 300, on the run queue until 310. */
static const struct stay one = {
	.on = 100, .off = 200, .woken = 300, .run = 310, .part = { 25, 75 }, .how = WHY_OFF_BLOCKED, .context = WHY_BY_TASK,
	.by_tid = 8, .site = 5, .nr = 1, .runq_tid = 9,
};

static void test_windows(void **state)
{
	struct why_store *s = why_store_new();
	struct thread *t = why_store_thread(s, 7, 100);
	struct stay two = one;
	why_segs_t v = { 0 };

	(void)state;
	two.on = 310, two.off = 320, two.woken = 320, two.run = 400, two.how = WHY_OFF_PREEMPTED;
	two.part[0] = 3, two.part[1] = 7;
	assert_int_equal(why_store_stay(s, t, &one), 0);
	assert_int_equal(why_store_stay(s, t, &two), 0);
	t->first = 100, t->last = 400, t->seen = true;

	assert_int_equal(why_store_segs(s, 7, 90, 410, &v), 0);
	assert_int_equal(v.n, 7);
	check_seg(&v.v[0], CRIT_UNKNOWN, 90, 10);
	check_seg(&v.v[1], CRIT_CPU, 100, 100);
	check_seg(&v.v[2], CRIT_WAIT, 200, 100);
	check_seg(&v.v[3], CRIT_RUNQ, 300, 10);
	check_seg(&v.v[4], CRIT_CPU, 310, 10);
	check_seg(&v.v[5], CRIT_RUNQ, 320, 80);
	check_seg(&v.v[6], CRIT_UNKNOWN, 400, 10);
	assert_int_equal(v.v[2].by_tid, 8);
	assert_int_equal(v.v[2].site, 5);
	assert_int_equal(v.v[3].by_tid, 9);

	/* clipped at both ends: parts in proportion, to the nanosecond */
	v.n = 0;
	assert_int_equal(why_store_segs(s, 7, 150, 201, &v), 0);
	assert_int_equal(v.n, 2);
	check_seg(&v.v[0], CRIT_CPU, 150, 50);
	assert_int_equal(v.v[0].part[WHY_USER], 12);
	assert_int_equal(v.v[0].part[WHY_KERNEL], 38);
	check_seg(&v.v[1], CRIT_WAIT, 200, 1);

	/* within one piece, of no length, of a thread that is not known; on the CPU since the last record */
	v.n = 0;
	assert_int_equal(why_store_segs(s, 7, 220, 230, &v), 0);
	assert_int_equal(why_store_segs(s, 7, 230, 230, &v), 0);
	assert_int_equal(why_store_segs(s, 99, 0, 5, &v), 0);
	t->open = true;
	assert_int_equal(why_store_segs(s, 7, 400, 450, &v), 0);
	assert_int_equal(v.n, 3);
	check_seg(&v.v[0], CRIT_WAIT, 220, 10);
	check_seg(&v.v[1], CRIT_UNKNOWN, 0, 5);
	check_seg(&v.v[2], CRIT_CPU, 400, 50);
	assert_int_equal(v.v[2].part[WHY_KERNEL], 50);
	vec_free(&v);
	why_store_free(s);
}

/* What is kept is all there again: times of days, a device's number, a call's; a stay that ends in no other. */
static void test_kept(void **state)
{
	const uint64_t hour = 3600000000000, on = 77 * hour;
	struct stay a = one;
	struct why_store *s = why_store_new();
	struct thread *t = why_store_thread(s, 7, on);
	why_segs_t v = { 0 };

	(void)state;
	a.on = on, a.off = on + 30 * hour, a.woken = a.off + 40 * hour, a.run = a.woken + 1;
	a.part[WHY_ON_USER] = 20 * hour, a.part[WHY_ON_KERNEL] = 10 * hour - 14, a.part[WHY_ON_IRQ] = 5, a.part[WHY_ON_SOFTIRQ] = 9;
	a.context = WHY_BY_DEVICE, a.dev = UINT32_MAX, a.by_tid = 0, a.write = 1, a.vec = 3, a.site = UINT64_MAX, a.nr = 462;
	assert_int_equal(why_store_stay(s, t, &a), 0);
	a.on = a.run, a.off = a.on + 6, a.woken = a.run = 0, a.nr = WHY_NR_FAULT, a.how = WHY_OFF_DEAD;
	memset(a.part, 0, sizeof(a.part));
	a.part[WHY_ON_SOFTIRQ] = 6;
	assert_int_equal(why_store_stay(s, t, &a), 0);
	assert_int_equal(why_store_segs(s, 7, on, a.off, &v), 0);
	assert_int_equal(v.n, 4);
	check_seg(&v.v[0], CRIT_CPU, on, 30 * hour);
	check_seg(&v.v[1], CRIT_WAIT, on + 30 * hour, 40 * hour);
	check_seg(&v.v[2], CRIT_RUNQ, on + 70 * hour, 1);
	check_seg(&v.v[3], CRIT_CPU, on + 70 * hour + 1, 6);
	assert_int_equal(v.v[0].part[WHY_USER], 20 * hour);
	assert_int_equal(v.v[0].part[WHY_KERNEL], 10 * hour - 14);
	assert_int_equal(v.v[0].part[WHY_IRQ], 5);
	assert_int_equal(v.v[0].part[WHY_SOFTIRQ], 9);
	assert_int_equal(v.v[0].nr, 462);
	assert_int_equal(v.v[1].dev, UINT32_MAX);
	assert_int_equal(v.v[1].by_tid, 0);
	assert_true(v.v[1].site == UINT64_MAX);
	assert_int_equal(v.v[1].write, 1);
	assert_int_equal(v.v[1].vec, 3);
	assert_int_equal(v.v[3].nr, WHY_NR_FAULT);
	assert_int_equal(v.v[3].part[WHY_SOFTIRQ], 6);
	vec_free(&v);
	why_store_free(s);
}

/* More stacks than there are numbers for are unknown ones; a wait longer than three days is cut, and unknown from there on. */
static void test_kept_limits(void **state)
{
	struct why_store *s = why_store_new();
	struct thread *t = why_store_thread(s, 7, 0);
	why_segs_t v = { 0 };
	struct stay a = one;
	size_t known = 0;

	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		a = one;
		a.on += 300 * i, a.off += 300 * i, a.woken += 300 * i, a.run = a.woken;
		a.site = 1 + i % 10000;
		assert_int_equal(why_store_stay(s, t, &a), 0);
	}
	assert_int_equal(why_store_segs(s, 7, 100, a.run, &v), 0);
	for (size_t i = 0; i < v.n; i++) {
		if (v.v[i].kind != CRIT_WAIT)
			continue;
		assert_true(!v.v[i].site || v.v[i].site == 1 + (v.v[i].t - 200) / 300 % 10000);
		known += v.v[i].site != 0;
	}
	assert_true(known >= 10000 && known < 20000);
	v.n = 0;
	a.on = a.run, a.off = a.on + 1, a.woken = a.run = a.off + (1ull << 60);
	assert_int_equal(why_store_stay(s, t, &a), 0);
	assert_int_equal(why_store_segs(s, 7, a.on, a.run, &v), 0);
	assert_int_equal(v.n, 3);
	check_seg(&v.v[1], CRIT_WAIT, a.off, (1ull << 48) - 2);
	assert_int_equal(v.v[2].kind, CRIT_UNKNOWN);
	vec_free(&v);
	why_store_free(s);
}

/* Between records there is what the history told, where it did. */
static void test_past(void **state)
{
	static const struct why_seg past[] = {
		{ .t = 10, .ns = 20, .kind = CRIT_CPU, .part = { 0, 20 } }, { .t = 30, .ns = 5, .kind = CRIT_UNKNOWN },
		{ .t = 35, .ns = 30, .kind = CRIT_WAIT, .by_tid = 3 }, { .t = 90, .ns = 40, .kind = CRIT_RUNQ },
	};
	struct why_store *s = why_store_new();
	struct thread *t = why_store_thread(s, 7, 100);
	why_segs_t v = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++)
		assert_int_equal(vec_push(&t->past, past[i]), 0);
	assert_int_equal(why_store_stay(s, t, &one), 0);
	assert_int_equal(why_store_segs(s, 7, 20, 110, &v), 0);
	assert_int_equal(v.n, 6);
	check_seg(&v.v[0], CRIT_CPU, 20, 10);
	assert_int_equal(v.v[0].part[WHY_KERNEL], 10);
	check_seg(&v.v[1], CRIT_UNKNOWN, 30, 5);
	check_seg(&v.v[2], CRIT_WAIT, 35, 30);
	check_seg(&v.v[3], CRIT_UNKNOWN, 65, 25);
	check_seg(&v.v[4], CRIT_RUNQ, 90, 10); /* the record knows better from 100 on */
	check_seg(&v.v[5], CRIT_CPU, 100, 10);
	vec_free(&v);
	why_store_free(s);
}

/* A number that is used again: each window finds who had it then. */
static void test_reused(void **state)
{
	struct why_store *s = why_store_new();
	struct thread *old = why_store_thread(s, 7, 100), *new;
	struct stay later = one;
	why_segs_t v = { 0 };

	(void)state;
	assert_ptr_equal(why_store_thread(s, 7, 150), old);
	assert_int_equal(why_store_stay(s, old, &one), 0);
	old->ended = true;
	new = why_store_thread(s, 7, 1100);
	assert_ptr_not_equal(new, old);
	assert_ptr_equal(why_store_find(s, 7), new);
	assert_int_equal(why_store_count(s), 2);
	later.on += 1000, later.off += 1000, later.woken += 1000, later.run += 1000;
	assert_int_equal(why_store_stay(s, new, &later), 0);
	assert_int_equal(why_store_segs(s, 7, 100, 200, &v), 0);
	assert_int_equal(why_store_segs(s, 7, 1100, 1200, &v), 0);
	assert_int_equal(v.n, 2);
	check_seg(&v.v[0], CRIT_CPU, 100, 100);
	check_seg(&v.v[1], CRIT_CPU, 1100, 100);
	/* and a window of both has the time of both */
	v.n = 0;
	assert_int_equal(why_store_segs(s, 7, 50, 1150, &v), 0);
	assert_int_equal(v.n, 6);
	check_seg(&v.v[0], CRIT_UNKNOWN, 50, 50);
	check_seg(&v.v[1], CRIT_CPU, 100, 100);
	check_seg(&v.v[2], CRIT_WAIT, 200, 100);
	check_seg(&v.v[3], CRIT_RUNQ, 300, 10);
	check_seg(&v.v[4], CRIT_UNKNOWN, 310, 790);
	check_seg(&v.v[5], CRIT_CPU, 1100, 50);
	vec_free(&v);
	why_store_free(s);
}

/* ---- sums ---- */

static void test_tab(void **state)
{
	struct why_tab t = { 0 };
	struct why_key key = { .comm = "" };
	struct why_tally *a;

	(void)state;
	for (uint64_t i = 0; i < WHY_TAB_MOST - 1; i++) {
		key.site = 1 + i / 2;
		key.context = i & 1;
		key.tid = (uint32_t)i;
		a = why_tab_get(&t, &key);
		assert_non_null(a);
		a->count = i;
	}
	assert_int_equal(t.all.n, WHY_TAB_MOST - 1);
	for (uint64_t i = 0; i < WHY_TAB_MOST - 1; i++) {
		key.site = 1 + i / 2;
		key.context = i & 1;
		key.tid = 0; /* from WHY_TAB_TIDS on tasks are not told apart, before that this is another key */
		assert_int_equal(why_tab_get(&t, &key)->count, i < WHY_TAB_TIDS ? 0 : i);
	}
	key.vec = 1;
	why_tab_get(&t, &key)->count = 5; /* full: all others */
	assert_int_equal(t.all.n, WHY_TAB_MOST);
	key.vec = 2;
	assert_int_equal(why_tab_get(&t, &key)->count, 5);
	why_tab_free(&t);
}

/* ---- records ---- */

static struct why_state st;

static int begin(void **state)
{
	(void)state;
	memset(&st, 0, sizeof(st));
	st.store = why_store_new();
	return !st.store;
}

static int end(void **state)
{
	(void)state;
	why_store_free(st.store);
	why_tab_free(&st.waits);
	why_tab_free(&st.runq);
	return 0;
}

/* Runs, is blocked, waits for a CPU: for so long each, from `on`. */
static struct why_stay record(uint64_t on, uint64_t cpu, uint64_t wait, uint64_t runq)
{
	return (struct why_stay){ .type = WHY_STAY, .tid = 7, .tgid = 7, .comm = "t", .on = on, .off = on + cpu, .woken = on + cpu + wait,
				  .run = on + cpu + wait + runq, .part = { cpu }, .context = WHY_BY_TIMER };
}

static struct thread *take(struct why_stay r)
{
	assert_int_equal(why_stay_check(&r, sizeof(r)), 0);
	assert_int_equal(why_take(&st, &r), 0);
	return why_store_find(st.store, 7);
}

static void check_parts(const struct thread *t, uint64_t user, uint64_t wait, uint64_t woken, uint64_t unknown)
{
	uint64_t sum = 0;

	assert_int_equal(t->part[WHY_USER], user);
	assert_int_equal(t->part[WHY_WAIT], wait);
	assert_int_equal(t->part[WHY_WOKEN], woken);
	assert_int_equal(t->part[WHY_UNKNOWN], unknown);
	for (size_t i = 0; i < t->waits.all.n; i++)
		sum += t->waits.all.v[i].ns;
	assert_int_equal(sum, wait);
	sum = 0;
	for (size_t i = 0; i < t->runq.all.n; i++)
		sum += t->runq.all.v[i].ns;
	assert_int_equal(sum, woken);
}

static void test_records(void **state)
{
	struct why_stay gap = record(160, 5, 0, 0), last = record(300, 10, 0, 0);
	struct thread *t;

	(void)state;
	t = take(record(100, 10, 20, 5));
	assert_true(t->open && t->first == 100 && t->last == 135);
	check_parts(t, 10, 20, 5, 0);
	t = take(record(145, 5, 5, 5)); /* a record was lost before it */
	check_parts(t, 15, 25, 10, 10);
	gap.how = WHY_OFF_GAP, gap.flags = WHY_F_END, gap.woken = gap.run = 0;
	t = take(gap);
	assert_true(!t->open && !t->ended && t->last == 165);
	t = take(record(200, 1, 2, 3));
	check_parts(t, 21, 27, 13, 45);
	t = take(record(150, 60, 10, 10)); /* goes back, over what was counted: that much of it is left */
	assert_int_equal(t->last, 230);
	check_parts(t, 25, 37, 23, 45);
	t = take(record(100, 1, 2, 3)); /* all of it */
	assert_int_equal(t->last, 230);
	check_parts(t, 25, 37, 23, 45);
	last.how = WHY_OFF_DEAD, last.flags = WHY_F_END, last.woken = last.run = 0;
	t = take(last);
	assert_true(t->ended && t->last == 310);
	check_parts(t, 35, 37, 23, 115);
	assert_ptr_not_equal(take(record(400, 1, 0, 0)), t);
}

static void test_helpers(void **state)
{
	struct why_stay help = record(100, 10, 20, 5);
	struct thread *t;

	(void)state;
	help.flags = WHY_F_HELPER;
	t = take(help);
	assert_true(t->helper && !st.waits.all.n && !st.runq.all.n);
	check_parts(t, 0, 0, 0, 0);
	t = take(record(200, 1, 2, 3)); /* now it is asked for */
	assert_true(!t->helper && t->first == 200);
	check_parts(t, 1, 2, 3, 0);
	help.on += 200, help.off += 200, help.woken += 200, help.run += 200;
	st.opts.call = "fsync";
	t = take(help); /* between two calls */
	assert_true(!t->helper && t->last == 335);
	check_parts(t, 1, 2, 3, 0);
	st.opts.call = NULL;
	help.on += 200, help.off += 200, help.woken += 200, help.run += 200;
	t = take(help); /* no longer found by the filter, but it was */
	check_parts(t, 11, 22, 8, 165);
}

static void test_refused(void **state)
{
	struct why_stay good = record(100, 10, 20, 5), r;

	(void)state;
	assert_int_equal(why_stay_check(&good, sizeof(good)), 0);
	assert_int_not_equal(why_stay_check(&good, sizeof(good) - 1), 0);
	r = good, r.part[0]--;
	assert_int_not_equal(why_stay_check(&r, sizeof(r)), 0);
	r = good, r.run = 0;
	assert_int_not_equal(why_stay_check(&r, sizeof(r)), 0);
	r = good, r.woken = r.off - 1;
	assert_int_not_equal(why_stay_check(&r, sizeof(r)), 0);
	r = good, r.how = WHY_OFF_PREEMPTED; /* but woken later */
	assert_int_not_equal(why_stay_check(&r, sizeof(r)), 0);
	r = good, r.context = WHY_BY_N;
	assert_int_not_equal(why_stay_check(&r, sizeof(r)), 0);
	r = good;
	memset(r.comm, 'x', sizeof(r.comm));
	assert_int_not_equal(why_stay_check(&r, sizeof(r)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_kept_limits),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_reused),
		cmocka_unit_test(test_tab),
		cmocka_unit_test_setup_teardown(test_records, begin, end),
		cmocka_unit_test_setup_teardown(test_helpers, begin, end),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
