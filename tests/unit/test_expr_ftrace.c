/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Plans as probe events of ftrace: what it can read and filter, what is done here, and the pages that it hands out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "expr/ftrace_priv.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#if defined(__x86_64__)
#define ARG0 "%di"
#define ARG1 "%si"
#define ARG6 "$stack1"
#define AX   80
#define AX_S "%ax"
#else
#define ARG0 "%x0"
#define ARG1 "%x1"
#define ARG6 "%x6"
#define AX   16
#define AX_S "%x2"
#endif

/* ---- typed operations by hand ---- */

#define IR(...) (&(struct ir){ __VA_ARGS__ })
#define NUM(n) IR(.op = IR_NUM, .number = (uint64_t)(n))
#define ARG(n) IR(.op = IR_ARG, .number = (n))
#define PLUS(x, n) IR(.op = IR_ADD, .a = (x), .b = NUM(n))
#define LOAD(bytes, sign, x, off) IR(.op = IR_LOAD, .size = (bytes), .is_signed = (sign), .a = (x), .number = (uint64_t)(off))
#define PTR(x, off) LOAD(8, false, x, off)
#define TWO(which, x, y) IR(.op = (which), .a = (x), .b = (y))
#define CMP(which, x, n) IR(.op = (which), .a = (x), .b = NUM(n), .is_signed = true)
#define EXT(bytes, sign, x) IR(.op = IR_EXT, .size = (bytes), .is_signed = (sign), .a = (x))
#define BITS(first, n, sign, x) IR(.op = IR_BITS, .number = (first), .bits = (n), .is_signed = (sign), .a = (x))
#define SWAP(bytes, x) IR(.op = IR_SWAP, .size = (bytes), .a = (x))
#define TEXT(which, x, s) IR(.op = (which), .a = (x), .text = (s))
#define COMM IR(.op = IR_COMM)

static struct probe_ast ast = { .text = "p f", .letter = 'p', .func = "f" };

static void test_fetch(void **state)
{
	const struct { const struct ir *ir; const char *text; enum point point; } t[] = {
		{ ARG(0), ARG0 ":u64", POINT_FUNC }, { ARG(6), ARG6 ":u64", POINT_FUNC },
		{ IR(.op = IR_ARG, .number = 1, .size = 4, .is_signed = true), ARG1 ":s32", POINT_FUNC },
		{ IR(.op = IR_REG, .number = AX, .size = 8), AX_S ":u64", POINT_FUNC },
		{ IR(.op = IR_RET, .size = 4, .is_signed = true), "$retval:s32", POINT_RETURN }, { IR(.op = IR_RET), NULL, POINT_FUNC },
		{ ARG(0), NULL, POINT_RETURN }, { ARG(0), NULL, POINT_RAW }, { ARG(LIST_SLOT), NULL, POINT_FUNC },
		{ LOAD(4, false, ARG(0), 112), "+112(" ARG0 "):u32", POINT_FUNC },
		{ LOAD(2, true, PTR(PTR(ARG(1), 8), 0), -16), "-16(+0(+8(" ARG1 "))):s16", POINT_FUNC },
		{ LOAD(4, false, PLUS(PLUS(ARG(0), 100), 8), 4), "+112(" ARG0 "):u32", POINT_FUNC },
		{ LOAD(4, false, LOAD(4, false, ARG(0), 0), 0), NULL, POINT_FUNC }, /* no pointer */
		{ LOAD(8, false, NUM(0xffffffff81000000), 8), "@0xffffffff81000008:u64", POINT_FUNC },
		{ LOAD(8, false, NUM(0x1000), 8), NULL, POINT_USER },
		{ LOAD(4, false, PTR(NUM(0xffffffff81000000), 0), 8), "+8(@0xffffffff81000000):u32", POINT_RETURN },
		{ IR(.op = IR_LOAD, .size = 4, .a = ARG(0), .space = SPACE_USER), "+u0(" ARG0 "):u32", POINT_FUNC },
		{ IR(.op = IR_LOAD, .size = 4, .a = ARG(0), .space = SPACE_USER), "+0(" ARG0 "):u32", POINT_USER },
		{ LOAD(4, false, TWO(IR_ADD, ARG(0), ARG(1)), 0), NULL, POINT_FUNC },
		{ EXT(4, true, ARG(0)), ARG0 ":s32", POINT_FUNC }, { EXT(2, false, LOAD(8, false, ARG(0), 8)), "+8(" ARG0 "):u16", POINT_FUNC },
		{ EXT(8, false, LOAD(4, false, ARG(0), 8)), NULL, POINT_FUNC },
		{ BITS(3, 5, false, LOAD(4, false, ARG(0), 8)), "+8(" ARG0 "):b5@3/32", POINT_FUNC },
		{ BITS(3, 5, false, ARG(0)), NULL, POINT_FUNC },
		{ TWO(IR_ADD, ARG(0), NUM(1)), NULL, POINT_FUNC }, { NUM(7), NULL, POINT_FUNC },
		{ LOAD(1, false, IR(.op = IR_COND, .flat = PLUS(PTR(ARG(0), 200), 20)), 9), "+29(+200(" ARG0 ")):u8", POINT_FUNC },
	};
	char s[FETCH_MAX];

	for (size_t i = 0; i < N(t); i++) {
		struct plan p = { .ast = &ast, .point = t[i].point };
		bool fine = fetch_number(&p, t[i].ir, s);

		if (fine != !!t[i].text || (fine && strcmp(s, t[i].text)))
			fail_msg("%zu: %s, not %s", i, fine ? s : "none", t[i].text ? t[i].text : "none");
	}
}

/* A chain that is longer than any argument may be ends, and writes no further. */
static void test_fetch_long(void **state)
{
	struct plan p = { .ast = &ast, .point = POINT_FUNC };
	struct ir chain[120] = { { .op = IR_ARG } };
	char s[FETCH_MAX];

	for (size_t i = 1; i < N(chain); i++)
		chain[i] = (struct ir){ .op = IR_LOAD, .size = 8, .a = &chain[i - 1], .number = 1000 };
	assert_false(fetch_number(&p, &chain[N(chain) - 1], s));
	assert_true(fetch_number(&p, &chain[20], s));
}

static void test_filter(void **state)
{
	struct ir *len = LOAD(4, false, ARG(0), 8), *off = LOAD(8, true, ARG(0), 16), *big = LOAD(8, false, ARG(0), 24);
	struct ir *at = ARG(1), *sum = TWO(IR_ADD, len, off);
	const struct { const struct ir *ir; const char *text; bool here; } t[] = {
		{ CMP(IR_GT, len, 5), "_0 > 5", false }, { CMP(IR_EQ, off, -1), "_0 == -1", false },
		{ CMP(IR_LE, off, INT64_MIN), "_0 <= -9223372036854775808", false },
		{ CMP(IR_GT, len, -1), NULL, true }, { CMP(IR_LT, len, 1ll << 32), NULL, true }, /* always true: not for a u32 */
		{ CMP(IR_GT, big, 5), NULL, true }, { CMP(IR_EQ, big, 5), "_0 == 5", false }, /* its sign is not the comparison's */
		{ IR(.op = IR_GT, .a = big, .b = NUM(5)), "_0 > 5", false },
		{ TWO(IR_AND, CMP(IR_GT, len, 5), CMP(IR_NE, off, 0)), "_0 > 5 && _1 != 0", false },
		{ TWO(IR_OR, CMP(IR_GT, len, 5), CMP(IR_NE, off, 0)), "(_0 > 5 || _1 != 0)", false },
		{ TWO(IR_AND, CMP(IR_GT, sum, 5), CMP(IR_NE, off, 0)), "_1 != 0", true }, /* the sum is for us */
		{ TWO(IR_OR, CMP(IR_GT, sum, 5), CMP(IR_NE, off, 0)), NULL, true },
		{ IR(.op = IR_NOT, .a = CMP(IR_GT, len, 5)), "!(_0 > 5)", false }, { len, "_0 != 0", false },
		{ TWO(IR_BAND, len, NUM(4)), "_0 & 4", false }, { CMP(IR_NE, TWO(IR_BAND, len, NUM(4)), 0), "_0 & 4", false },
		{ CMP(IR_EQ, TWO(IR_BAND, len, NUM(4)), 0), "!(_0 & 4)", false }, { CMP(IR_EQ, TWO(IR_BAND, len, NUM(4)), 4), NULL, true },
		{ CMP(IR_EQ, SWAP(2, LOAD(2, false, ARG(0), 0)), 53), "_0 == 13568", false },
		{ CMP(IR_GT, SWAP(2, LOAD(2, false, ARG(0), 0)), 53), NULL, true },
		{ CMP(IR_EQ, SWAP(2, LOAD(2, false, ARG(0), 0)), 65536), NULL, true },
		{ TEXT(IR_STREQ, COMM, "cat"), "COMM == \"cat\"", false }, { TEXT(IR_STREQ, COMM, "a\"b"), NULL, true },
		{ TEXT(IR_STREQ, COMM, "a*"), NULL, true }, { TEXT(IR_GLOB, COMM, "a*[bc]?"), "COMM ~ \"a*[bc]?\"", false },
		{ TEXT(IR_STREQ, PLUS(at, 8), "x"), "_0 == \"x\"", false }, { TEXT(IR_GLOB, PTR(at, 8), "x*"), "_0 ~ \"x*\"", false },
		{ CMP(IR_EQ, IR(.op = IR_IDS), 7), "common_pid == 7", false }, { CMP(IR_EQ, IR(.op = IR_IDS, .number = 1), 7), NULL, true },
		{ CMP(IR_EQ, BITS(0, 3, false, len), 8), NULL, true }, { CMP(IR_EQ, BITS(0, 3, false, len), 7), "_0 == 7", false },
	};

	for (size_t i = 0; i < N(t); i++) {
		struct plan p = { .ast = &ast, .point = POINT_FUNC, .filter = (struct ir *)t[i].ir };
		struct ftprobe fp = { .p = &p };
		struct diag d = { 0 };

		assert_int_equal(filter_plan(&fp, &d), 0);
		if (!fp.filter != !t[i].text || (fp.filter && strcmp(fp.filter, t[i].text)) || fp.filtered_here != t[i].here)
			fail_msg("%zu: %s%s, not %s", i, fp.filter ? fp.filter : "none", fp.filtered_here ? " and here" : "", t[i].text ? t[i].text : "none");
		free(fp.filter);
		vec_free(&fp.leaves);
	}
}

static void test_filter_refused(void **state)
{
	struct ir *walked = LOAD(4, false, TWO(IR_ADD, ARG(0), LOAD(8, false, ARG(1), 0)), 0);
	struct plan p = { .ast = &ast, .point = POINT_FUNC, .filter = CMP(IR_EQ, walked, 1) };
	struct ftprobe fp = { .p = &p };
	struct diag d = { 0 };

	assert_int_equal(filter_plan(&fp, &d), -EOPNOTSUPP);
	assert_non_null(strstr(d.message, "ftrace cannot read"));
	assert_null(fp.filter);
	vec_free(&fp.leaves);
}

/* ---- what an event brought ---- */

static uint8_t event_data[64];
static struct leaf number_leaf(const struct ir *ir, uint32_t off, uint32_t size)
{
	return (struct leaf){ .kind = LEAF_NUMBER, .ir = ir, .off = off, .size = size };
}

static void test_eval(void **state)
{
	struct ir *a = LOAD(4, true, ARG(0), 0), *b = LOAD(2, false, ARG(0), 8), *zero = LOAD(8, false, ARG(0), 16);
	struct ir *bits = BITS(4, 3, true, LOAD(4, false, ARG(1), 0));
	const struct { const struct ir *ir; int64_t v; } t[] = {
		{ a, -7 }, { b, 0xfff0 }, { bits, -2 }, { NUM(5), 5 }, { TWO(IR_ADD, a, b), 0xfff0 - 7 }, { TWO(IR_MUL, a, a), 49 },
		{ IR(.op = IR_DIV, .is_signed = true, .a = a, .b = NUM(2)), -3 }, { IR(.op = IR_MOD, .is_signed = true, .a = a, .b = NUM(4)), -3 },
		{ IR(.op = IR_DIV, .is_signed = true, .a = a, .b = zero), 0 }, { IR(.op = IR_MOD, .is_signed = true, .a = a, .b = zero), -7 },
		{ TWO(IR_DIV, b, NUM(16)), 0xfff }, { IR(.op = IR_DIV, .is_signed = true, .a = NUM(INT64_MIN), .b = NUM(-1)), INT64_MIN },
		{ IR(.op = IR_SHR, .is_signed = true, .a = a, .b = NUM(1)), -4 }, { TWO(IR_SHR, NUM(-1), NUM(63)), 1 },
		{ TWO(IR_SHL, NUM(1), NUM(65)), 2 }, { SWAP(2, b), 0xf0ff }, { EXT(1, true, b), -16 }, { EXT(1, false, b), 0xf0 },
		{ CMP(IR_LT, a, 0), 1 }, { TWO(IR_LT, a, NUM(0)), 0 }, { CMP(IR_GE, a, -7), 1 }, { CMP(IR_LE, a, -8), 0 }, { CMP(IR_EQ, a, -7), 1 },
		{ TWO(IR_AND, a, zero), 0 }, { TWO(IR_OR, zero, b), 1 }, { IR(.op = IR_NOT, .a = zero), 1 }, { IR(.op = IR_NEG, .a = a), 7 },
		{ IR(.op = IR_INV, .a = zero), -1 }, { IR(.op = IR_COND, .a = zero, .b = a, .c = b), 0xfff0 },
		{ IR(.op = IR_IDS), 12 }, { IR(.op = IR_IDS, .number = 1), 11 }, { IR(.op = IR_CPU), 3 }, { IR(.op = IR_NS), 99 }, { IR(.op = IR_FUNC), 77 },
		{ TEXT(IR_STREQ, COMM, "sh"), 1 }, { TEXT(IR_STREQ, COMM, "s"), 0 }, { TEXT(IR_GLOB, COMM, "s?"), 1 }, { TEXT(IR_GLOB, COMM, "t*"), 0 },
	};
	const struct leaf leaves[] = { number_leaf(a, 8, 4), number_leaf(b, 12, 2), number_leaf(bits, 14, 4), number_leaf(zero, 24, 8) };
	struct plan p = { .ast = &ast, .point = POINT_FUNC };
	struct ftprobe fp = { .p = &p };
	struct seen s = { .fp = &fp, .data = event_data, .size = sizeof(event_data), .t = 99, .tid = 12, .tgid = 11, .cpu = 3, .comm = "sh", .func = 77 };
	int32_t minus = -7;

	memset(event_data, 0, sizeof(event_data));
	memcpy(event_data + 8, &minus, 4);
	memcpy(event_data + 12, "\xf0\xff\x06", 3); /* bits: as the kernel brings it, without sign */
	for (size_t i = 0; i < N(leaves); i++)
		assert_int_equal(vec_push(&fp.leaves, leaves[i]), 0);
	for (size_t i = 0; i < N(t); i++)
		if (eval(&s, t[i].ir) != (uint64_t)t[i].v)
			fail_msg("%zu: %lld, not %lld", i, (long long)eval(&s, t[i].ir), (long long)t[i].v);
	assert_false(s.fault);
	s.size = 20;
	eval(&s, zero);
	assert_true(s.fault); /* beyond the event */
	vec_free(&fp.leaves);
}

static void test_strings(void **state)
{
	static const struct { uint32_t word; unsigned int max; int n; const char *text; } t[] = {
		{ 3 << 16 | 16, 32, 3, "ab" }, { 2 << 16 | 16, 32, 3, "ab" }, { 8 << 16 | 16, 2, 2, "a" }, { 0, 32, -EFAULT, "" },
		{ 3 << 16 | 62, 32, -EFAULT, "" }, { 8 << 16 | 24, 32, -EFAULT, "" }, { 8 << 16 | 40, 32, 8, "(faulty" },
	};
	struct ir *at = ARG(0);
	struct plan p = { .ast = &ast, .point = POINT_FUNC };
	struct ftprobe fp = { .p = &p };
	struct seen s = { .fp = &fp, .data = event_data, .size = sizeof(event_data), .comm = "" };
	char text[32];

	memset(event_data, 0, sizeof(event_data));
	memcpy(event_data + 16, "ab", 3);
	memcpy(event_data + 24, "(fault)", 8);
	memcpy(event_data + 40, "(faulty", 8);
	assert_int_equal(vec_push(&fp.leaves, (struct leaf){ .kind = LEAF_STRING, .ir = at, .off = 8, .size = 4, .data_loc = true }), 0);
	for (size_t i = 0; i < N(t); i++) {
		memcpy(event_data + 8, &t[i].word, 4);
		assert_int_equal(eval_string(&s, at, text, t[i].max), t[i].n);
		assert_string_equal(text, t[i].text);
	}
	vec_free(&fp.leaves);
}

/* A tracepoint's own record: numbers, an array of characters, a string that a word tells the place of. */
static void test_record(void **state)
{
	struct ir *where = IR(.op = IR_CTX, .number = 24, .size = 4);
	struct out outs[] = {
		{ .kind = OUT_NUMBER, .name = "n", .ir = IR(.op = IR_CTX, .number = 8, .size = 4, .is_signed = true), .size = 8 },
		{ .kind = OUT_STRING, .name = "s", .ir = IR(.op = IR_CTX_AT, .number = 12), .size = 2 + 12 },
		{ .kind = OUT_STRING, .name = "d", .ir = TWO(IR_ADD, IR(.op = IR_CTX_AT), TWO(IR_BAND, where, NUM(0xffff))), .size = 2 + 16 },
		{ .kind = OUT_COMM, .name = "comm", .size = 16 },
		{ .kind = OUT_BYTES, .name = "b", .ir = IR(.op = IR_CTX_AT, .number = 60), .size = 8 },
	};
	struct plan p = { .ast = &ast, .point = POINT_TRACEPOINT, .index = 2, .outs = { outs, N(outs), N(outs) } };
	struct ftprobe fp = { .p = &p };
	struct seen s = { .fp = &fp, .data = event_data, .size = sizeof(event_data), .tid = 5, .tgid = 4, .comm = "sh" };
	struct hit_head head;
	uint8_t record[512];
	int32_t n = -3;
	uint32_t word = 4 << 16 | 32;

	plan_layout(&p);
	memset(event_data, 0, sizeof(event_data));
	memcpy(event_data + 8, &n, 4);
	memcpy(event_data + 12, "abcdefghijkl", 12); /* no NUL within */
	memcpy(event_data + 24, &word, 4);
	memcpy(event_data + 32, "xyz", 4);
	assert_true(plan_record_size(&p) <= sizeof(record));
	assert_true(record_fill(&s, record, NULL, 0));
	memcpy(&head, record, sizeof(head));
	assert_int_equal(head.plan, 2);
	assert_true(head.ids == (4ull << 32 | 5));
	assert_int_equal(head.faults, 1 << 4); /* the last is beyond the event */
	assert_int_equal(*(int64_t *)(record + outs[0].off), -3);
	assert_string_equal((char *)record + outs[1].off + 2, "abcdefghijk");
	assert_string_equal((char *)record + outs[2].off + 2, "xyz");
	assert_int_equal(*(int16_t *)(record + outs[2].off), 4);
	assert_string_equal((char *)record + outs[3].off, "sh");
	fp.filtered_here = true;
	p.filter = CMP(IR_GT, outs[0].ir, 0);
	assert_false(record_fill(&s, record, NULL, 0));
	p.filter = CMP(IR_LT, outs[0].ir, 0);
	assert_true(record_fill(&s, record, NULL, 0));
}

/* ---- pages ---- */

struct got { unsigned int n; uint64_t t[8]; uint32_t size[8]; uint8_t first[8]; };

static bool got_event(void *ctx, const struct ring_event *e)
{
	struct got *g = ctx;

	assert_true(g->n < 8);
	g->t[g->n] = e->t;
	g->size[g->n] = e->size;
	g->first[g->n++] = e->size ? e->data[0] : 0;
	return true;
}

static size_t put32(uint8_t *page, size_t at, uint32_t v)
{
	memcpy(page + at, &v, 4);
	return at + 4;
}

static void page_head(uint8_t *page, uint64_t t, uint64_t commit)
{
	memcpy(page, &t, 8);
	memcpy(page + 8, &commit, 8);
}

static void test_pages(void **state)
{
	uint8_t page[256] = { 0 };
	struct got g = { 0 };
	uint64_t lost = 7, many = 41;
	size_t at = 16;

	at = put32(page, at, 5 << 5 | 2);              /* 8 bytes of data, 5 ns later */
	at = put32(page, at, 0xaa);
	at = put32(page, at, 0);
	at = put32(page, at, 1 << 5 | 30);             /* an extended time: (2 << 27) + 1 */
	at = put32(page, at, 2);
	at = put32(page, at, 10 << 5);                 /* a length of its own: 4 + 12 */
	at = put32(page, at, 16);
	at = put32(page, at, 0xbb);
	at = put32(page, at, 0);
	at = put32(page, at, 0);
	at = put32(page, at, 3 << 5 | 29);             /* discarded: its time counts */
	at = put32(page, at, 8);
	at = put32(page, at, 0);
	at = put32(page, at, 7 << 5 | 31);             /* an absolute time */
	at = put32(page, at, 1);
	at = put32(page, at, 2 << 5 | 1);
	at = put32(page, at, 0xcc);
	at = put32(page, at, 29);                      /* nothing more */
	at = put32(page, at, 9 << 5 | 1);
	page_head(page, 1000, at - 16);
	assert_true(ring_page(page, sizeof(page), got_event, &g, &lost));
	assert_int_equal(lost, 0);
	assert_int_equal(g.n, 3);
	assert_true(g.t[0] == 1005 && g.t[1] == 1005 + (2ull << 27) + 1 + 10 && g.t[2] == (1ull << 27) + 7 + 2);
	assert_true(g.size[0] == 8 && g.size[1] == 12 && g.size[2] == 4);
	assert_true(g.first[0] == 0xaa && g.first[1] == 0xbb && g.first[2] == 0xcc);

	page_head(page, 1000, (at - 16) | 1ull << 31);
	g.n = 0;
	assert_true(ring_page(page, sizeof(page), got_event, &g, &lost));
	assert_int_equal(lost, 1); /* some, not told how many */
	page_head(page, 1000, (at - 16) | 1ull << 31 | 1ull << 30);
	memcpy(page + at, &many, 8);
	g.n = 0;
	assert_true(ring_page(page, sizeof(page), got_event, &g, &lost));
	assert_int_equal(lost, 41);
}

static void test_broken_pages(void **state)
{
	static const uint32_t heads[][2] = { { 1 << 5 | 28, 0 }, { 1 << 5, 0 }, { 1 << 5, 1000 }, { 1 << 5, UINT32_MAX }, { 1 << 5 | 29, 100 } };
	uint8_t page[64] = { 0 };
	struct got g = { 0 };
	uint64_t lost;

	assert_false(ring_page(page, 15, got_event, &g, &lost));
	page_head(page, 0, 49);
	assert_false(ring_page(page, sizeof(page), got_event, &g, &lost));
	for (size_t i = 0; i < N(heads); i++) {
		page_head(page, 0, 12);
		put32(page, put32(page, 16, heads[i][0]), heads[i][1]);
		assert_false(ring_page(page, sizeof(page), got_event, &g, &lost));
	}
	page_head(page, 0, 4);
	put32(page, 16, 1 << 5 | 30); /* cut in the middle */
	assert_false(ring_page(page, sizeof(page), got_event, &g, &lost));
	assert_int_equal(g.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_fetch_long),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_filter_refused),
		cmocka_unit_test(test_eval),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_broken_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
