/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The debug information (DWARF) of a program, a library or a module: what is defined at the top of its units, by name. One pass
 * over all units when the first name is asked for; of what every unit repeats (a structure in a header) the first is kept.
 */
#ifndef SPOOR_EXPR_DWARF_H
#define SPOOR_EXPR_DWARF_H

#include <stdbool.h>
#include <stdint.h>
#include <elfutils/libdw.h>

enum dwarf_what { DWARF_STRUCT /* union, class */, DWARF_ENUM, DWARF_BASE /* typedef */, DWARF_FUNC, DWARF_VAR };

struct dwarf_name {
	const char *name;
	uint64_t off;             /* of the entry in its section */
	uint32_t next;            /* in the chain, index + 1 */
	uint16_t copies;          /* of a function: how often there is code of it */
	uint16_t part;            /* the file it is in: this, the supplementary one of dwz, those of -gsplit-dwarf */
	uint8_t what;
	bool unit;                /* in .debug_types */
};

struct dwarf_file;

/* NULL with errno set: ENODATA: it has none, and there is no separate file with it. */
struct dwarf_file *dwarf_file_open(const char *path);
void dwarf_file_free(struct dwarf_file *f); /* NULL is fine */

/* NULL: not there, or errno is ENOMEM. */
const struct dwarf_name *dwarf_file_find(struct dwarf_file *f, enum dwarf_what what, const char *name);
bool dwarf_file_die(struct dwarf_file *f, const struct dwarf_name *n, Dwarf_Die *die);
/* The function whose code begins at an address (of the file): what a symbol that is only another name for it is found by. */
bool dwarf_file_function_at(struct dwarf_file *f, uint64_t addr, Dwarf_Die *die);
/* By number from 0 on; NULL behind the last. */
const struct dwarf_name *dwarf_file_name(struct dwarf_file *f, uint32_t i);
bool dwarf_file_indexed(const struct dwarf_file *f); /* the pass over all units has been made */
bool dwarf_file_relocatable(const struct dwarf_file *f); /* it is a module, no program */

/* The next child (first: of parent), or false. Never goes back, whatever the file says. */
bool dwarf_child_next(Dwarf_Die *parent, Dwarf_Die *child, bool *begun);

#endif
