/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * src/expr's types: from DWARF of a program that is compiled here in several ways and says itself what the compiler made of its
 * types, from BTF made here by hand and by clang, from the kernel's. SPOOR_GOLDEN_UPDATE=1 rewrites tests/golden/types-*.txt.
 * Run from the top of the tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/btf.h>
#include <cmocka.h>

#include "expr/btf.h"
#include "expr/types.h"
#include "expr/types_priv.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define KERNEL "/sys/kernel/btf/vmlinux"
#define SOURCE "tests/progs/shapes.c"

static char top[64];

/* --- help --- */

__attribute__((format(printf, 1, 2)))
static int sh(const char *fmt, ...)
{
	char command[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	assert_true(n < (int)sizeof(command));
	return system(command);
}

static const char *at(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned int turn;
	char *p = path[turn++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", top, name);
	return p;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	snprintf(top, sizeof(top), "/tmp/spoor-types-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static bool have(const char *program)
{
	return !sh("command -v %s >/dev/null 2>&1", program);
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t n = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &n, EOF, f) < 0) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static const char *function(struct types *t, const char *name)
{
	static char text[512];
	struct type *fn = types_function(t, name, NULL);

	return fn ? type_print_function(t, fn, name, text, sizeof(text)) : "none";
}

static const char *printed(struct types *t, struct type *ty)
{
	static char text[4][256];
	static unsigned int turn;
	char *p = text[turn++ % 4];

	return ty ? type_print(ty, p, sizeof(text[0])) : "none";
}

static const char *member_of(struct types *t, const char *type, const char *member)
{
	struct type *ty = types_find(t, TYPE_STRUCT, type);
	struct member m;

	return ty && !type_member(t, ty, member, &m) ? printed(t, m.type) : "none";
}

/* --- DWARF, against the compiler --- */

/* "node.s2 336 16", "node 256" */
static void compare_line(struct types *t, char *line)
{
	unsigned long long off = 0, bits = 0;
	char type[64], member[64];
	struct member m = { .name = "" };
	struct type *ty;

	if (sscanf(line, "%63[^.].%63s %llu %llu", type, member, &off, &bits) == 4) {
		ty = types_find(t, TYPE_STRUCT, type);
		if (!ty || type_member(t, ty, member, &m))
			fail_msg("%s.%s is not found", type, member);
		if (m.bit_off != off || (m.bit_size ? m.bit_size : m.type->size * 8) != bits)
			fail_msg("%s.%s: at bit %llu, %llu bits, says the compiler; not %llu, %llu", type, member, off, bits,
				 (unsigned long long)m.bit_off, (unsigned long long)(m.bit_size ? m.bit_size : m.type->size * 8));
		return;
	}
	assert_int_equal(sscanf(line, "%63s %llu", type, &bits), 2);
	ty = types_find(t, TYPE_STRUCT, type);
	assert_non_null(ty);
	assert_int_equal(ty->size, bits);
}

/* Returns how many facts were compared. */
static unsigned int compare_all(struct types *t, const char *truth)
{
	char line[256];
	unsigned int n = 0;
	FILE *f = fopen(truth, "re");

	assert_non_null(f);
	for (; fgets(line, sizeof(line), f); n++)
		compare_line(t, line);
	fclose(f);
	return n;
}

static void check_types(struct types *t)
{
	static const struct { const char *member, *is; } t_node[] = {
		{ "next", "struct node *" }, { "name", "char [16]" }, { "cv", "int *" }, { "m", "int [3][4]" }, { "dev", "devno" },
		{ "call", "callback" }, { "unknown", "struct unknown *" }, { "flex", "char []" }, { "less", "nameless" },
		{ "color", "enum color" }, { "any", "union any" }, { "nosuch", "none" },
	};
	static const struct { const char *member; enum type_kind kind; bool is_signed; } kinds[] = {
		{ "by", TYPE_INT, false }, { "ok", TYPE_BOOL, false }, { "dev", TYPE_INT, false }, { "ti", TYPE_INT, true },
		{ "te", TYPE_CHAR, true }, { "uc", TYPE_CHAR, false }, { "l", TYPE_INT, true }, { "sign", TYPE_ENUM, true },
	};
	struct type *node = types_find(t, TYPE_STRUCT, "node");
	struct member m;

	for (size_t i = 0; i < N(t_node); i++)
		assert_string_equal(member_of(t, "node", t_node[i].member), t_node[i].is);
	for (size_t i = 0; i < N(kinds); i++) {
		assert_int_equal(type_member(t, node, kinds[i].member, &m), 0);
		assert_int_equal(type_complete(t, m.type), 0);
		if (m.type->kind != kinds[i].kind || m.type->is_signed != kinds[i].is_signed)
			fail_msg("%s: kind %d, signed %d", kinds[i].member, m.type->kind, m.type->is_signed);
	}
	assert_int_equal(type_member(t, node, "next", &m), 0);
	assert_ptr_equal(m.type->to, node);
	assert_int_equal(type_member(t, node, "unknown", &m), 0);
	assert_int_equal(m.type->to->kind, TYPE_FORWARD);
	assert_int_equal(type_complete(t, m.type->to), 0);
	assert_int_equal(m.type->to->kind, TYPE_FORWARD);
	assert_int_equal(type_member(t, node, "dev", &m), 0);
	assert_string_equal(m.type->alias, "devno");
	assert_string_equal(m.type->name, "unsigned int");
	assert_string_equal(type_member_nearest(t, node, "nmae"), "name");
	assert_string_equal(type_member_nearest(t, node, "s3"), "s1");
}

static void check_enums(struct types *t)
{
	struct type *color = types_find(t, TYPE_ENUM, "color"), *sign = types_find(t, TYPE_ENUM, "sign");

	assert_non_null(color);
	assert_non_null(sign);
	assert_int_equal(type_complete(t, color), 0);
	assert_int_equal(type_complete(t, sign), 0);
	assert_int_equal(color->n, 4);
	assert_string_equal(color->enumerators[2].name, "BLUE");
	assert_int_equal(color->enumerators[2].value, 200);
	assert_int_equal(sign->enumerators[0].value, -5);
}

/* What is made of types must be the same however they were written down. */
static void golden(struct types *t, const char *how)
{
	static const char path[] = "tests/golden/types-layout.txt";
	static const char *const names[] = { "node", "bits", "any", "packed", "empty", "line" };
	char *out = NULL, *want;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	for (size_t i = 0; i < N(names); i++) {
		struct type *ty = types_find(t, TYPE_STRUCT, names[i]);

		assert_non_null(ty);
		assert_int_equal(type_print_layout(t, ty, f), 0);
	}
	assert_int_equal(type_print_layout(t, types_find(t, TYPE_ENUM, "color"), f), 0);
	assert_int_equal(type_print_layout(t, types_find(t, TYPE_ENUM, "sign"), f), 0);
	fclose(f);
	if (getenv("SPOOR_GOLDEN_UPDATE"))
		write_file(path, out, n);
	want = slurp(path);
	if (!want || strcmp(out, want))
		fail_msg("%s: differs from %s; SPOOR_GOLDEN_UPDATE=1 writes it:\n%s", how, path, out);
	free(want);
	free(out);
}

/* alias: that of a function is found by its address, for which there must be .debug_aranges and a symbol. */
static void check_program(const char *path, const char *how, bool alias)
{
	struct types *t = types_of_binary(path);

	if (!t)
		fail_msg("%s: %s", how, strerror(errno));
	assert_true(compare_all(t, at("truth")) > 40);
	check_types(t);
	check_enums(t);
	golden(t, how);
	assert_string_equal(function(t, "shapes_function"), "int shapes_function(int v, struct node *a, char *s, double d)");
	assert_string_equal(function(t, "shapes_static"), "long shapes_static(unsigned long x, ...)");
	assert_string_equal(function(t, "shapes_nothing"), "void shapes_nothing(void)");
	assert_string_equal(function(t, "shapes_nosuch"), "none");
	if (alias)
		assert_string_equal(function(t, "shapes_alias"), "int shapes_alias(int v, struct node *a, char *s, double d)");
	assert_string_equal(printed(t, types_variable(t, "global")), "struct node *");
	types_free(t);
}

static void test_dwarf_compilers(void **state)
{
	static const char *const how[] = {
		"gcc -g", "gcc -g -O2", "gcc -gdwarf-4 -O2", "gcc -gdwarf-3 -gstrict-dwarf", "gcc -gdwarf-4 -fdebug-types-section",
		"gcc -gdwarf-5 -fdebug-types-section -O2", "gcc -g -gsplit-dwarf", "gcc -gdwarf-4 -gsplit-dwarf", "gcc -g -gz",
		"gcc -g -static", "clang -g", "clang -g -O2", "clang -gdwarf-4", "clang -g -gsplit-dwarf",
	};
	unsigned int tried = 0;

	for (size_t i = 0; i < N(how); i++) {
		if (!have(!strncmp(how[i], "clang", 5) ? "clang" : "gcc"))
			continue;
		/* there, for -gsplit-dwarf writes beside it */
		assert_int_equal(sh("root=$PWD; cd %s && %s -w -o shapes \"$root/\"" SOURCE, top, how[i]), 0);
		assert_int_equal(sh("%s >%s", at("shapes"), at("truth")), 0);
		check_program(at("shapes"), how[i], !strncmp(how[i], "gcc", 3));
		tried++;
	}
	if (!tried)
		skip();
}

/* A module is an object file: its debug information is full of relocations. */
static void test_dwarf_relocatable(void **state)
{
	struct types *t;
	struct member m;

	if (!have("gcc") || !have("xz"))
		skip();
	assert_int_equal(sh("gcc -w -g -c -o %s " SOURCE, at("shapes.ko")), 0);
	assert_int_equal(sh("gcc -w -o %s " SOURCE " && %s >%s && xz -k %s", at("shapes"), at("shapes"), at("truth"), at("shapes.ko")), 0);
	check_program(at("shapes.ko"), "a module", false);
	check_program(at("shapes.ko.xz"), "a compressed module", false);
	t = types_of_binary(at("shapes.ko"));
	assert_int_equal(type_member(t, types_find(t, TYPE_STRUCT, "node"), "next", &m), 0);
	assert_false(m.type->user);
	types_free(t);
	t = types_of_binary(at("shapes.ko.xz"));
	assert_non_null(t);
	types_free(t);
}

static void separate(const char *flags)
{
	assert_int_equal(sh("gcc -w -g -O2 %s -o %s " SOURCE " && %s >%s", flags, at("linked"), at("linked"), at("truth")), 0);
	assert_int_equal(sh("cd %s && objcopy --only-keep-debug linked linked.debug && objcopy --strip-all linked && "
			    "objcopy --add-gnu-debuglink=linked.debug linked", top), 0);
	check_program(at("linked"), "a separate debug file beside it", true);
	assert_int_equal(sh("cd %s && mkdir -p .debug && mv linked.debug .debug", top), 0);
	check_program(at("linked"), "a separate debug file in .debug", true);
	assert_int_equal(sh("cd %s && rm .debug/linked.debug", top), 0);
	errno = 0;
	assert_null(types_of_binary(at("linked")));
	assert_int_equal(errno, ENODATA);
	/* under the right name, but of another build */
	assert_int_equal(sh("gcc -w -g -O1 %s -DX=1 -o %s " SOURCE, flags, at(".debug/linked.debug")), 0);
	assert_null(types_of_binary(at("linked")));
}

static void test_dwarf_separate(void **state)
{
	if (!have("gcc") || !have("objcopy"))
		skip();
	separate("-Wl,--build-id=sha1");
	separate("-Wl,--build-id=none");
}

static void test_binary_refused(void **state)
{
	static const struct { const char *path; int err; } t[] = {
		{ "/nonexistent", ENOENT }, { "/etc/passwd", ENOEXEC }, { "/", ENOEXEC }, { "/dev/null", ENOEXEC },
	};

	for (size_t i = 0; i < N(t); i++) {
		errno = 0;
		assert_null(types_of_binary(t[i].path));
		assert_int_equal(errno, t[i].err);
	}
}

static void test_cpp(void **state)
{
	static const char source[] =
		"struct base { int b; virtual ~base() {} };\n"
		"namespace inner { struct hidden { int x; }; }\n"
		"class derived : public base { public: int d; static int s; int &ref; inner::hidden h; void method(int) {}\n"
		"  derived(int &r) : ref(r) {} int derived::*member; };\n"
		"template<class T> struct box { T t; };\n"
		"extern \"C\" int plain(derived *x, box<long> *y) { return x->d + (int)y->t; }\n"
		"int main() { int i = 0; derived d(i); box<long> b{1}; d.method(1); return plain(&d, &b); }\n";
	struct types *t;
	struct member m;
	struct type *ty;

	if (!have("g++"))
		skip();
	write_file(at("x.cc"), source, strlen(source));
	assert_int_equal(sh("g++ -g -w -o %s %s", at("cpp"), at("x.cc")), 0);
	t = types_of_binary(at("cpp"));
	assert_non_null(t);
	assert_string_equal(function(t, "plain"), "int plain(struct derived *x, struct box<long int> *y)");
	ty = types_find(t, TYPE_STRUCT, "derived");
	assert_non_null(ty);
	assert_int_equal(type_member(t, ty, "b", &m), 0); /* of the base class, behind the pointer to its functions */
	assert_int_equal(m.bit_off, 64);
	assert_int_equal(type_member(t, ty, "ref", &m), 0);
	assert_int_equal(m.type->kind, TYPE_PTR);
	assert_int_equal(type_member(t, ty, "s", &m), -ENOENT);
	assert_int_equal(type_member(t, ty, "h", &m), 0);
	assert_int_equal(m.type->kind, TYPE_STRUCT);
	types_free(t);
}

/* --- BTF of clang --- */

static void test_btf_clang(void **state)
{
	static const char source[] = "#include \"shapes.h\"\n"
		"struct node n; struct packed p; struct empty e; struct line l; enum sign s; enum color c;\n"
		"int shapes_function(int v, struct node *a) { return v + a->dev; }\n";
	struct types *t;

	if (!have("clang") || !have("gcc"))
		skip();
	write_file(at("b.c"), source, strlen(source));
	assert_int_equal(sh("clang -target bpf -O2 -g -c -Itests/progs -o %s %s", at("b.o"), at("b.c")), 0);
	assert_int_equal(sh("gcc -w -o %s " SOURCE " && %s >%s", at("shapes"), at("shapes"), at("truth")), 0);
	t = types_of_kernel(at("b.o"));
	assert_non_null(t);
	assert_true(compare_all(t, at("truth")) > 40);
	check_types(t);
	golden(t, "BTF of clang");
	assert_string_equal(function(t, "shapes_function"), "int shapes_function(int v, struct node *a)");
	types_free(t);
}

/* --- BTF by hand --- */

static void save(struct btf *btf, const char *path)
{
	uint32_t size;
	const void *raw = btf__raw_data(btf, &size);

	assert_non_null(raw);
	write_file(path, raw, size);
}

/* As a kernel's: functions of one name, a tracepoint, an enum of 64 bits, a structure known by name only. */
static struct btf *kernel_make(void)
{
	struct btf *b = btf__new_empty();
	int i, s, p, proto, v;

	i = btf__add_int(b, "long unsigned int", 8, 0);
	s = btf__add_struct(b, "thing", 16);
	assert_int_equal(btf__add_field(b, "a", i, 0, 0), 0);
	assert_int_equal(btf__add_field(b, "later", 9, 64, 0), 0); /* the pointer to struct late, below */
	p = btf__add_ptr(b, s);
	v = btf__add_ptr(b, 0);
	proto = btf__add_func_proto(b, i);
	assert_int_equal(btf__add_func_param(b, "x", p), 0);
	btf__add_func(b, "twice", BTF_FUNC_STATIC, proto);
	btf__add_func(b, "twice", BTF_FUNC_STATIC, proto);
	assert_int_equal(btf__add_fwd(b, "late", BTF_FWD_STRUCT), 8);
	assert_int_equal(btf__add_ptr(b, 8), 9);
	proto = btf__add_func_proto(b, 0);
	assert_int_equal(btf__add_func_param(b, "", v), 0);
	assert_int_equal(btf__add_func_param(b, "", p), 0);
	btf__add_typedef(b, "btf_trace_hit", btf__add_ptr(b, proto));
	proto = btf__add_func_proto(b, i);
	assert_int_equal(btf__add_func_param(b, "__data", v), 0);
	assert_int_equal(btf__add_func_param(b, "what", p), 0);
	btf__add_func(b, "__traceiter_hit", BTF_FUNC_STATIC, proto);
	btf__add_enum64(b, "wide", 8, false);
	assert_int_equal(btf__add_enum64_value(b, "HIGH", 1ull << 40), 0);
	btf__add_var(b, "counter", BTF_VAR_STATIC, i);
	btf__add_ptr(b, btf__add_type_tag(b, "user", s));
	btf__add_func_proto(b, i);
	assert_int_equal(btf__add_func_param(b, "u", (int)btf__type_cnt(b) - 2), 0);
	btf__add_func(b, "copy", BTF_FUNC_GLOBAL, (int)btf__type_cnt(b) - 1);
	return b;
}

static void test_btf_kernel(void **state)
{
	struct btf *btf = kernel_make();
	unsigned int more;
	char text[256];
	struct types *t;
	struct type *ty;
	int fd = -1;

	save(btf, at("btf"));
	btf__free(btf);
	t = types_of_kernel(at("btf"));
	assert_non_null(t);
	assert_string_equal(function(t, "twice"), "unsigned long twice(struct thing *x)");
	assert_non_null(types_function(t, "twice", &more));
	assert_int_equal(more, 1);
	ty = types_tracepoint(t, "hit");
	assert_non_null(ty);
	assert_string_equal(type_print_function(t, ty, "hit", text, sizeof(text)), "void hit(struct thing *what)");
	assert_null(types_tracepoint(t, "miss"));
	assert_int_equal(types_btf_id(t, TYPE_VOID, "hit", &fd), 12);
	assert_int_equal(fd, 0);
	assert_int_equal(types_btf_id(t, TYPE_FUNC, "twice", &fd), 6);
	assert_int_equal(types_btf_id(t, TYPE_FUNC, "thrice", &fd), -ENOENT);
	ty = types_find(t, TYPE_ENUM, "wide");
	assert_int_equal(type_complete(t, ty), 0);
	assert_int_equal(ty->enumerators[0].value, 1ll << 40);
	assert_string_equal(printed(t, types_variable(t, "counter")), "unsigned long");
	assert_null(types_variable(t, "twice"));
	ty = types_function(t, "copy", NULL);
	assert_int_equal(type_complete(t, ty), 0);
	assert_true(ty->params[0].type->user);
	types_free(t);
}

/* What one file knows by name only, another one defines. */
static void test_btf_split(void **state)
{
	struct btf *base = kernel_make(), *split = btf__new_empty_split(base);
	struct types *t;
	struct type *ty;
	struct member m;
	int id = btf__add_struct(split, "late", 24);

	assert_int_equal(btf__add_field(split, "t", btf__find_by_name(base, "thing"), 0, 0), 0);
	assert_int_equal(btf__add_field(split, "only_here", btf__find_by_name(base, "long unsigned int"), 128, 0), 0);
	btf__add_func(split, "of_module", BTF_FUNC_STATIC, btf__add_func_proto(split, id));
	save(base, at("btf"));
	save(split, at("split"));
	btf__free(split);
	btf__free(base);
	t = types_of_kernel(at("btf"));
	assert_non_null(types_find(t, TYPE_STRUCT, "thing"));
	assert_null(types_find(t, TYPE_STRUCT, "late"));
	assert_int_equal(types_origin_add(t, types_btf_new(t, at("split"), "mod", t->vmlinux)), 0);
	ty = types_find(t, TYPE_STRUCT, "late");
	assert_non_null(ty);
	assert_int_equal(ty->kind, TYPE_STRUCT);
	assert_string_equal(member_of(t, "late", "t"), "struct thing");
	assert_string_equal(function(t, "of_module"), "struct late of_module(void)");
	assert_int_equal(type_member(t, types_find(t, TYPE_STRUCT, "thing"), "later", &m), 0);
	assert_int_equal(m.type->to->kind, TYPE_FORWARD);
	assert_int_equal(type_member(t, m.type->to, "only_here", &m), 0);
	assert_int_equal(m.bit_off, 128);
	types_free(t);
}

static int count_one(void *ctx, const char *name)
{
	return ++*(int *)ctx == 100;
}

static void test_btf_each(void **state)
{
	struct btf *btf = kernel_make();
	int n = 0;
	struct types *t;

	save(btf, at("btf"));
	btf__free(btf);
	t = types_of_kernel(at("btf"));
	assert_int_equal(types_each(t, TYPE_FUNC, "tw*", count_one, &n), 0);
	assert_int_equal(n, 2);
	n = 0;
	types_each(t, TYPE_VOID, "*", count_one, &n);
	assert_int_equal(n, 1);
	n = 0;
	types_each(t, TYPE_STRUCT, "*", count_one, &n);
	assert_int_equal(n, 2); /* thing, wide */
	n = 99;
	assert_int_equal(types_each(t, TYPE_FUNC, "*", count_one, &n), 1);
	assert_int_equal(n, 100);
	types_free(t);
}

/* A file that is cut, or that refers to itself, is refused or ends; it is never believed. */
static void test_btf_broken(void **state)
{
	static const uint32_t loops[] = { BTF_KIND_PTR, BTF_KIND_CONST, BTF_KIND_TYPEDEF, BTF_KIND_VOLATILE };
	struct btf *btf = kernel_make();
	uint32_t size;
	const char *raw = btf__raw_data(btf, &size);

	for (uint32_t cut = 0; cut < size; cut++) {
		struct btf_file *f = btf_file_new(raw, cut, NULL);

		assert_null(f);
	}
	for (uint32_t at_byte = 0; at_byte < size; at_byte++) {
		char *copy = malloc(size);
		struct btf_file *f;

		memcpy(copy, raw, size);
		copy[at_byte] = (char)~copy[at_byte];
		f = btf_file_new(copy, size, NULL);
		btf_file_free(f);
		free(copy);
	}
	btf__free(btf);
	for (size_t i = 0; i < N(loops); i++) {
		struct { struct btf_header h; struct btf_type t[2]; struct btf_array a; char s[4]; } b = {
			.h = { BTF_MAGIC, BTF_VERSION, 0, sizeof(b.h), 0, sizeof(b.t) + sizeof(b.a), sizeof(b.t) + sizeof(b.a), 4 },
			.t = { { 1, loops[i] << 24, { 1 } }, { 0, BTF_KIND_ARRAY << 24, { 0 } } }, .a = { 2, 2, 3 }, .s = "\0x",
		};
		struct types *t;

		write_file(at("loop"), &b, sizeof(b));
		t = types_of_kernel(at("loop"));
		assert_non_null(t);
		assert_null(types_find(t, TYPE_VOID, "x")); /* ENOENT of a pointer, which has no name; EINVAL of the others */
		types_free(t);
	}
}

/* --- the kernel's, against libbpf's reader --- */

static void compare_struct(struct types *t, const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	const struct btf_type *bt = btf__type_by_id(btf, (unsigned int)id);
	struct type *ty = types_find(t, TYPE_STRUCT, name);
	const struct btf_member *m = btf_members(bt);

	assert_true(id > 0);
	assert_non_null(ty);
	assert_int_equal(type_complete(t, ty), 0);
	assert_int_equal(ty->size, bt->size);
	assert_int_equal(ty->n, btf_vlen(bt));
	for (unsigned int i = 0; i < ty->n; i++) {
		int64_t size = btf__resolve_size(btf, m[i].type);

		assert_string_equal(ty->members[i].name, btf__name_by_offset(btf, m[i].name_off));
		assert_int_equal(ty->members[i].bit_off, btf_member_bit_offset(bt, i));
		assert_int_equal(ty->members[i].bit_size, btf_member_bitfield_size(bt, i));
		if (size >= 0) /* libbpf has none for flexible arrays of nothing */
			assert_int_equal(ty->members[i].type->size, size);
	}
}

static void compare_kernel(const char *path)
{
	static const char *const names[] = { "task_struct", "sk_buff", "file", "inode", "mm_struct", "request", "sock", "net_device" };
	struct btf *btf = btf__parse(path, NULL);
	struct types *t = types_of_kernel(strcmp(path, KERNEL) ? path : NULL);
	struct member m;

	assert_non_null(btf);
	assert_non_null(t);
	for (size_t i = 0; i < N(names); i++)
		compare_struct(t, btf, names[i]);
	assert_string_equal(member_of(t, "task_struct", "comm"), "char [16]");
	assert_string_equal(member_of(t, "file", "f_pos"), "loff_t");
	assert_int_equal(type_member(t, types_find(t, TYPE_STRUCT, "sk_buff"), "csum_start", &m), 0); /* in a union in a structure */
	assert_string_equal(function(t, "vfs_read"), "ssize_t vfs_read(struct file *file, char *buf, size_t count, loff_t *pos)");
	assert_non_null(types_tracepoint(t, "sched_switch"));
	assert_int_equal(types_find(t, TYPE_VOID, "unsigned long")->size, 8);
	assert_int_equal(types_find(t, TYPE_VOID, "long unsigned")->size, 8);
	assert_int_equal(types_find(t, TYPE_VOID, "u16")->size, 2);
	assert_int_equal(types_find(t, TYPE_VOID, "u8")->kind, TYPE_INT);
	assert_null(types_find(t, TYPE_STRUCT, "no_such_structure"));
	types_free(t);
	btf__free(btf);
}

static void test_kernel(void **state)
{
	if (access(KERNEL, R_OK))
		skip();
	compare_kernel(KERNEL);
}

static void test_kernels_of_vms(void **state)
{
	static const char *const versions[] = { "5.10", "6.1", "6.12" };
	const char *cache = getenv("SPOOR_KERNELS");
	unsigned int tried = 0;
	char path[PATH_MAX];

	for (size_t i = 0; i < N(versions); i++) {
		snprintf(path, sizeof(path), "%s/%s/vmlinux", cache ? cache : "/var/cache/spoor/kernels", versions[i]);
		if (access(path, R_OK))
			continue;
		compare_kernel(path);
		tried++;
	}
	if (!tried)
		skip();
}

/* --- names --- */

static void test_base_names(void **state)
{
	static const struct { const char *words, *is; } t[] = {
		{ "long unsigned int", "unsigned long" }, { "unsigned", "unsigned int" }, { "signed", "int" }, { "long", "long" },
		{ "unsigned long long int", "unsigned long long" }, { "short", "short" }, { "unsigned short int", "unsigned short" },
		{ "char", "char" }, { "unsigned char", "unsigned char" }, { "long double", "long double" }, { "u32", NULL },
		{ "long long long", NULL }, { "", NULL }, { "int x", NULL },
	};

	for (size_t i = 0; i < N(t); i++) {
		const char *got = types_base_canonical(t[i].words);

		if (!got != !t[i].is || (got && strcmp(got, t[i].is)))
			fail_msg("'%s': %s", t[i].words, got ? got : "none");
	}
	assert_string_equal(types_base_name("short unsigned int"), "unsigned short");
	assert_string_equal(types_base_name("bool"), "bool");
}

static void test_made(void **state)
{
	struct btf *btf = kernel_make();
	struct types *t;
	struct type *ty;
	char text[8];

	save(btf, at("btf"));
	btf__free(btf);
	t = types_of_kernel(at("btf"));
	ty = types_find(t, TYPE_STRUCT, "thing");
	assert_string_equal(printed(t, types_pointer(t, ty)), "struct thing *");
	assert_ptr_equal(types_pointer(t, ty), types_pointer(t, ty));
	assert_string_equal(printed(t, types_array(t, types_pointer(t, ty), 3)), "struct thing *[3]");
	assert_int_equal(types_array(t, ty, 3)->size, 48);
	assert_null(types_array(t, ty, UINT64_MAX));
	assert_string_equal(printed(t, types_pointer(t, types_array(t, ty, 2))), "struct thing (*)[2]");
	assert_int_equal(types_int(t, 4, true)->size, 4);
	assert_true(types_int(t, 4, true)->is_signed);
	assert_null(types_int(t, 3, true));
	assert_string_equal(type_print(ty, text, sizeof(text)), "struct ");
	types_free(t);
	types_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dwarf_compilers), cmocka_unit_test(test_dwarf_relocatable), cmocka_unit_test(test_dwarf_separate),
		cmocka_unit_test(test_binary_refused), cmocka_unit_test(test_cpp), cmocka_unit_test(test_btf_clang),
		cmocka_unit_test(test_btf_kernel), cmocka_unit_test(test_btf_split), cmocka_unit_test(test_btf_each),
		cmocka_unit_test(test_btf_broken), cmocka_unit_test(test_kernel), cmocka_unit_test(test_kernels_of_vms),
		cmocka_unit_test(test_base_names), cmocka_unit_test(test_made),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
