/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Functions of programs and libraries. */
#include <errno.h>
#include <gelf.h>

#include "base/glob.h"
#include "kernel/elf_file.h"
#include "kernel/targets.h"

/* A hostile file can have as many symbols as bytes, and one name for all of them. */
enum { FUNCS_MOST = 1 << 20, NAME_LONGEST = 4096 };

struct find { const char *glob; size_t len; Elf *loaded; ufuncs_t *out; }; /* len of a plain name, else 0 */

/* .symtab writes versions into the name: "fopen@@GLIBC_2.2.5". */
static size_t name_length(const char *name)
{
	return strcspn(name, "@");
}

static bool wanted(const struct find *f, const char *name)
{
	size_t n = name_length(name);
	char plain[NAME_LONGEST];

	if (!n || n >= sizeof(plain))
		return false;
	if (f->len)
		return n >= f->len && !strncmp(name, f->glob, f->len) && (n == f->len || name[f->len] == '.');
	if (!name[n])
		return glob_match(f->glob, name);
	snprintf(plain, sizeof(plain), "%.*s", (int)n, name);
	return glob_match(f->glob, plain);
}

static int symbol_add(struct find *f, const char *name, const GElf_Sym *sym)
{
	struct ufunc fn = { .addr = sym->st_value, .size = sym->st_size, .file_off = elf_file_offset(f->loaded, sym->st_value) };

	if (!fn.file_off)
		return 0;
	if (f->out->n == FUNCS_MOST)
		return -E2BIG;
	fn.name = strndup(name, name_length(name));
	if (!fn.name)
		return -ENOMEM;
	if (vec_push(f->out, fn)) {
		free(fn.name);
		return -ENOMEM;
	}
	return 0;
}

static int table_read(struct find *f, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = data ? data->d_size / sizeof(Elf64_Sym) : 0;
	int err = 0;

	for (size_t i = 0; i < n && i < INT32_MAX && !err; i++) {
		GElf_Sym sym;
		const char *name;

		if (!gelf_getsym(data, (int)i, &sym) || GELF_ST_TYPE(sym.st_info) != STT_FUNC || sym.st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(elf, sh->sh_link, sym.st_name);
		if (name && wanted(f, name))
			err = symbol_add(f, name, &sym);
	}
	return err;
}

static int tables_read(struct find *f, Elf *elf)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	int err = 0;

	while (!err && (scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && (sh.sh_type == SHT_SYMTAB || sh.sh_type == SHT_DYNSYM))
			err = table_read(f, elf, scn, &sh);
	return err;
}

static int func_compare(const void *a, const void *b)
{
	const struct ufunc *x = a, *y = b;
	int by_name = strcmp(x->name, y->name);

	return by_name ? by_name : x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* A symbol is often in two tables. */
static void sort_unique(ufuncs_t *u)
{
	size_t n = 0;

	if (!u->n)
		return;
	qsort(u->v, u->n, sizeof(*u->v), func_compare);
	for (size_t i = 0; i < u->n; i++) {
		if (n && !func_compare(&u->v[n - 1], &u->v[i]))
			free(u->v[i].name);
		else
			u->v[n++] = u->v[i];
	}
	u->n = n;
}

int ufuncs_find(const char *path, const char *glob, ufuncs_t *out)
{
	struct find f = { .glob = glob, .len = glob_is(glob) ? 0 : strlen(glob), .out = out };
	struct elf_file main, debug;
	char *separate;
	int err;

	*out = (ufuncs_t){ 0 };
	err = elf_file_open(path, &main);
	if (err)
		return err;
	f.loaded = main.elf;
	err = tables_read(&f, main.elf);
	if (!err && !elf_file_section(main.elf, ".symtab") && !elf_debug_file(path, main.elf, &separate)) {
		if (!elf_file_open(separate, &debug)) {
			err = tables_read(&f, debug.elf);
			elf_file_close(&debug);
		}
		free(separate);
	}
	elf_file_close(&main);
	if (err)
		ufuncs_free(out);
	else
		sort_unique(out);
	return err;
}

void ufuncs_free(ufuncs_t *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].name);
	vec_free(f);
}
