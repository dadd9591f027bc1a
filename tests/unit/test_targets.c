/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Where probes can be put: tracepoints of a tree made here, functions and USDT probes of programs that are compiled or assembled
 * here, the kernel's own functions. Run from the top of the tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/glob.h"
#include "kernel/targets.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define SOURCE "tests/progs/shapes.c"

static char top[64];

__attribute__((format(printf, 1, 2)))
static int sh(const char *fmt, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, fmt);
	assert_true(vsnprintf(command, sizeof(command), fmt, ap) < (int)sizeof(command));
	va_end(ap);
	return system(command);
}

static bool have(const char *program)
{
	return !sh("command -v %s >/dev/null 2>&1", program);
}

static const char *at(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned int turn;
	char *p = path[turn++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", top, name);
	return p;
}

static void make_file(const char *path, const char *text)
{
	FILE *f;

	for (char *slash = (char *)path; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	snprintf(top, sizeof(top), "/tmp/spoor-targets-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- patterns --- */

static void test_glob(void **state)
{
	static const struct { const char *glob, *name; bool yes; } t[] = {
		{ "a", "a", true }, { "a", "ab", false }, { "*", "", true }, { "*", "x", true }, { "a*", "abc", true }, { "*c", "abc", true },
		{ "a*c", "abcbc", true }, { "a*b*c", "axxbyyc", true }, { "a*b*c", "axxyyc", false }, { "?", "", false }, { "?", "x", true },
		{ "tcp_*sendmsg*", "tcp_v4_sendmsg_locked", true }, { "[ab]x", "bx", true }, { "[!ab]x", "bx", false }, { "[^ab]x", "cx", true },
		{ "[a-c]", "b", true }, { "[a-c]", "d", false }, { "[]]", "]", true }, { "[", "[", true }, { "[a", "[a", true }, { "\\*", "*", true },
		{ "\\*", "x", false }, { "", "", true }, { "", "x", false }, { "**a", "ba", true }, { "a**", "a", true }, { "a?", "a", false },
	};
	char many[300] = "", name[200] = "";

	for (size_t i = 0; i < N(t); i++)
		if (glob_match(t[i].glob, t[i].name) != t[i].yes)
			fail_msg("'%s' and '%s'", t[i].glob, t[i].name);
	for (int i = 0; i < 100; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "*a");
	memset(name, 'a', 150);
	name[150] = 'b';
	assert_false(glob_match(many, name)); /* in no time, although there are many ways to try */
	assert_true(glob_is("a*") && glob_is("a?") && glob_is("[a]") && !glob_is("a_1"));
}

/* --- tracepoints --- */

static const char format_switch[] =
	"name: sched_switch\nID: 372\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
	"\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
	"\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n"
	"\tfield:__data_loc char[] name;\toffset:28;\tsize:4;\tsigned:0;\n"
	"\tfield:__rel_loc u8[] bytes;\toffset:32;\tsize:4;\tsigned:0;\n"
	"\tfield:const char * filename;\toffset:40;\tsize:8;\tsigned:0;\n"
	"\tfield:unsigned long args[NR];\toffset:48;\tsize:48;\tsigned:0;\n"
	"\tfield:struct in6_addr addr;\toffset:96;\tsize:16;\tsigned:0;\n"
	"\tfield:bool (*fn)(int);\toffset:112;\tsize:8;\tsigned:0;\n"
	"\tfield:broken\n\tfield:;\toffset:1;\tsize:1;\tsigned:0;\n"
	"\nprint fmt: \"x=%d\n\tfield:int never;\\toffset:0;\\tsize:4;\\tsigned:1;\", REC->x\n";

static int tracefs_make(void)
{
	make_file((char *)at("t/events/sched/sched_switch/format"), format_switch);
	make_file((char *)at("t/events/task/twice/format"), "name: twice\nID: 7\n");
	make_file((char *)at("t/events/alpha/twice/format"), "name: twice\nID: 6\n");
	make_file((char *)at("t/events/alpha/no_id/format"), "name: no_id\n");
	make_file((char *)at("t/events/alpha/enable"), "0\n");
	return open(at("t"), O_RDONLY | O_DIRECTORY);
}

static void test_tracepoint(void **state)
{
	static const struct { const char *name, *type; unsigned int off, size, count; bool text, data, rel; } t[] = {
		{ "common_type", "unsigned short", 0, 2, 0, 0, 0, 0 }, { "common_pid", "int", 4, 4, 0, 0, 0, 0 },
		{ "prev_comm", "char[16]", 8, 16, 16, 1, 0, 0 }, { "prev_pid", "pid_t", 24, 4, 0, 0, 0, 0 },
		{ "name", "__data_loc char[]", 28, 4, 0, 1, 1, 0 }, { "bytes", "__rel_loc u8[]", 32, 4, 0, 0, 0, 1 },
		{ "filename", "const char *", 40, 8, 0, 0, 0, 0 }, { "args", "unsigned long[NR]", 48, 48, 6, 0, 0, 0 },
		{ "addr", "struct in6_addr", 96, 16, 0, 0, 0, 0 },
	};
	int fs = tracefs_make();
	struct tp_event e;

	assert_int_equal(tp_event_read(fs, "sched", "sched_switch", &e), 0);
	assert_int_equal(e.id, 372);
	assert_true(e.fields.n >= N(t));
	for (size_t i = 0; i < N(t); i++) {
		const struct tp_field *f = &e.fields.v[i];

		assert_string_equal(f->name, t[i].name);
		assert_string_equal(f->type, t[i].type);
		if (f->off != t[i].off || f->size != t[i].size || f->count != t[i].count || f->is_string != t[i].text ||
		    f->data_loc != t[i].data || f->rel_loc != t[i].rel)
			fail_msg("%s: %u %u %u %d %d %d", f->name, f->off, f->size, f->count, f->is_string, f->data_loc, f->rel_loc);
	}
	assert_true(e.fields.v[0].common && !e.fields.v[2].common && e.fields.v[3].is_signed);
	for (size_t i = 0; i < e.fields.n; i++)
		assert_string_not_equal(e.fields.v[i].name, "never");
	tp_event_free(&e);
	close(fs);
}

static void test_tracepoint_which(void **state)
{
	int fs = tracefs_make();
	struct tp_event e;

	assert_int_equal(tp_event_read(fs, NULL, "twice", &e), 0);
	assert_string_equal(e.system, "alpha");
	assert_int_equal(e.id, 6);
	tp_event_free(&e);
	assert_int_equal(tp_event_read(fs, "task", "twice", &e), 0);
	assert_int_equal(e.id, 7);
	tp_event_free(&e);
	assert_int_equal(tp_event_read(fs, "sched", "twice", &e), -ENOENT);
	assert_int_equal(tp_event_read(fs, NULL, "nosuch", &e), -ENOENT);
	assert_int_equal(tp_event_read(fs, "..", "events", &e), -ENOENT);
	assert_int_equal(tp_event_read(fs, "sched", "../task/twice", &e), -ENOENT);
	assert_int_equal(tp_event_read(fs, "alpha", "no_id", &e), -EINVAL);
	close(fs);
}

struct seen { char text[256]; int stop; };

static int see(void *ctx, const char *system, const char *name)
{
	struct seen *s = ctx;

	snprintf(s->text + strlen(s->text), sizeof(s->text) - strlen(s->text), "%s/%s ", system, name);
	return s->stop;
}

static void test_tracepoint_each(void **state)
{
	struct seen all = { .stop = 0 }, some = { .stop = 0 }, one = { .stop = 5 };
	int fs = tracefs_make();

	assert_int_equal(tp_events_each(fs, NULL, NULL, see, &all), 0);
	assert_string_equal(all.text, "alpha/no_id alpha/twice sched/sched_switch task/twice ");
	assert_int_equal(tp_events_each(fs, "*a*", "tw*", see, &some), 0);
	assert_string_equal(some.text, "alpha/twice task/twice ");
	assert_int_equal(tp_events_each(fs, NULL, NULL, see, &one), 5);
	assert_string_equal(one.text, "alpha/no_id ");
	close(fs);
}

/* --- programs --- */

static void expect_binary(const char *bin, const char *want)
{
	char *path = NULL;
	int err = binary_find(bin, &path);

	if (!want) {
		assert_int_equal(err, -ENOENT);
		assert_null(path);
		return;
	}
	assert_int_equal(err, 0);
	assert_string_equal(path, want);
	free(path);
}

static void test_binary_find(void **state)
{
	char *old = strdup(getenv("PATH")), *path;

	make_file((char *)at("bin/tool"), "x");
	make_file((char *)at("bin/plain"), "x");
	make_file((char *)at("bin/1234567890123"), "x");
	chmod(at("bin/tool"), 0755);
	setenv("PATH", at("none::bin"), 1);
	expect_binary("tool", NULL);
	setenv("PATH", at("bin"), 1);
	expect_binary("tool", at("bin/tool"));
	expect_binary("plain", NULL);
	expect_binary(at("bin/plain"), at("bin/plain"));
	expect_binary(at("bin"), NULL);
	expect_binary("", NULL);
	expect_binary("1234567890123", NULL); /* no process has that number */
	setenv("PATH", old, 1);
	free(old);
	assert_int_equal(binary_find("libc", &path), 0);
	assert_non_null(strstr(path, "libc.so"));
	free(path);
	expect_binary("libno_such_library", NULL);
}

/* A process of another program; our own would be valgrind's under valgrind. */
static void test_binary_process(void **state)
{
	char exe[64], want[PATH_MAX], is[PATH_MAX] = "", bin[32], *path;
	int in[2];
	pid_t pid;

	assert_int_equal(binary_find("cat", &path), 0);
	assert_non_null(realpath(path, want));
	free(path);
	assert_int_equal(pipe(in), 0);
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		close(in[1]);
		execlp("cat", "cat", NULL);
		_exit(127);
	}
	close(in[0]);
	snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	while (strcmp(is, want)) { /* until it has become that program */
		ssize_t n = readlink(exe, is, sizeof(is) - 1);

		assert_true(n >= 0);
		is[n] = '\0';
		sched_yield();
	}
	snprintf(bin, sizeof(bin), "%d", pid);
	expect_binary(bin, want);
	close(in[1]);
	waitpid(pid, NULL, 0);
}

static const struct ufunc *func_named(const ufuncs_t *u, const char *name)
{
	for (size_t i = 0; i < u->n; i++)
		if (!strcmp(u->v[i].name, name))
			return &u->v[i];
	return NULL;
}

/* What nm says, from the same file or from the one before it was stripped. */
static void compare_nm(const char *path, const char *nm_of)
{
	static const char *const names[] = { "shapes_function", "shapes_static", "shapes_nothing" };
	ufuncs_t u;
	size_t n;

	assert_int_equal(ufuncs_find(path, "shapes_*", &u), 0);
	n = u.n;
	assert_true(n >= N(names));
	for (size_t i = 0; i < N(names); i++) {
		const struct ufunc *f = func_named(&u, names[i]);

		assert_non_null(f);
		assert_int_equal(sh("nm %s | grep -q '^0*%llx [tT] %s$'", nm_of, (unsigned long long)f->addr, names[i]), 0);
		/* the segment that holds it, from readelf: offset and address differ by what they differ there */
		assert_int_equal(sh("objdump -d -F --no-show-raw-insn %s | grep -q '^0*%llx <shapes_.*>.*0x%llx)'", nm_of, (unsigned long long)f->addr,
				    (unsigned long long)f->file_off), 0);
	}
	ufuncs_free(&u);
	assert_int_equal(ufuncs_find(path, "shapes_function", &u), 0);
	assert_int_equal(u.n, 1);
	ufuncs_free(&u);
	assert_int_equal(ufuncs_find(path, "shapes_nosuch", &u), 0);
	assert_int_equal(u.n, 0);
	ufuncs_free(&u);
}

static void test_ufuncs(void **state)
{
	static const char *const how[] = { "-O1", "-O1 -no-pie", "-O1 -static", "-O1 -Wl,-z,noseparate-code", "-O1 -Wl,-Ttext-segment=0x10000000" };

	if (!have("gcc") || !have("objdump"))
		skip();
	for (size_t i = 0; i < N(how); i++) {
		assert_int_equal(sh("gcc -w %s -o %s " SOURCE, how[i], at("prog")), 0);
		compare_nm(at("prog"), at("prog"));
	}
	assert_int_equal(sh("cd %s && cp prog whole && objcopy --only-keep-debug prog prog.debug && objcopy --strip-all prog && "
			    "objcopy --add-gnu-debuglink=prog.debug prog", top), 0);
	compare_nm(at("prog"), at("whole"));
}

static void test_ufuncs_libc(void **state)
{
	char *path;
	ufuncs_t u;

	assert_int_equal(binary_find("libc", &path), 0);
	assert_int_equal(ufuncs_find(path, "fopen", &u), 0);
	assert_true(u.n >= 1); /* the one of an old version may be there, too */
	assert_string_equal(u.v[0].name, "fopen");
	for (size_t i = 1; i < u.n; i++)
		assert_true(u.v[i].addr != u.v[i - 1].addr);
	ufuncs_free(&u);
	free(path);
	assert_int_equal(ufuncs_find("/etc/passwd", "*", &u), -ENOEXEC);
	assert_int_equal(ufuncs_find("/nonexistent", "*", &u), -ENOENT);
	assert_int_equal(ufuncs_find("/dev/null", "*", &u), -ENOEXEC);
}

/* --- USDT --- */

struct operand { const char *text; int kind; int size; int64_t value; const char *reg, *index; int scale; };

/* A program of nothing but notes: one probe an operand. */
static void notes_make(const char *cc, const struct operand *t, size_t n, const char *out)
{
	FILE *f = fopen(at("notes.s"), "we");

	assert_non_null(f);
	fputs(".text\n.globl _start\n_start:\nnop\n", f);
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "p%zu: nop\n.pushsection .note.stapsdt,\"\",%%note\n.balign 4\n.4byte 8, 2f-1f, 3\n.asciz \"stapsdt\"\n", i);
		fprintf(f, "1: .8byte p%zu\n.8byte _base\n.8byte %s\n.asciz \"prov\"\n.asciz \"probe%zu\"\n.asciz \"%s\"\n2: .balign 4\n"
			".popsection\n", i, i % 2 ? "sema" : "0", i, t[i].text);
	}
	fputs(".data\n.globl counter\n.type counter, %object\n.size counter, 8\n.balign 8\nsema: .8byte 0\n.8byte 0\ncounter: .8byte 1\n", f);
	fputs(".section .stapsdt.base,\"aG\",%progbits,.stapsdt.base,comdat\n_base: .space 1\n", f);
	fclose(f);
	assert_int_equal(sh("%s -nostdlib -static -o %s %s", cc, out, at("notes.s")), 0);
}

static void compare_notes(const char *path, const struct operand *t, size_t n)
{
	usdts_t u;

	assert_int_equal(usdts_find(path, "prov", "probe*", &u), 0);
	assert_int_equal(u.n, n);
	for (size_t i = 0; i < n; i++) {
		const struct usdt *p = &u.v[i];
		const struct usdt_arg *a = &p->arg[0];
		char name[32];

		snprintf(name, sizeof(name), "probe%zu", i);
		assert_string_equal(p->name, name);
		assert_int_equal(p->file_off, u.v[0].file_off + i);
		assert_int_equal(!!p->semaphore, i % 2);
		assert_int_equal(p->n, 1);
		if ((int)a->kind != t[i].kind || a->size != t[i].size || strcmp(a->reg, t[i].reg) || strcmp(a->index, t[i].index) ||
		    a->scale != t[i].scale || (a->value != t[i].value && strcmp(a->reg, "ip")))
			fail_msg("'%s': kind %d size %d value %lld reg '%s' index '%s' scale %u", t[i].text, a->kind, a->size,
				 (long long)a->value, a->reg, a->index, a->scale);
	}
	usdts_free(&u);
}

static void test_usdt_x86(void **state)
{
	static const struct operand t[] = {
		{ "-4@%edi", USDT_REG, -4, 0, "di", "", 0 }, { "8@%rax", USDT_REG, 8, 0, "ax", "", 0 }, { "1@%sil", USDT_REG, 1, 0, "si", "", 0 },
		{ "2@%r10w", USDT_REG, 2, 0, "r10", "", 0 }, { "-4@$-7", USDT_CONST, -4, -7, "", "", 0 }, { "8@$0x10", USDT_CONST, 8, 16, "", "", 0 },
		{ "-4@-20(%rbp)", USDT_MEM, -4, -20, "bp", "", 0 }, { "8@(%rsp)", USDT_MEM, 8, 0, "sp", "", 0 },
		{ "8@8(%rsi,%r8,8)", USDT_SIB, 8, 8, "si", "r8", 8 }, { "4@(%rax,%rbx)", USDT_SIB, 4, 0, "ax", "bx", 1 },
		{ "4@-4(,%rcx,4)", USDT_SIB, 4, -4, "", "cx", 4 }, { "4@counter(%rip)", USDT_MEM, 4, 0, "ip", "", 0 },
		{ "4@counter+4(%rip)", USDT_MEM, 4, 0, "ip", "", 0 }, { "%rdx", USDT_REG, 8, 0, "dx", "", 0 },
		{ "8f@%xmm0", USDT_UNKNOWN, 8, 0, "", "", 0 }, { "8@%xmm0", USDT_UNKNOWN, 8, 0, "", "", 0 },
		{ "3@%rax", USDT_UNKNOWN, 3, 0, "", "", 0 }, { "8@nosuch(%rip)", USDT_UNKNOWN, 8, 0, "", "", 0 },
		{ "8@12(%rip)", USDT_UNKNOWN, 8, 0, "", "", 0 }, { "8@(%rax", USDT_UNKNOWN, 8, 0, "", "", 0 },
		{ "8@", USDT_UNKNOWN, 8, 0, "", "", 0 }, { "8@8(%rax,%rbx,77)", USDT_UNKNOWN, 8, 0, "", "", 0 },
	};
	struct usdt_arg near, far;
	usdts_t u;

#ifndef __x86_64__
	skip();
#endif
	if (!have("gcc"))
		skip();
	notes_make("gcc", t, N(t), at("notes"));
	compare_notes(at("notes"), t, N(t));
	assert_int_equal(usdts_find(at("notes"), NULL, "probe1[12]", &u), 0);
	assert_int_equal(u.n, 2);
	near = u.v[0].arg[0];
	far = u.v[1].arg[0];
	assert_int_equal(far.value, near.value + 4 - 1); /* the probe is a byte further on */
	usdts_free(&u);
	assert_int_equal(usdts_find(at("notes"), "other", NULL, &u), 0);
	assert_int_equal(u.n, 0);
}

static void test_usdt_arm64(void **state)
{
	static const struct operand t[] = {
		{ "-4@w0", USDT_REG, -4, 0, "x0", "", 0 }, { "8@x30", USDT_REG, 8, 0, "x30", "", 0 }, { "8@sp", USDT_REG, 8, 0, "sp", "", 0 },
		{ "-4@[sp, 28]", USDT_MEM, -4, 28, "sp", "", 0 }, { "8@[x1]", USDT_MEM, 8, 0, "x1", "", 0 },
		{ "8@[x2, -8]", USDT_MEM, 8, -8, "x2", "", 0 }, { "8@[x1, x2]", USDT_SIB, 8, 0, "x1", "x2", 1 },
		{ "-4@-7", USDT_CONST, -4, -7, "", "", 0 }, { "8@x31", USDT_UNKNOWN, 8, 0, "", "", 0 }, { "8@v0", USDT_UNKNOWN, 8, 0, "", "", 0 },
		{ "8@[x1, x2, lsl 3]", USDT_UNKNOWN, 8, 0, "", "", 0 }, { "8f@d0", USDT_UNKNOWN, 8, 0, "", "", 0 }, { "8@[", USDT_UNKNOWN, 8, 0, "", "", 0 },
	};
	usdts_t u;

	if (!have("aarch64-linux-gnu-gcc"))
		skip();
	notes_make("aarch64-linux-gnu-gcc", t, 1, at("notes"));
	assert_int_equal(usdts_find(at("notes"), NULL, NULL, &u), 0);
	usdts_free(&u);
	notes_make("aarch64-linux-gnu-gcc", t, N(t), at("notes"));
	assert_int_equal(usdts_find(at("notes"), "prov", "*", &u), 0);
	assert_int_equal(u.n, N(t));
	for (size_t i = 0; i < N(t); i++) {
		const struct usdt_arg *a = &u.v[i].arg[0];

		if ((int)a->kind != t[i].kind || a->size != t[i].size || strcmp(a->reg, t[i].reg) || strcmp(a->index, t[i].index) ||
		    a->scale != t[i].scale || a->value != t[i].value)
			fail_msg("'%s': kind %d size %d value %lld reg '%s' index '%s'", t[i].text, a->kind, a->size, (long long)a->value,
				 a->reg, a->index);
	}
	usdts_free(&u);
}

/* As <sys/sdt.h> writes them, several arguments a probe. */
static void test_usdt_sdt(void **state)
{
	usdts_t u;

	if (!have("gcc") || sh("echo '#include <sys/sdt.h>' | gcc -E - >/dev/null 2>&1"))
		skip();
	assert_int_equal(sh("gcc -w -O2 -o %s " SOURCE, at("prog")), 0);
	assert_int_equal(usdts_find(at("prog"), "shapes", "called", &u), 0);
	assert_int_equal(u.n, 1);
	assert_int_equal(u.v[0].n, 4);
	assert_int_equal(u.v[0].arg[0].size, -4);
	assert_int_equal(u.v[0].arg[1].size, 8);
	assert_true(u.v[0].semaphore);
	usdts_free(&u);
	assert_int_equal(usdts_find(at("prog"), NULL, "counted", &u), 0);
	assert_int_equal(u.n, 1);
	assert_int_equal(u.v[0].arg[0].kind, USDT_CONST);
	assert_int_equal(u.v[0].arg[0].value, 7);
	usdts_free(&u);
}

/* --- the kernel --- */

static void test_kfuncs(void **state)
{
	bool known;
	kfuncs_t f;
	int err = kfuncs_find("vfs_read", &f, &known);

	if (err)
		skip(); /* no /proc/kallsyms */
	assert_true(f.n >= 1);
	assert_string_equal(f.v[0].name, "vfs_read");
	assert_string_equal(f.v[0].module, "");
	assert_false(f.v[0].flags & FUNC_VARIANT);
	if (f.v[0].addr) {
		assert_true(f.v[0].flags & FUNC_FTRACE);
		assert_false(f.v[0].flags & FUNC_NOPROBE);
	}
	kfuncs_free(&f);
	assert_int_equal(kfuncs_find("vfs_*", &f, &known), 0);
	assert_true(f.n > 10);
	for (size_t i = 0; i < f.n; i++) {
		assert_int_equal(strncmp(f.v[i].name, "vfs_", 4), 0);
		assert_true(!i || strcmp(f.v[i - 1].name, f.v[i].name) <= 0);
	}
	kfuncs_free(&f);
	assert_int_equal(kfuncs_find("no_such_function_at_all", &f, &known), 0);
	assert_int_equal(f.n, 0);
}

static void test_kfuncs_near(void **state)
{
	char *near[4] = { NULL };
	unsigned int n = kfuncs_near("vfs_raed", near, 4);

	if (!n)
		skip();
	assert_string_equal(near[0], "vfs_read");
	for (unsigned int i = 0; i < n; i++)
		free(near[i]);
	assert_int_equal(kfuncs_near("vfs_read", near, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glob), cmocka_unit_test(test_tracepoint), cmocka_unit_test(test_tracepoint_which),
		cmocka_unit_test(test_tracepoint_each), cmocka_unit_test(test_binary_find), cmocka_unit_test(test_binary_process),
		cmocka_unit_test(test_ufuncs),
		cmocka_unit_test(test_ufuncs_libc), cmocka_unit_test(test_usdt_x86), cmocka_unit_test(test_usdt_arm64),
		cmocka_unit_test(test_usdt_sdt), cmocka_unit_test(test_kfuncs), cmocka_unit_test(test_kfuncs_near),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
