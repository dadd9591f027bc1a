/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Types of the kernel and of programs in one form, whether they come from BTF (vmlinux, modules, --btf FILE) or from DWARF
 * (user binaries, modules). const, volatile, restrict and type tags are dropped; typedefs are resolved, but the name
 * remains (alias), because dev_t and __be32 print differently. A type is built when it is asked for and lasts as long as its
 * store. Members of structures are filled in by type_complete(), so that a large structure costs nothing until it is used.
 */
#ifndef SPOOR_EXPR_TYPES_H
#define SPOOR_EXPR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum type_kind {
	TYPE_VOID, TYPE_INT, TYPE_BOOL, TYPE_CHAR, /* CHAR: one byte that is text; char, signed char, and unsigned char only by this name */
	TYPE_FLOAT, TYPE_ENUM, TYPE_PTR, TYPE_ARRAY, TYPE_STRUCT, TYPE_UNION, TYPE_FUNC,
	TYPE_FORWARD,                 /* struct or union of which only the name is known */
};

struct type;
struct member {
	const char *name;         /* "" of an anonymous structure or union: its members are reached as if they were here */
	struct type *type;
	uint64_t bit_off;
	uint32_t bit_size;        /* of a bit field, else 0 */
};
struct enumerator { const char *name; int64_t value; };
struct parameter { const char *name; struct type *type; }; /* name "": not told */

struct type {
	enum type_kind kind;
	const char *name;         /* "task_struct", "unsigned long"; "" when it has none */
	const char *alias;        /* the outermost typedef it was reached by, else NULL */
	uint64_t size;            /* bytes; of a flexible array 0 */
	bool is_signed;
	bool complete;            /* members, enumerators, params are there */
	bool user;                /* of a pointer: to user memory (__user, or of a program) */
	struct type *to;          /* PTR: target; ARRAY: element; FUNC: what it returns (TYPE_VOID: nothing); never NULL there */
	uint64_t count;           /* ARRAY: elements; 0: flexible */
	unsigned int n;           /* members, enumerators or params */
	union {
		struct member *members;
		struct enumerator *enumerators;
		struct parameter *params;
	};
	bool variadic;            /* FUNC: ... at the end */
	void *origin;             /* the store's own */
	uint32_t id;              /* the origin's */
};

struct types;

/* The kernel's: btf_path NULL: /sys/kernel/btf/vmlinux. Modules are looked at when a name is not in vmlinux. NULL with errno
 * set. */
struct types *types_of_kernel(const char *btf_path);
/* A program's or library's, or a module's (.ko), from its DWARF; separate debug files (build id, debug link) are found.
 * NULL with errno set; ENODATA: it has none; ENOEXEC: no ELF file of this machine's kind. Compressed debug information costs its
 * time when it is opened (libc's 80 ms): open it when a name of it is asked for. */
struct types *types_of_binary(const char *path);
/* DWARF of a module, or its BTF when it is the kernel's own, as a further place to look for types and functions (--types
 * FILE.ko, .ko.xz). 0 or -errno as above. */
int types_add(struct types *t, const char *path);
void types_free(struct types *t);

/* Members, enumerators or parameters. 0 or -ENOMEM, -EINVAL (the BTF or DWARF is broken). A TYPE_FORWARD becomes the
 * structure that it stands for, when that is anywhere; else it stays, and that is no error. */
int type_complete(struct types *t, struct type *ty);

/* "task_struct" as a structure, union or enum; TYPE_VOID of kind: a typedef or base type, "u32", "unsigned int". NULL with
 * errno set (ENOENT). Never a forward declaration when the definition is anywhere. */
struct type *types_find(struct types *t, enum type_kind kind, const char *name);
struct type *types_pointer(struct types *t, struct type *to); /* to it; NULL: no memory */
struct type *types_array(struct types *t, struct type *of, uint64_t count);
struct type *types_int(struct types *t, unsigned int bytes, bool is_signed); /* "u32" and the like */

/* A function's prototype (kind TYPE_FUNC), from BTF or DWARF. NULL with errno set (ENOENT). static functions of the same
 * name: the first; *more is then how many others there are (more may be NULL). */
struct type *types_function(struct types *t, const char *name, unsigned int *more);
/* A tracepoint's typed arguments: those of btf_trace_NAME without the first (void *). */
struct type *types_tracepoint(struct types *t, const char *name);
/* A variable's type, where BTF or DWARF tells (BTF: per-CPU variables only before 6.16). NULL: unknown. */
struct type *types_variable(struct types *t, const char *name);

/* id for BPF_PROG_LOAD: of a function or of btf_trace_NAME, and a descriptor of the module's BTF (0: vmlinux; the store
 * keeps it open). -ENOENT. */
int types_btf_id(struct types *t, enum type_kind what, const char *name, int *btf_fd);

/* A member by name, also within anonymous structures and unions: *out is it with bit_off from the beginning of ty.
 * 0, -ENOENT, or as type_complete(). */
int type_member(struct types *t, struct type *ty, const char *name, struct member *out);
/* The member's name that was probably meant; NULL. */
const char *type_member_nearest(struct types *t, struct type *ty, const char *name);

/* "struct task_struct *", "char [16]"; returns buf. */
char *type_print(const struct type *ty, char *buf, size_t cap);
char *type_print_named(const struct type *ty, const char *name, char *buf, size_t cap); /* "char comm[16]" */
/* "int vfs_read(struct file *file, char *buf, size_t count, loff_t *pos)"; returns buf. */
char *type_print_function(struct types *t, struct type *fn, const char *name, char *buf, size_t cap);
/* Layout with offsets, sizes, holes and bit fields, as pahole's, of a complete structure, union or enum. */
int type_print_layout(struct types *t, struct type *ty, FILE *out);

/* Calls fn with each name that matches the glob, of functions, structures or tracepoints; fn returns non-zero to end.
 * What: TYPE_FUNC, TYPE_STRUCT (unions and enums too), TYPE_VOID: tracepoints. */
int types_each(struct types *t, enum type_kind what, const char *glob, int (*fn)(void *ctx, const char *name), void *ctx);

#endif
