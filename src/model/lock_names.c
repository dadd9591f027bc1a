/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/lock_names.h"

static int lock_order(const void *a, const void *b)
{
	const struct lock_name *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

int lock_names_add(struct lock_names *l, uint64_t addr)
{
	return addr ? vec_push(&l->v, (struct lock_name){ addr, "" }) : 0;
}

static void name_set(struct lock_name *to, const struct ksym_name *from)
{
	if (from->name[0] == '?')
		return;
	if (from->offset)
		snprintf(to->name, sizeof(to->name), "%s+0x%llx", from->name, (unsigned long long)from->offset);
	else
		snprintf(to->name, sizeof(to->name), "%s", from->name);
}

int lock_names_find(struct lock_names *l)
{
	struct ksym_name *names;
	uint64_t *addr;
	size_t n = 0;
	int err = -ENOMEM;

	if (!l->v.n)
		return 0;
	qsort(l->v.v, l->v.n, sizeof(*l->v.v), lock_order);
	for (size_t i = 1; i < l->v.n; i++)
		if (l->v.v[n].addr != l->v.v[i].addr)
			l->v.v[++n] = l->v.v[i];
	l->v.n = ++n;
	addr = calloc(n, sizeof(*addr));
	names = calloc(n, sizeof(*names));
	if (addr && names) {
		for (size_t i = 0; i < n; i++)
			addr[i] = l->v.v[i].addr;
		if (!ksyms_resolve_data(addr, n, names))
			for (size_t i = 0; i < n; i++)
				name_set(&l->v.v[i], &names[i]);
		err = 0;
	}
	free(addr);
	free(names);
	return err;
}

const char *lock_names_get(const struct lock_names *l, uint64_t addr)
{
	const struct lock_name key = { addr, "" }, *found = NULL;

	if (addr && l->v.n)
		found = bsearch(&key, l->v.v, l->v.n, sizeof(key), lock_order);
	return found ? found->name : "";
}

void lock_names_clear(struct lock_names *l)
{
	l->v.n = 0;
}

void lock_names_free(struct lock_names *l)
{
	vec_free(&l->v);
}
