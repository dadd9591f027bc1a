/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* src/base: numbers people type, option tables, vectors, the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/opts.h"
#include "base/parse.h"
#include "base/vec.h"

#define S 1000000000ull

static void test_u64(void **state)
{
	static const struct { const char *s; int err; uint64_t v; } t[] = {
		{ "0", 0, 0 }, { "42", 0, 42 }, { "007", 0, 7 }, { "0x1F", 0, 31 }, { "0xffffffffffffffff", 0, UINT64_MAX },
		{ "18446744073709551615", 0, UINT64_MAX }, { "18446744073709551616", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 }, { "99999999999999999999999999", -ERANGE, 0 },
		{ "99999999999999999999999999x", -EINVAL, 0 },
		{ "", -EINVAL, 0 }, { "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 }, { " 1", -EINVAL, 0 }, { "1 ", -EINVAL, 0 },
		{ "1a", -EINVAL, 0 }, { "0x", -EINVAL, 0 }, { "0xg", -EINVAL, 0 }, { "1.5", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 }, { "\xff", -EINVAL, 0 }, { "nan", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t v = 77;
		int err = parse_u64(t[i].s, &v);

		if (err != t[i].err || v != (err ? 77 : t[i].v))
			fail_msg("parse_u64(\"%s\") = %d, %llu", t[i].s, err, (unsigned long long)v);
	}
	uint32_t u;
	assert_int_equal(parse_u32("4294967295", &u), 0);
	assert_int_equal(u, UINT32_MAX);
	assert_int_equal(parse_u32("4294967296", &u), -ERANGE);
	assert_int_equal(parse_u32("x", &u), -EINVAL);
}

static void test_duration(void **state)
{
	static const struct { const char *s; int err; uint64_t v; } t[] = {
		{ "5ms", 0, 5000000 }, { "1.5s", 0, 3 * S / 2 }, { "200us", 0, 200000 }, { "1m", 0, 60 * S },
		{ "10", 0, 10 * S }, { "2h", 0, 7200 * S }, { "0", 0, 0 }, { "0.25", 0, S / 4 }, { "3ns", 0, 3 },
		{ "1.000000001s", 0, S + 1 }, { "0.0000000009s", 0, 0 }, { "7µs", 0, 7000 }, { "1min", 0, 60 * S },
		{ "0.333333333333333333333333333333s", 0, 333333333 },
		{ "18446744073709551615ns", 0, UINT64_MAX }, { "18446744073709551615", -ERANGE, 0 },
		{ "18446744073.709551615", 0, UINT64_MAX }, { "18446744073.709551616", -ERANGE, 0 },
		{ "9999999999999999999999999999h", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { "ms", -EINVAL, 0 }, { "-5ms", -EINVAL, 0 }, { "5 ms", -EINVAL, 0 },
		{ "5msx", -EINVAL, 0 }, { "5.s", -EINVAL, 0 }, { ".5s", -EINVAL, 0 }, { "1..5s", -EINVAL, 0 },
		{ "1m30s", -EINVAL, 0 }, { "5MS", -EINVAL, 0 }, { "5d", -EINVAL, 0 }, { "1,5s", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t v = 77;
		int err = parse_duration(t[i].s, &v);

		if (err != t[i].err || v != (err ? 77 : t[i].v))
			fail_msg("parse_duration(\"%s\") = %d, %llu", t[i].s, err, (unsigned long long)v);
	}
}

static void test_size(void **state)
{
	static const struct { const char *s; int err; uint64_t v; } t[] = {
		{ "512", 0, 512 }, { "64k", 0, 65536 }, { "64K", 0, 65536 }, { "1.5M", 0, 3 << 19 }, { "2GiB", 0, 2ull << 30 },
		{ "1T", 0, 1ull << 40 }, { "1kB", 0, 1024 }, { "3B", 0, 3 }, { "0.5", 0, 0 },
		{ "16777215T", 0, 16777215ull << 40 }, { "16777216T", -ERANGE, 0 },
		{ "k", -EINVAL, 0 }, { "", -EINVAL, 0 }, { "64kk", -EINVAL, 0 }, { "64 k", -EINVAL, 0 }, { "-1", -EINVAL, 0 },
		{ "1ki", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t v = 77;
		int err = parse_size(t[i].s, &v);

		if (err != t[i].err || v != (err ? 77 : t[i].v))
			fail_msg("parse_size(\"%s\") = %d, %llu", t[i].s, err, (unsigned long long)v);
	}
}

/* --- options --- */

struct sample { bool flag, other; const char *text; struct opt_list list; uint64_t n, time, size; };

static const struct opt sample_table[] = {
	{ 'f', "flag", OPT_FLAG, NULL, "A flag.", offsetof(struct sample, flag) },
	{ 'g', "other", OPT_FLAG, NULL, "Another \\ with .dots and 'quotes'.", offsetof(struct sample, other) },
	{ 't', "text", OPT_STRING, "TEXT", ".starts like a request", offsetof(struct sample, text) },
	{ 'l', "list", OPT_LIST, "LIST", "A list.", offsetof(struct sample, list) },
	{ 'n', "number", OPT_U64, "N", "A number.", offsetof(struct sample, n) },
	{ 0, "time", OPT_DURATION, "TIME", "A time.", offsetof(struct sample, time) },
	{ 0, "size", OPT_SIZE, "SIZE", "A size.", offsetof(struct sample, size) },
	{ 0 },
};

static const struct opt_command sample = {
	.program = "x", .usage = "[options]", .about = "About.", .notes = "Notes.\n", .opts = sample_table, .takes_command = true,
};

enum { ARGS = 12 };

static int run(struct sample *to, struct opts_parsed *p, const char *const args[ARGS])
{
	char *argv[ARGS + 2] = { (char *)"x" };
	int argc = 1;

	for (; args[argc - 1]; argc++)
		argv[argc] = (char *)args[argc - 1];
	*to = (struct sample){ .n = 5 };
	return opts_parse(&sample, argc, argv, to, p);
}
#define RUN(...) run(&to, &p, (const char *const[ARGS]){ __VA_ARGS__ })

static void test_opts_forms(void **state)
{
	struct opts_parsed p;
	struct sample to;

	assert_int_equal(RUN(NULL), 0);
	assert_int_equal(p.rest, 1);
	assert_int_equal(to.n, 5);
	assert_int_equal(RUN("-fgn7", "--time=1.5ms", "--size", "4k", "-t", "a b"), 0);
	assert_true(to.flag && to.other);
	assert_int_equal(to.n, 7);
	assert_int_equal(to.time, 1500000);
	assert_int_equal(to.size, 4096);
	assert_string_equal(to.text, "a b");
	assert_int_equal(RUN("-n", "1", "--number=2"), 0);
	assert_int_equal(to.n, 2);
	assert_int_equal(RUN("--text=-dash", "-t=x"), 0);
	assert_string_equal(to.text, "x");
	assert_int_equal(RUN("-t", "-"), 0);
	assert_string_equal(to.text, "-");
	assert_int_equal(RUN("-f", "--", "--number", "-z"), 0);
	assert_true(p.dashes);
	assert_int_equal(p.rest, 3);
	assert_int_equal(RUN("--"), 0);
	assert_true(p.dashes);
	assert_int_equal(p.rest, 2);
	assert_int_equal(RUN("--help", "--nonsense"), OPTS_HELP);
	assert_int_equal(RUN("-fh"), OPTS_HELP);
	assert_int_equal(RUN("--help-man"), OPTS_HELP_MAN);
}

/* Arguments that are no options, wherever they stand. */
static void test_opts_operands(void **state)
{
	struct opt_command c = sample;
	char *argv[] = { (char *)"x", (char *)"one", (char *)"-n", (char *)"3", (char *)"two", (char *)"-f", (char *)"--", (char *)"-z",
			 (char *)"three", NULL };
	struct opts_parsed p;
	struct sample to = { .n = 5 };

	c.takes_operands = true;
	assert_int_equal(opts_parse(&c, 9, argv, &to, &p), 0);
	assert_int_equal(p.operands, 2);
	assert_string_equal(argv[1], "one");
	assert_string_equal(argv[2], "two");
	assert_int_equal(to.n, 3);
	assert_true(to.flag && p.dashes);
	assert_string_equal(argv[p.rest], "-z");
	c.takes_command = false; /* then what is behind -- are operands, too */
	argv[1] = (char *)"one";
	argv[2] = (char *)"-n";
	assert_int_equal(opts_parse(&c, 9, argv, &to, &p), 0);
	assert_int_equal(p.operands, 4);
	assert_string_equal(argv[3], "-z");
	assert_string_equal(argv[4], "three");
}

static void test_opts_list(void **state)
{
	struct opts_parsed p;
	struct sample to;

	assert_int_equal(RUN("-l", "a,b", "--list=c", "-ld"), 0);
	assert_int_equal(to.list.item.n, 4);
	assert_string_equal(to.list.item.v[1], "b");
	assert_string_equal(to.list.item.v[3], "d");
	opts_free(&sample, &to);
	assert_int_equal(to.list.item.n, 0);
	for (int i = 0; i < 4; i++) {
		static const char *const bad[] = { ",", "a,", ",a", "a,,b" };

		assert_int_equal(RUN("-l", bad[i]), -EINVAL);
		opts_free(&sample, &to);
	}
}

static void test_opts_wrong(void **state)
{
	static char huge[5000];
	static const struct { const char *args[ARGS], *says; } t[] = {
		{ { "--numbr=1" }, "unknown option --numbr; did you mean --number?" },
		{ { "--nu" }, "unknown option --nu; did you mean --number?" },
		{ { "--tmie" }, "did you mean --time?" },
		{ { "--zzzzzz" }, "unknown option --zzzzzz" },
		{ { "--=1" }, "unknown option --" },
		{ { "-x" }, "unknown option -x" },
		{ { "-f\x01" }, "unknown option -\\x01" },
		{ { "-\xff" }, "unknown option -\\xff" },
		{ { "--number" }, "--number needs a value: --number N" },
		{ { "--number", "--flag" }, "--number needs a value" },
		{ { "-n", "-f" }, "-n needs a value: -n N" },
		{ { "-n" }, "-n needs a value" },
		{ { "-n", "-1" }, "-n needs a value" },
		{ { "--number=-1" }, "--number: '-1' is not a number" },
		{ { "--number=" }, "--number: the value is empty" },
		{ { "--text", "" }, "--text: the value is empty" },
		{ { "--number=99999999999999999999" }, "is too large" },
		{ { "--time=5x" }, "--time: '5x' is not a time such as" },
		{ { "--size=k" }, "--size: 'k' is not a size" },
		{ { "--number=0" }, "--number must be at least 1" },
		{ { "--time", "0ms" }, "--time must be longer than 0" },
		{ { "--size=0" }, "--size must be larger than 0" },
		{ { "--flag=1" }, "--flag takes no value" },
		{ { "word" }, "unexpected argument 'word'; a command to run goes after --" },
		{ { "" }, "unexpected argument ''" },
		{ { huge }, "unexpected argument 'AAAA" },
		{ { "--", NULL }, "" },
	};

	memset(huge, 'A', sizeof(huge) - 1);
	for (size_t i = 0; i + 1 < sizeof(t) / sizeof(t[0]); i++) {
		struct opts_parsed p;
		struct sample to;
		int err = run(&to, &p, t[i].args);

		if (err != -EINVAL || !strstr(p.message, t[i].says))
			fail_msg("%s: %d, \"%s\"", t[i].args[0], err, p.message);
		opts_free(&sample, &to);
	}
}

static void test_opts_hostile(void **state)
{
	static char option[4000], eq[4000];
	struct opts_parsed p;
	struct sample to;

	memset(option, 'n', sizeof(option) - 1);
	option[0] = option[1] = '-';
	assert_int_equal(RUN(option), -EINVAL);
	memset(eq, '=', sizeof(eq) - 1);
	eq[0] = eq[1] = '-';
	assert_int_equal(RUN(eq), -EINVAL);
	memset(option, 'f', sizeof(option) - 1);
	option[0] = '-';
	assert_int_equal(RUN(option), 0);
	/* the longest option and value there are still give a whole message */
	memset(option, '%', sizeof(option) - 1);
	assert_int_equal(RUN("-n", option), -EINVAL);
	assert_true(strlen(p.message) < OPTS_MESSAGE - 1);
}

static char *made(void (*fn)(const struct opt_command *, FILE *))
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	fn(&sample, f);
	fclose(f);
	return text;
}

static void help_at_60(const struct opt_command *c, FILE *out)
{
	opts_help(c, out, 60);
}

static void bash_for(const struct opt_command *c, FILE *out)
{
	static const char *const names[] = { "x" };

	opts_bash("spoor", names, &c, 1, out);
}

static void test_opts_made(void **state)
{
	char *text = made(help_at_60);

	assert_non_null(strstr(text, "Usage: x [options]\n"));
	assert_non_null(strstr(text, "  -n, --number N "));
	assert_non_null(strstr(text, "      --time TIME "));
	assert_non_null(strstr(text, "  -h, --help "));
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 60);
	free(text);
	text = made(opts_man);
	assert_non_null(strstr(text, ".It Fl n , Fl -number Ar N\nA number.\n"));
	assert_non_null(strstr(text, "\n\\&.starts like a request\n"));
	assert_non_null(strstr(text, "Another \\e with"));
	free(text);
	text = made(bash_for);
	assert_non_null(strstr(text, "-n --number --time --size -h --help"));
	assert_non_null(strstr(text, "complete -o filenames -F _spoor spoor"));
	free(text);
}

static void test_nearest(void **state)
{
	static const char *const names[] = { "io", "doctor", "help", "version", "pread", "pread64", NULL };

	assert_string_equal(name_nearest("doctro", names), "doctor");
	assert_string_equal(name_nearest("oi", names), "io");
	assert_string_equal(name_nearest("vers", names), "version");
	assert_string_equal(name_nearest("prread64", names), "pread64");
	assert_null(name_nearest("zzzzz", names));
	assert_null(name_nearest("", (const char *const[]){ NULL }));
	assert_null(name_nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", names));
}

static void test_vec(void **state)
{
	VEC(uint32_t) v = { 0 };

	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(vec_push(&v, i), 0);
	assert_int_equal(v.n, 1000);
	assert_int_equal(v.v[999], 999);
	assert_int_equal(vec_reserve(&v, SIZE_MAX), -ENOMEM);
	assert_int_equal(vec_reserve(&v, SIZE_MAX / 8), -ENOMEM);
	assert_int_equal(v.v[999], 999);
	vec_free(&v);
	assert_null(v.v);
}

struct heard { unsigned int n; char last[5000]; };

static void listen(void *ctx, enum log_level level, const char *text)
{
	struct heard *h = ctx;

	h->n++;
	snprintf(h->last, sizeof(h->last), "%d %s", level, text);
}

static void test_log(void **state)
{
	static char huge[5000];
	struct heard h = { 0 };

	log_error("nobody listens");
	log_set(listen, &h, LOG_LEVEL_WARN);
	log_info("too low");
	assert_int_equal(h.n, 0);
	log_warn("x %d\n", 3);
	assert_string_equal(h.last, "1 x 3");
	memset(huge, 'a', sizeof(huge) - 1);
	log_error("%s", huge);
	assert_int_equal(strlen(h.last), 2 + 4095);
	log_set(NULL, NULL, LOG_LEVEL_DEBUG);
	log_error("nobody listens");
	assert_int_equal(h.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64), cmocka_unit_test(test_duration), cmocka_unit_test(test_size),
		cmocka_unit_test(test_opts_forms), cmocka_unit_test(test_opts_operands), cmocka_unit_test(test_opts_list), cmocka_unit_test(test_opts_wrong),
		cmocka_unit_test(test_opts_hostile), cmocka_unit_test(test_opts_made), cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_vec), cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
