/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path/why/why_tab.h"

static bool key_equal(const struct why_key *a, const struct why_key *b)
{
	return a->site == b->site && a->comm == b->comm && a->dev == b->dev && a->tid == b->tid && a->context == b->context &&
	       a->vec == b->vec && a->write == b->write;
}

static uint32_t key_hash(const struct why_key *k)
{
	uint64_t h = k->site;

	h = (h ^ (uintptr_t)k->comm) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 32 ^ k->dev ^ (uint64_t)k->tid << 32) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 32 ^ (uint32_t)(k->context << 16 | k->vec << 8 | k->write)) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(h >> 32);
}

static int tab_grow(struct why_tab *t)
{
	uint32_t size = t->size ? 2 * t->size : 16, *index = calloc(size, sizeof(*index));

	if (!index)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->all.n; i++) {
		uint32_t h = key_hash(&t->all.v[i].key) & (size - 1);

		while (index[h])
			h = (h + 1) & (size - 1);
		index[h] = i + 1;
	}
	free(t->index);
	t->index = index;
	t->size = size;
	return 0;
}

static struct why_tally *tab_get(struct why_tab *t, const struct why_key *key, uint32_t most)
{
	uint32_t h;

	if (2 * (t->all.n + 1) > t->size && tab_grow(t))
		return NULL;
	for (h = key_hash(key) & (t->size - 1); t->index[h]; h = (h + 1) & (t->size - 1))
		if (key_equal(&t->all.v[t->index[h] - 1].key, key))
			return &t->all.v[t->index[h] - 1];
	if (t->all.n >= most || vec_push(&t->all, (struct why_tally){ .key = *key, .owner = "" }))
		return NULL;
	t->index[h] = (uint32_t)t->all.n;
	return &t->all.v[t->all.n - 1];
}

struct why_tally *why_tab_get(struct why_tab *t, const struct why_key *key)
{
	static const struct why_key rest = { .comm = "" };
	struct why_key k = *key;
	struct why_tally *found;

	if (t->all.n >= WHY_TAB_TIDS)
		k.tid = 0;
	found = tab_get(t, &k, WHY_TAB_MOST - 1);
	return found ? found : tab_get(t, &rest, WHY_TAB_MOST);
}

bool why_tally_get(struct why_tally *t, bool interval, struct why_tally *sum)
{
	*sum = *t;
	if (!interval)
		return true;
	sum->count -= t->count0;
	sum->ns -= t->ns0;
	sum->max = t->max0;
	sum->before -= t->before0;
	t->before0 = t->before;
	t->count0 = t->count;
	t->ns0 = t->ns;
	t->max0 = 0;
	return sum->count;
}

void why_tab_free(struct why_tab *t)
{
	vec_free(&t->all);
	free(t->index);
	t->index = NULL;
	t->size = 0;
}
