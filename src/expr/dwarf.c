/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <dwarf.h>
#include <unistd.h>
#include <elfutils/libdwfl.h>

#include "base/vec.h"
#include "expr/dwarf.h"
#include "kernel/elf_file.h"

enum { NAMES_MOST = 8 << 20, BUCKETS_FIRST = 1024 };

struct dwarf_file {
	Dwfl *dwfl;
	Dwarf *dwarf;
	VEC(Dwarf *) parts;          /* dwarf first */
	bool relocatable, indexed;
	VEC(struct dwarf_name) names;
	uint32_t *head, buckets;
};

/* --- opening --- */

/* In place of libdwfl's own search, which asks servers on the network. */
static int debuginfo_find(Dwfl_Module *mod, void **userdata, const char *name, GElf_Addr base, const char *file,
			  const char *link, GElf_Word crc, char **found)
{
	struct elf_file f;
	int fd = -1;

	if (!file || elf_file_open(file, &f))
		return -1;
	if (!elf_debug_file(file, f.elf, found)) {
		fd = open(*found, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			free(*found);
			*found = NULL;
		}
	}
	elf_file_close(&f);
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_debuginfo = debuginfo_find,
	.section_address = dwfl_offline_section_address, /* a module's sections are laid out as if it were loaded somewhere */
};

/* libdwfl reads compressed modules (.ko.xz), and applies the relocations of a module's debug information. */
static int file_load(struct dwarf_file *f, const char *path, int fd)
{
	Dwfl_Module *mod;
	Dwarf_Addr bias;
	GElf_Ehdr eh;
	Elf *elf;

	f->dwfl = dwfl_begin(&callbacks);
	if (!f->dwfl) {
		close(fd);
		return -ENOMEM;
	}
	mod = dwfl_report_offline(f->dwfl, path, path, fd);
	if (!mod) {
		close(fd);
		return -ENOEXEC;
	}
	dwfl_report_end(f->dwfl, NULL, NULL);
	elf = dwfl_module_getelf(mod, &bias);
	f->relocatable = elf && gelf_getehdr(elf, &eh) && eh.e_type == ET_REL;
	f->dwarf = dwfl_module_getdwarf(mod, &bias);
	return f->dwarf ? 0 : -ENODATA;
}

struct dwarf_file *dwarf_file_open(const char *path)
{
	struct elf_file elf; /* looked at before libdwfl does, which takes more than ELF files */
	struct dwarf_file *f;
	int fd, err = elf_file_open(path, &elf);

	if (err) {
		errno = -err;
		return NULL;
	}
	elf_file_close(&elf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f) {
		close(fd);
		return NULL;
	}
	err = file_load(f, path, fd);
	if (!err)
		return f;
	dwarf_file_free(f);
	errno = -err;
	return NULL;
}

void dwarf_file_free(struct dwarf_file *f)
{
	if (!f)
		return;
	if (f->dwfl)
		dwfl_end(f->dwfl);
	vec_free(&f->names);
	vec_free(&f->parts);
	free(f->head);
	free(f);
}

bool dwarf_file_relocatable(const struct dwarf_file *f)
{
	return f->relocatable;
}

bool dwarf_file_indexed(const struct dwarf_file *f)
{
	return f->indexed;
}

/* --- names --- */

static uint32_t name_hash(const char *s, unsigned int what)
{
	uint32_t h = 2166136261u ^ what; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

static struct dwarf_name *lookup(struct dwarf_file *f, unsigned int what, const char *name)
{
	uint32_t i = f->buckets ? f->head[name_hash(name, what) & (f->buckets - 1)] : 0;

	for (; i; i = f->names.v[i - 1].next)
		if (f->names.v[i - 1].what == what && !strcmp(f->names.v[i - 1].name, name))
			return &f->names.v[i - 1];
	return NULL;
}

static int buckets_grow(struct dwarf_file *f)
{
	uint32_t n = f->buckets ? f->buckets * 2 : BUCKETS_FIRST;
	uint32_t *head = calloc(n, sizeof(*head));

	if (!head)
		return -ENOMEM;
	free(f->head);
	f->head = head;
	f->buckets = n;
	for (uint32_t i = 0; i < f->names.n; i++) {
		uint32_t *slot = &head[name_hash(f->names.v[i].name, f->names.v[i].what) & (n - 1)];

		f->names.v[i].next = *slot;
		*slot = i + 1;
	}
	return 0;
}

static int what_is(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type: case DW_TAG_union_type: case DW_TAG_class_type: return DWARF_STRUCT;
	case DW_TAG_enumeration_type: return DWARF_ENUM;
	case DW_TAG_base_type: case DW_TAG_typedef: return DWARF_BASE;
	case DW_TAG_subprogram: return DWARF_FUNC;
	case DW_TAG_variable: return DWARF_VAR;
	default: return -1;
	}
}

static bool is_declaration(Dwarf_Die *die)
{
	Dwarf_Attribute at;
	bool yes = false;

	return dwarf_attr(die, DW_AT_declaration, &at) && !dwarf_formflag(&at, &yes) && yes;
}

static int name_add(struct dwarf_file *f, Dwarf_Die *die, uint16_t part, bool unit)
{
	int what = what_is(dwarf_tag(die));
	const char *name = what < 0 ? NULL : dwarf_diename(die);
	struct dwarf_name n = { .name = name, .part = part, .unit = unit }, *known;
	uint32_t *slot;

	if (!name || !name[0] || is_declaration(die))
		return 0;
	n.what = (uint8_t)what;
	n.off = dwarf_dieoffset(die);
	n.copies = what == DWARF_FUNC && (dwarf_hasattr(die, DW_AT_low_pc) || dwarf_hasattr(die, DW_AT_ranges));
	known = lookup(f, n.what, name);
	if (known) {
		known->copies += known->copies < UINT16_MAX ? n.copies : 0;
		return 0;
	}
	if (f->names.n >= NAMES_MOST || (f->names.n >= f->buckets && buckets_grow(f)) || vec_push(&f->names, n))
		return -ENOMEM;
	slot = &f->head[name_hash(name, n.what) & (f->buckets - 1)];
	f->names.v[f->names.n - 1].next = *slot;
	*slot = (uint32_t)f->names.n;
	return 0;
}

bool dwarf_child_next(Dwarf_Die *parent, Dwarf_Die *child, bool *begun)
{
	const void *before = *begun ? child->addr : NULL;
	Dwarf_Die next;

	if (!*begun) {
		*begun = true;
		return !dwarf_child(parent, child);
	}
	if (dwarf_siblingof(child, &next) || next.addr <= before)
		return false;
	*child = next;
	return true;
}

/* Its number; -1: no memory, or too many. One file (.dwp) may hold the parts of many units, which then follow each other. */
static int part_number(struct dwarf_file *f, Dwarf *dwarf)
{
	if (f->parts.n && f->parts.v[f->parts.n - 1] == dwarf)
		return (int)f->parts.n - 1;
	if (f->parts.n > UINT16_MAX || vec_push(&f->parts, dwarf))
		return -1;
	return (int)f->parts.n - 1;
}

static int units_index(struct dwarf_file *f, Dwarf *dwarf)
{
	int first = part_number(f, dwarf), err = first < 0 ? -ENOMEM : 0;
	Dwarf_Die top, split, child;
	Dwarf_CU *cu = NULL;
	Dwarf_Half version;
	uint8_t type;

	while (!err && !dwarf_get_units(dwarf, cu, &cu, &version, &type, &top, &split)) {
		bool begun = false, unit = version < 5 && type == DW_UT_type, elsewhere = type == DW_UT_skeleton && split.addr;
		int part = elsewhere ? part_number(f, dwarf_cu_getdwarf(split.cu)) : first;

		err = part < 0 ? -ENOMEM : 0;
		while (!err && dwarf_child_next(elsewhere ? &split : &top, &child, &begun))
			err = name_add(f, &child, (uint16_t)part, unit);
	}
	return err;
}

static void index_make(struct dwarf_file *f)
{
	Dwarf *alt;

	if (f->indexed)
		return;
	f->indexed = true;
	if (units_index(f, f->dwarf))
		return;
	alt = dwarf_getalt(f->dwarf);
	if (alt)
		(void)!units_index(f, alt);
}

const struct dwarf_name *dwarf_file_find(struct dwarf_file *f, enum dwarf_what what, const char *name)
{
	index_make(f);
	errno = ENOENT;
	return lookup(f, what, name);
}

const struct dwarf_name *dwarf_file_name(struct dwarf_file *f, uint32_t i)
{
	index_make(f);
	return i < f->names.n ? &f->names.v[i] : NULL;
}

bool dwarf_file_function_at(struct dwarf_file *f, uint64_t addr, Dwarf_Die *die)
{
	Dwarf_Die unit, split = { 0 };
	bool begun = false;
	Dwarf_Addr low;
	uint8_t type;

	if (f->relocatable || !dwarf_addrdie(f->dwarf, addr, &unit))
		return false;
	if (!dwarf_cu_info(unit.cu, NULL, &type, NULL, &split, NULL, NULL, NULL) && type == DW_UT_skeleton && split.addr)
		unit = split;
	while (dwarf_child_next(&unit, die, &begun))
		if (dwarf_tag(die) == DW_TAG_subprogram && !dwarf_lowpc(die, &low) && low == addr)
			return true;
	return false;
}

bool dwarf_file_die(struct dwarf_file *f, const struct dwarf_name *n, Dwarf_Die *die)
{
	Dwarf *dwarf = f->parts.v[n->part];

	return n->unit ? dwarf_offdie_types(dwarf, n->off, die) != NULL : dwarf_offdie(dwarf, n->off, die) != NULL;
}
