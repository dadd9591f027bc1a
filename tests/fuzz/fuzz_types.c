/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Files that anybody may have made: BTF, split BTF, ELF with DWARF, symbols, notes; and what tracefs tells of a tracepoint. The
 * first byte picks one. None may crash, hang or fill the memory; all that is found is gone through. tests/fuzz/seeds_types makes
 * files to begin with.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expr/btf.h"
#include "expr/types_priv.h"
#include "kernel/targets.h"

static char root[] = "/dev/shm/spoor-fuzz.XXXXXX", file[64], event[96];
static FILE *nowhere;

static void remove_root(void)
{
	static const char *const dirs[] = { "/events/sys/name", "/events/sys", "/events", "" };
	char path[96];

	unlink(file);
	unlink(event);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", root, dirs[i]);
		rmdir(path);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const dirs[] = { "/events", "/events/sys", "/events/sys/name" };
	char path[96];

	if (!mkdtemp(root))
		abort();
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", root, dirs[i]);
		mkdir(path, 0755);
	}
	snprintf(file, sizeof(file), "%s/file", root);
	snprintf(event, sizeof(event), "%s/events/sys/name/format", root);
	nowhere = fopen("/dev/null", "we");
	atexit(remove_root);
	return 0;
}

static void write_to(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* --- what is found is used --- */

struct walk { struct types *t; unsigned int left; };

static void use(struct types *t, struct type *ty)
{
	char text[256];
	struct member m;

	if (!ty)
		return;
	if (!memchr(type_print(ty, text, sizeof(text)), 0, sizeof(text)))
		abort();
	if (type_complete(t, ty))
		return;
	type_print_layout(t, ty, nowhere);
	type_member(t, ty, "a", &m);
	if (ty->kind == TYPE_STRUCT && ty->n)
		type_member(t, ty, ty->members[ty->n - 1].name, &m);
	type_member_nearest(t, ty, "nmae");
	for (unsigned int i = 0; i < 8 && ty->kind == TYPE_PTR; i++)
		ty = ty->to;
	types_pointer(t, ty);
	types_array(t, ty, 3);
}

static int use_struct(void *ctx, const char *name)
{
	struct walk *w = ctx;

	use(w->t, types_find(w->t, TYPE_STRUCT, name));
	use(w->t, types_find(w->t, TYPE_ENUM, name));
	return !--w->left;
}

static int use_function(void *ctx, const char *name)
{
	struct walk *w = ctx;
	char text[256];
	struct type *fn = types_function(w->t, name, NULL);

	if (fn)
		type_print_function(w->t, fn, name, text, sizeof(text));
	use(w->t, fn);
	return !--w->left;
}

static int use_tracepoint(void *ctx, const char *name)
{
	struct walk *w = ctx;

	use(w->t, types_tracepoint(w->t, name));
	return !--w->left;
}

/* A bound on how much of it: a file may repeat itself without end. */
static void use_all(struct types *t)
{
	if (!t)
		return;
	types_each(t, TYPE_STRUCT, "*", use_struct, &(struct walk){ t, 100 });
	types_each(t, TYPE_FUNC, "*", use_function, &(struct walk){ t, 100 });
	types_each(t, TYPE_VOID, "*", use_tracepoint, &(struct walk){ t, 100 });
	use(t, types_find(t, TYPE_VOID, "unsigned long"));
	use(t, types_variable(t, "global"));
	types_free(t);
}

static void fuzz_split(const uint8_t *data, size_t size)
{
	size_t cut = size > 2 ? (size_t)(data[0] | data[1] << 8) % (size - 2) + 2 : size;
	struct btf_file *base, *split;

	if (size <= 2)
		return;
	base = btf_file_new(data + 2, cut - 2, NULL);
	split = base ? btf_file_new(data + cut, size - cut, base) : NULL;
	for (uint32_t id = 0; split && id <= btf_file_end(split) && id < 1000; id++) {
		const struct btf_type *t = btf_file_type(split, id);
		const char *name = t ? btf_file_str(split, t->name_off) : "";
		uint32_t found = name[0] ? btf_file_find(split, name, ~0u, 0) : 0;

		if (found && (found < btf_file_first(split) || found >= btf_file_end(split) ||
			      strcmp(btf_file_str(split, btf_file_type(split, found)->name_off), name)))
			abort();
	}
	btf_file_free(split);
	btf_file_free(base);
}

static void fuzz_programs(void)
{
	usdts_t usdts;
	ufuncs_t funcs;

	if (!ufuncs_find(file, "*", &funcs)) {
		for (size_t i = 0; i < funcs.n; i++)
			if (!funcs.v[i].name[0])
				abort();
		ufuncs_free(&funcs);
	}
	if (usdts_find(file, NULL, NULL, &usdts))
		return;
	for (size_t i = 0; i < usdts.n; i++)
		for (unsigned int k = 0; k < usdts.v[i].n; k++)
			if (!memchr(usdts.v[i].arg[k].reg, 0, sizeof(usdts.v[i].arg[k].reg)) || usdts.v[i].n > USDT_ARGS)
				abort();
	usdts_free(&usdts);
}

static void fuzz_event(void)
{
	int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tp_event e;

	if (!tp_event_read(dir, "sys", "name", &e)) {
		for (size_t i = 0; i < e.fields.n; i++)
			if (!e.fields.v[i].name[0] || !memchr(e.fields.v[i].type, 0, sizeof(e.fields.v[i].type)))
				abort();
		tp_event_free(&e);
	}
	close(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] % 5 == 0) {
		fuzz_split(data + 1, size - 1);
		return 0;
	}
	write_to(data[0] % 5 == 1 ? event : file, data + 1, size - 1);
	switch (data[0] % 5) {
	case 1: fuzz_event(); break;
	case 2: use_all(types_of_kernel(file)); break;
	case 3: use_all(types_of_binary(file)); break;
	default: fuzz_programs();
	}
	return 0;
}
