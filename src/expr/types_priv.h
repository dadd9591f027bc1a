/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What types.c and the places that types come from (BTF, DWARF) share. */
#ifndef SPOOR_EXPR_TYPES_PRIV_H
#define SPOOR_EXPR_TYPES_PRIV_H

#include "base/vec.h"
#include "expr/types.h"

/* Deeper than C's declarations go: what a broken file has is given up there. */
enum { TYPES_DEPTH = 64 };

struct origin;
struct origin_ops {
	/* All find by name; NULL with errno set, ENOENT when it is not there. */
	struct type *(*find)(struct origin *o, enum type_kind kind, const char *name);
	struct type *(*function)(struct origin *o, const char *name, unsigned int *more);
	struct type *(*variable)(struct origin *o, const char *name);
	int (*complete)(struct origin *o, struct type *ty);
	int (*each)(struct origin *o, enum type_kind what, const char *glob, int (*fn)(void *ctx, const char *name), void *ctx);
	void (*free)(struct origin *o);
};

/* A place that types come from. First member of its own structure. */
struct origin {
	const struct origin_ops *ops;
	struct types *store;
};

struct chunk { struct chunk *next; size_t used, size; };

struct types {
	VEC(struct origin *) origins;  /* in the order in which they are asked */
	struct chunk *memory;
	struct type *nothing;          /* void */
	VEC(struct type *) pointers, arrays;
	struct type *ints[2][5];       /* by sign and log2 of the bytes */
	bool modules;                  /* the running kernel's may be looked at */
	bool modules_opened;
	struct origin *vmlinux;
};

void *types_alloc(struct types *t, size_t size); /* zeroed; NULL: no memory, errno set */
struct type *types_new(struct types *t, enum type_kind kind, const char *name, uint64_t size);
/* Sets what a pointer or a function refers to. False, and errno is EINVAL: that leads back to it, by pointers alone, which
 * nobody who follows pointers would come out of. */
bool types_refer(struct type *ty, struct type *to);
int types_origin_add(struct types *t, struct origin *o); /* 0 or -ENOMEM */

/* "long unsigned int" -> "unsigned long"; what is no such name stays. */
const char *types_base_name(const char *name);
/* The kind of a type of one byte by its name, and by the typedef that it has: s8 and u8 are numbers. */
enum type_kind types_byte_kind(const char *base, const char *alias);
/* The spellings under which a base type may be found, in turn; NULL ends. */
const char *types_base_spelling(const char *canonical, unsigned int n);
/* "long unsigned", "unsigned" -> "unsigned long", "unsigned int"; NULL: not words of base types. */
const char *types_base_canonical(const char *text);

/* Of BTF. NULL with errno set. path as of btf_file_open(). base: origin that split BTF builds on. */
struct origin *types_btf_new(struct types *t, const char *path, const char *module, struct origin *base);
bool types_btf_is(const struct origin *o);
struct type *types_btf_tracepoint(struct origin *o, const char *name);
int types_btf_find_id(struct origin *o, enum type_kind what, const char *name); /* 0: none */
const char *types_btf_module(const struct origin *o);                          /* "" of vmlinux */
int types_btf_fd(struct origin *o);                                            /* of a module's in the kernel; -errno */

/* Of DWARF. NULL with errno set, ENODATA: there is none. */
struct origin *types_dwarf_new(struct types *t, const char *path);

#endif
