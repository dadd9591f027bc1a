/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Plans to instructions, patterns to automata, values to text, aggregations and hits to what is printed.
 * The programs are those of sample probes, which need nothing of the machine. SPOOR_GOLDEN_UPDATE=1 rewrites tests/golden/.
 * Run from the top of the tree:
 *	out/tests/unit/test_expr_emit
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/diag.h"
#include "expr/gen.h"
#include "expr/values.h"
#include "model/sink.h"

static void compare(const char *name, const char *out)
{
	char path[128], *want = calloc(1, 1 << 18);
	FILE *f;

	snprintf(path, sizeof(path), "tests/golden/%s.txt", name);
	if (getenv("SPOOR_GOLDEN_UPDATE")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(out, f);
		assert_int_equal(fclose(f), 0);
	}
	f = fopen(path, "r");
	if (!f || !want)
		fail_msg("%s: missing; SPOOR_GOLDEN_UPDATE=1 writes it", path);
	(void)!fread(want, 1, (1 << 18) - 1, f);
	fclose(f);
	assert_string_equal(out, want);
	free(want);
}

/* ---- instructions ---- */

static void print_program(const char *text, bool epochs, const struct task_filter *tasks, FILE *out)
{
	struct gen_cgroup cgroup = { 100, 200, 300, 400, 500, 600 };
	struct env env = { .tracefs = -1, .btf_path = "/nonexistent" };
	struct gen g = { .mode = MODE_SAMPLE, .maps = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, .tasks = tasks, .cgroup = &cgroup, .ring_wake = 4096,
			 .epochs = epochs };
	struct diag d = { 0 };
	struct probe_ast *ast = probe_parse(text, &d);
	struct plan *p = ast ? plan_make(ast, &env, &d) : NULL;

	if (!p)
		fail_msg("%s: %s", text, d.message);
	g.p = p;
	assert_int_equal(gen_main(&g), 0);
	fprintf(out, "%s\n", text);
	emit_print(&g.e, out);
	fputc('\n', out);
	emit_free(&g.e);
	plan_free(p);
	probe_ast_free(ast);
	env_free(&env);
}

static void test_programs(void **state)
{
	static const struct task_filter tasks = { .self_tgid = 77, .by_tgid = 1, .by_comm = 1, .by_cgroup = 1, .cgroup = 99,
						  .comm = { 0x6261, 0 }, .cgroup_subsys = -1 };
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	(void)state;
	print_program("s 99hz pid x=cpu*3-1 c=comm f:cpu<5&&(pid==1||!(tid>2))", false, NULL, f);
	print_program("s 99hz f:comm==\"a name of 15 by\" | count", false, NULL, f);
	print_program("s 99hz f:comm~\"a*[x-z]?\" | count by comm, cpu", true, NULL, f);
	print_program("s 99hz | hist pid/2-100 by uid", false, NULL, f);
	print_program("s 99hz | linear(cpu, 0, 8, 2)", false, NULL, f);
	print_program("s 99hz kstack ustack reg=%ax big=@0xffffffff81000000", false, NULL, f);
	print_program("s 99hz a=!(u16)%ax b=1<<cpu c=(0-7)/cpu f:cgroup!=4294967296", false, NULL, f);
	print_program("s 99hz | sum ns", true, &tasks, f);
	fclose(f);
	compare("probe-programs", out);
	free(out);
}

static void test_stack_bound(void **state)
{
	struct emit e = { 0 };

	(void)state;
	assert_int_equal(emit_slot(&e, 500), -504);
	assert_int_equal(emit_slot(&e, 8), -512);
	assert_int_equal(e.err, 0);
	emit_slot(&e, 1);
	assert_int_equal(emit_finish(&e), -E2BIG);
	emit_free(&e);
	e = (struct emit){ 0 };
	emit_jmp(&e, emit_label(&e)); /* a label that is nowhere */
	assert_int_equal(emit_finish(&e), -EINVAL);
	emit_free(&e);
}

/* ---- patterns ---- */

/* As the program does it. */
static bool matches(const char *pattern, const char *s)
{
	uint64_t words[GLOB_WORDS], state = 1;

	assert_int_equal(glob_compile(pattern, words), 0);
	for (; *s; s++)
		state = (words[(unsigned char)*s] & state) << 1 | (state & words[256]);
	return state >> words[257] & 1;
}

static void test_glob(void **state)
{
	static const struct { const char *pattern, *yes, *no; } t[] = {
		{ "", "", "a" }, { "*", "", NULL }, { "*", "anything", NULL }, { "abc", "abc", "abcd" }, { "abc", "abc", "ab" },
		{ "a*c", "ac", "acb" }, { "a*c", "abcbc", "cba" }, { "*b*", "abc", "ac" }, { "?", "x", "" }, { "a?c", "abc", "ac" },
		{ "[a-c]x", "bx", "dx" }, { "[!a-c]x", "dx", "bx" }, { "[]x]", "]", "a" }, { "\\*a", "*a", "xa" }, { "**a", "bba", "bb" },
		{ "*a*b*c*", "xaybzc", "xaycb" }, { "a[", "a[", "a" },
	};
	char many[80];
	uint64_t words[GLOB_WORDS];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (!matches(t[i].pattern, t[i].yes) || (t[i].no && matches(t[i].pattern, t[i].no)))
			fail_msg("pattern %s", t[i].pattern);
	}
	memset(many, 'a', sizeof(many));
	many[62] = '\0';
	assert_int_equal(glob_compile(many, words), 0);
	many[62] = 'a';
	many[63] = '\0';
	assert_int_equal(glob_compile(many, words), -E2BIG);
}

/* ---- values ---- */

static struct type word = { .kind = TYPE_INT, .name = "int", .size = 4, .is_signed = true, .complete = true };
static struct type u32type = { .kind = TYPE_INT, .name = "unsigned int", .size = 4, .complete = true };
static struct type u64type = { .kind = TYPE_INT, .name = "unsigned long", .size = 8, .complete = true };
static struct type be32 = { .kind = TYPE_INT, .name = "unsigned int", .alias = "__be32", .size = 4, .complete = true };
static struct type be16 = { .kind = TYPE_INT, .name = "unsigned short", .alias = "__be16", .size = 2, .complete = true };
static struct type dev = { .kind = TYPE_INT, .name = "unsigned int", .alias = "dev_t", .size = 4, .complete = true };
static struct type letter = { .kind = TYPE_CHAR, .name = "char", .size = 1, .is_signed = true, .complete = true };
static struct type name8 = { .kind = TYPE_ARRAY, .name = "", .size = 8, .count = 8, .to = &letter, .complete = true };
static struct type ints = { .kind = TYPE_ARRAY, .name = "", .size = 8, .count = 2, .to = &word, .complete = true };
static struct enumerator colours[] = { { "RED", 0 }, { "MINUS", -1 } };
static struct type colour = { .kind = TYPE_ENUM, .name = "colour", .size = 4, .is_signed = true, .complete = true, .n = 2, .enumerators = colours };
static struct type nothing = { .kind = TYPE_VOID, .name = "void", .complete = true };
static struct type pointer = { .kind = TYPE_PTR, .name = "", .size = 8, .to = &nothing, .complete = true };
static struct type in6 = { .kind = TYPE_STRUCT, .name = "in6_addr", .size = 16, .complete = true };
static struct member counter[] = { { "counter", &word, 0, 0 } };
static struct type atomic = { .kind = TYPE_STRUCT, .name = "", .alias = "atomic_t", .size = 4, .complete = true, .n = 1, .members = counter };
static struct member part[] = { { "low", &word, 0, 0 }, { "same", &be32, 0, 0 } };
static struct type either = { .kind = TYPE_UNION, .name = "", .size = 4, .complete = true, .n = 2, .members = part };
static struct member members[] = {
	{ "a", &word, 0, 3 }, { "b", &word, 3, 5 }, { "name", &name8, 32, 0 }, { "", &either, 96, 0 }, { "refs", &atomic, 128, 0 },
};
static struct type thing = { .kind = TYPE_STRUCT, .name = "thing", .size = 20, .complete = true, .n = 5, .members = members };

static const char *value(const struct out *o, const void *at, bool json)
{
	static char buf[4096];
	struct render r = { .user = true };
	struct text t = { .buf = buf, .cap = sizeof(buf), .json = json };

	value_text(&t, &r, o, at, false);
	text_end(&t);
	return buf;
}

static void number(const char *want, struct type *ty, enum show show, unsigned int bits, uint64_t v, bool json)
{
	struct out o = { .kind = OUT_NUMBER, .type = ty, .show = show, .bits = (uint8_t)bits, .name = "x", .size = 8 };

	assert_string_equal(value(&o, &v, json), want);
}

static void test_numbers(void **state)
{
	(void)state;
	number("-7", &word, SHOW_AUTO, 0, (uint64_t)-7, false);
	number("4294967289", &word, SHOW_UNSIGNED, 0, (uint64_t)-7, false);
	number("0xfffffff9", &word, SHOW_HEX, 0, (uint64_t)-7, false);
	number("\"0xfffffff9\"", &word, SHOW_HEX, 0, (uint64_t)-7, true);
	number("0x0", &pointer, SHOW_AUTO, 0, 0, false);
	number("MINUS", &colour, SHOW_AUTO, 0, (uint64_t)-1, false);
	number("\"RED\"", &colour, SHOW_AUTO, 0, 0, true);
	number("5", &colour, SHOW_AUTO, 0, 5, true);
	number("127.0.0.1", &be32, SHOW_IP, 0, 0x0100007f, false);
	number("80", &be16, SHOW_AUTO, 0, 0x5000, false);
	number("8:17", &dev, SHOW_AUTO, 0, 8 << 20 | 17, false);
	number("-14", NULL, SHOW_AUTO, 0, (uint64_t)-14, false);
	number("42", NULL, SHOW_AUTO, 0, 42, false);
	number("0xffff888000001234", NULL, SHOW_AUTO, 0, 0xffff888000001234, false);
	number("9223372036854775808", &u64type, SHOW_AUTO, 0, 1ULL << 63, true);
}

static void test_memory(void **state)
{
	const uint8_t raw[20] = { 5 | 17 << 3, 0, 0, 0, 'a', '"', '\n', 0, 'x', 'x', 'x', 'x', 1, 0, 0, 0, 9, 0, 0, 0 };
	const uint8_t six[16] = { [15] = 1 };
	const int32_t two[2] = { -1, 2 };
	uint8_t string[16] = { 4, 0, 'a', 0xff, 'c', 0 };
	struct out o = { .kind = OUT_BYTES, .type = &thing, .size = sizeof(raw), .name = "x" };

	(void)state;
	members[0].type = members[1].type = &u32type;
	assert_string_equal(value(&o, raw, false), "{a=5, b=17, name=\"a\\\"\\n\", low=1, same=16777216, refs=9}");
	assert_string_equal(value(&o, raw, true), "{\"a\":5,\"b\":17,\"name\":\"a\\\"\\u000a\",\"low\":1,\"same\":16777216,\"refs\":9}");
	o = (struct out){ .kind = OUT_BYTES, .type = &in6, .size = 16, .name = "x" };
	assert_string_equal(value(&o, six, false), "::1");
	o = (struct out){ .kind = OUT_BYTES, .type = &ints, .size = 8, .name = "x" };
	assert_string_equal(value(&o, two, true), "[-1,2]");
	o = (struct out){ .kind = OUT_STRING, .size = 16, .name = "x" };
	assert_string_equal(value(&o, string, true), "\"a\xef\xbf\xbd" "c\"");
	assert_string_equal(value(&o, string, false), "\"a\\xffc\"");
	string[0] = 0xf2;
	string[1] = 0xff; /* -14 */
	assert_string_equal(value(&o, string, true), "null");
}

/* ---- what is printed ---- */

static void render(const struct sink *sink, FILE *f)
{
	static const char *const frames[] = { "slow", "main" };
	static const uint64_t addr[] = { 1, 2 }, buckets[] = { 3, 0, 9 };
	static const int64_t bounds[] = { 1024, 2048, 4096, 8192 };
	static const char *const names[] = { "comm", "cpu" }, *const one[] = { "\"cat\"", "0" }, *const two[] = { "\"a b\"", "1" };
	const struct stack stack = { 2, frames, addr };
	const struct field fields[] = { { "path", "\"/etc/passwd\"" }, { "%0->x", "17" } };
	const struct hit hit = { "p open", 1, 84512123456789, 812, 813, 3, "ca\tt", 2, fields, &stack, NULL };
	const struct aggregate_row counts[] = { { one, 30, 0, 0, 0, NULL, NULL }, { two, 10, 0, 0, 0, NULL, NULL } };
	const struct aggregate_row hist[] = { { NULL, 12, 30000, 1100, 8000, buckets, NULL } };
	const struct aggregate a[] = {
		{ "p open", 0, "count", "", false, 2, 2, 0, names, NULL, 4, counts },
		{ "r open", 1, "hist", "lat", true, 0, 1, 3, NULL, bounds, 0, hist },
	};
	const struct probes probes = { 2, a, 52 };
	const struct summary sum = { .t = 1, .ns = 2000000000, .probes = &probes };
	const struct sink_opts o = { .out = f, .width = 100, .header = true };
	void *self = sink->open(&o);

	assert_non_null(self);
	if (sink->hit)
		assert_int_equal(sink->hit(self, &hit), 0);
	if (sink->summary)
		assert_int_equal(sink->summary(self, &sum), 0);
	assert_int_equal(sink->flush(self), 0);
	sink->close(self);
}

static void test_printed(void **state)
{
	static const struct { const struct sink *sink; const char *name; } t[] = {
		{ &sink_json, "probe-json" }, { &sink_hits, "probe-hits" }, { &sink_table, "probe-table" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char *out = NULL;
		size_t n = 0;
		FILE *f = open_memstream(&out, &n);

		render(t[i].sink, f);
		fclose(f);
		compare(t[i].name, out);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs), cmocka_unit_test(test_stack_bound), cmocka_unit_test(test_glob),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_memory), cmocka_unit_test(test_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
