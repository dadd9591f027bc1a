/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Kernel addresses to names and back, in one streaming pass over /proc/kallsyms (about 40 ms) for a whole
 * batch: nothing of the table stays in memory.
 */
#ifndef SPOOR_KERNEL_SYMBOLS_H
#define SPOOR_KERNEL_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ksym { uint64_t addr; char type; const char *name, *module; }; /* as kallsyms has it; module "": the kernel's own */
typedef int (*ksym_fn)(void *ctx, const struct ksym *sym); /* non-zero ends the walk */

/* Every symbol of file (NULL: /proc/kallsyms). 0, -EPERM when all addresses were 0 (the names were told), or -errno. */
int ksyms_walk(const char *file, ksym_fn fn, void *ctx);

enum { KSYM_NAME = 80, KSYM_MODULE = 32 };

struct ksym_name {
	uint64_t offset;             /* bytes into the function */
	char name[KSYM_NAME];        /* without compiler suffix (.isra.0, .cold ...); "?" when there is none */
	char module[KSYM_MODULE];    /* "" for the kernel itself; "bpf" for programs */
};

/* addr: ascending, duplicates allowed (-EINVAL otherwise). 0, -EPERM when the kernel hides its addresses
 * (kernel.kptr_restrict), or -errno; on failure every name is "?". */
int ksyms_resolve(const uint64_t *addr, size_t n, struct ksym_name *out);

/* The same of the kernel's data: what an address is, or lies in; "?" when it is allocated. */
int ksyms_resolve_data(const uint64_t *addr, size_t n, struct ksym_name *out);

/* addr[i] becomes the address of the symbol name[i], exactly as kallsyms spells it, 0 where there is none; the
 * kernel's own before a module's. Number of names found, or -errno as above. */
int ksyms_lookup(const char *const name[], uint64_t addr[], size_t n);
uint64_t ksym_address(const char *name); /* 0: none, errno says why */

/* Where return addresses lie: the kernel's text and the modules, the constants of bpf/stack.bpf.h. False when the kernel
 * hides its addresses. */
struct ksym_text { uint64_t start, len, module_start, module_len; };
bool ksym_text_find(struct ksym_text *t);

/* Length of a symbol name without what the compiler appended: "do_sync_read.isra.0" -> 12. */
size_t ksym_base_length(const char *name);

/* The functions of the kernel and its modules in memory (5 to 10 MB), for many single look-ups. NULL with errno set. */
struct ksym_table;
struct ksym_table *ksym_table_load(void);
void ksym_table_free(struct ksym_table *t); /* NULL is fine */
const char *ksym_table_find(const struct ksym_table *t, uint64_t addr, uint64_t *offset); /* NULL: none */

/* For tests: another file instead of /proc/kallsyms. */
int ksyms_resolve_in(const char *file, const uint64_t *addr, size_t n, struct ksym_name *out);
int ksyms_resolve_data_in(const char *file, const uint64_t *addr, size_t n, struct ksym_name *out);
int ksyms_lookup_in(const char *file, const char *const name[], uint64_t addr[], size_t n);

#endif
