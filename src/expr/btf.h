/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * BTF as it lies in memory: types by id, ids by name. Nothing is copied, nothing is trusted: every offset is checked, so that a
 * file from anywhere can be read. libbpf's reader would hold the kernel's 6 MB twice while it loads and keeps no order of names.
 * A name costs one search through the strings and one pass over the types (0.5 ms together); from the eighth on there is a table.
 */
#ifndef SPOOR_EXPR_BTF_H
#define SPOOR_EXPR_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/btf.h>

struct btf_file;

/* Of a file as in /sys/kernel/btf, or of an ELF file's section .BTF. base: split BTF refers to it, and it must last longer.
 * NULL with errno set; ENODATA: an ELF file without BTF; EINVAL: broken, or of other endianness. */
struct btf_file *btf_file_open(const char *path, struct btf_file *base);
struct btf_file *btf_file_new(const void *data, size_t size, struct btf_file *base); /* copies it */
void btf_file_free(struct btf_file *f); /* NULL is fine */

uint32_t btf_file_first(const struct btf_file *f); /* its own ids: first to end - 1; before are those of base */
uint32_t btf_file_end(const struct btf_file *f);

/* One of its own or its base's types with all that follows the header in place; NULL: there is none (0 is void). */
const struct btf_type *btf_file_type(const struct btf_file *f, uint32_t id);
const char *btf_file_str(const struct btf_file *f, uint32_t off); /* "" when there is none */

/* The first of its own ids above `after` with this name and a kind in kinds (1 << BTF_KIND_...); 0: none. */
uint32_t btf_file_find(struct btf_file *f, const char *name, uint32_t kinds, uint32_t after);

/* Does it say of enums that they are signed (as pahole and clang do since 2022)? Where none is, -1 is but 0xffffffff. */
bool btf_file_tells_signs(const struct btf_file *f);

static inline unsigned int btf_type_kind(const struct btf_type *t) { return BTF_INFO_KIND(t->info); }
static inline unsigned int btf_type_vlen(const struct btf_type *t) { return BTF_INFO_VLEN(t->info); }

#endif
