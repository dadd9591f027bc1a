/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* All functions by address: names in one block, 12 bytes an entry besides. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "kernel/symbols.h"

enum { FUNCTION_MAX = 1 << 20 };

struct entry { uint64_t addr; uint32_t name, rank; };
struct ksym_table { VEC(struct entry) entries; VEC(char) names; };

static int table_line(void *ctx, const struct ksym *sym)
{
	struct ksym_table *t = ctx;
	size_t n = ksym_base_length(sym->name);
	struct entry e = { .addr = sym->addr, .name = (uint32_t)t->names.n, .rank = sym->type == 'T' };

	if (!strchr("tTwW", sym->type))
		return 0;
	if (vec_reserve(&t->names, n + 1) || vec_push(&t->entries, e))
		return -ENOMEM;
	memcpy(t->names.v + t->names.n, sym->name, n);
	t->names.v[t->names.n + n] = '\0';
	t->names.n += n + 1;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->addr != y->addr ? (x->addr > y->addr) - (x->addr < y->addr) : (x->rank > y->rank) - (x->rank < y->rank);
}

struct ksym_table *ksym_table_load(void)
{
	struct ksym_table *t = calloc(1, sizeof(*t));
	int err = t ? ksyms_walk("/proc/kallsyms", table_line, t) : -ENOMEM;

	if (err) {
		ksym_table_free(t);
		errno = -err;
		return NULL;
	}
	if (t->entries.n)
		qsort(t->entries.v, t->entries.n, sizeof(*t->entries.v), by_address);
	return t;
}

void ksym_table_free(struct ksym_table *t)
{
	if (!t)
		return;
	vec_free(&t->entries);
	vec_free(&t->names);
	free(t);
}

/* Of several names for one address the last, which is a global one where there is one. */
const char *ksym_table_find(const struct ksym_table *t, uint64_t addr, uint64_t *offset)
{
	size_t lo = 0, hi = t->entries.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->entries.v[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || addr - t->entries.v[lo - 1].addr >= FUNCTION_MAX)
		return NULL;
	*offset = addr - t->entries.v[lo - 1].addr;
	return t->names.v + t->entries.v[lo - 1].name;
}
