/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Where a probe can be put: functions of the kernel, tracepoints with their fields, functions and USDT probes of programs. */
#ifndef SPOOR_KERNEL_TARGETS_H
#define SPOOR_KERNEL_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/vec.h"

/* ---- functions of the kernel (/proc/kallsyms, available_filter_functions where it can be read, kprobes/blacklist) ---- */

enum { FUNC_FTRACE = 1 << 0 /* can have fentry, kprobe.multi */, FUNC_NOPROBE = 1 << 1 /* neither that nor a kprobe */, FUNC_VARIANT = 1 << 2 /* .isra, .constprop, .part, .cold */ };
struct kfunc { const char *name; const char *module; uint64_t addr; unsigned int flags; };
typedef VEC(struct kfunc) kfuncs_t;
/* All whose names match the glob (or are the name, or begin with it and a dot: variants), by name; from one pass over
 * kallsyms. ftrace_known: available_filter_functions could be read, else FUNC_FTRACE is set by guess on text symbols.
 * Names last until kfuncs_free. 0 or -errno. */
int kfuncs_find(const char *glob, kfuncs_t *out, bool *ftrace_known);
void kfuncs_free(kfuncs_t *f);
/* Names near to it, for messages: at most n, into names (freed by the caller one by one). Number. */
unsigned int kfuncs_near(const char *name, char *names[], unsigned int n);

/* ---- tracepoints (tracefs events/SYSTEM/NAME/format) ---- */

struct tp_field {
	char name[64];
	char type[96];           /* as the format file has it: "char", "unsigned long", "__data_loc char[]" */
	uint32_t off, size;
	uint32_t count;          /* elements of an array, 0: none */
	bool is_signed;
	bool data_loc;           /* u32: offset from the record's beginning (low half) and length (high half) of the data */
	bool rel_loc;            /* the same, the offset from the end of this field */
	bool is_string;          /* elements are char */
	bool common;             /* common_type, common_flags, common_preempt_count, common_pid */
};
struct tp_event {
	char system[64], name[96];
	uint32_t id;
	VEC(struct tp_field) fields;
};
/* system NULL: whichever has it (the first by name). 0, -ENOENT, or -errno. */
int tp_event_read(int tracefs, const char *system, const char *name, struct tp_event *out);
void tp_event_free(struct tp_event *e);
/* fn with each event that matches both globs (NULL: all). */
int tp_events_each(int tracefs, const char *system, const char *name, int (*fn)(void *ctx, const char *system, const char *name), void *ctx);

/* ---- programs and libraries ---- */

/* BIN of a probe as people write it: a path; "libc" (as the dynamic linker finds it); a name on PATH; a pid (its
 * executable, and what it maps). *path is allocated. 0, -ENOENT. */
int binary_find(const char *bin, char **path);

/* A function in an ELF file: its file offset for a uprobe. Every symbol table is looked at (.symtab, .dynsym, a separate debug
 * file's, .gnu_debugdata where liblzma is not needed). */
struct ufunc { char *name; uint64_t file_off, addr, size; };
typedef VEC(struct ufunc) ufuncs_t;
/* glob as in kfuncs_find. 0 (also with none found), -ENOEXEC: no ELF file, or -errno. Hostile files are refused. */
int ufuncs_find(const char *path, const char *glob, ufuncs_t *out);
void ufuncs_free(ufuncs_t *f);

/* USDT: the notes .note.stapsdt. */
enum { USDT_ARGS = 12 };
struct usdt_arg {
	enum { USDT_CONST, USDT_REG, USDT_MEM, USDT_SIB, USDT_UNKNOWN /* cannot be read: a vector register */ } kind;
	int8_t size;             /* bytes, negative: signed */
	int64_t value;           /* of CONST; of MEM and SIB the displacement */
	char reg[8], index[8];   /* as in pt_regs, "ax", "bp", "r8"; arm64: "x0", "sp": base, index. "ip": the probe's own address */
	uint8_t scale;
};
struct usdt {
	char *provider, *name;
	uint64_t file_off;       /* of the probe */
	uint64_t semaphore;      /* file offset of its counter, 0: none */
	unsigned int n;
	struct usdt_arg arg[USDT_ARGS];
};
typedef VEC(struct usdt) usdts_t; /* a probe can be in several places */
int usdts_find(const char *path, const char *provider, const char *name, usdts_t *out);
void usdts_free(usdts_t *u);

#endif
