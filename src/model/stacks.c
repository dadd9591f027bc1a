/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/types.h>

#include "base/vec.h"
#include "kernel/symbols.h"
#include "model/stacks.h"
#include "wire.h"

enum { DEPTH = 64, REASON = 112 };

struct entry {
	uint64_t id;
	struct stack stack;
	char reason[REASON];
	uint64_t *addr;
	char **names;
};

struct stacks {
	stacks_fetch_fn fetch;
	stacks_list_fn list;
	void *ctx;
	int map_fd;
	VEC(struct entry *) all;        /* sorted by id */
	VEC(struct entry *) fresh;      /* fetched, names not looked up yet */
};

struct stacks *stacks_new(stacks_fetch_fn fetch, stacks_list_fn list, void *ctx)
{
	struct stacks *s = calloc(1, sizeof(*s));

	if (s) {
		s->fetch = fetch;
		s->list = list;
		s->ctx = ctx;
	}
	return s;
}

static unsigned int map_fetch(void *ctx, uint64_t id, uint64_t *addr, unsigned int max)
{
	const struct stacks *s = ctx;
	struct wire_stack k;

	if (bpf_map_lookup_elem(s->map_fd, &id, &k))
		return 0;
	if (k.n > WIRE_STACK)
		k.n = WIRE_STACK;
	if (k.n > max)
		k.n = max;
	memcpy(addr, k.ip, k.n * sizeof(*addr));
	return k.n;
}

static void map_list(void *ctx, void (*fn)(void *arg, uint64_t id), void *arg)
{
	const struct stacks *s = ctx;
	uint64_t id, prev, *at = NULL;

	while (!bpf_map_get_next_key(s->map_fd, at, &id)) {
		fn(arg, id);
		prev = id;
		at = &prev;
	}
}

struct stacks *stacks_of_map(int map_fd)
{
	struct stacks *s = stacks_new(map_fetch, map_list, NULL);

	if (s) {
		s->ctx = s;
		s->map_fd = map_fd;
	}
	return s;
}

static void entry_free(struct entry *e)
{
	if (!e)
		return;
	for (unsigned int i = 0; e->names && i < e->stack.n; i++)
		free(e->names[i]);
	free(e->names);
	free(e->addr);
	free(e);
}

void stacks_free(struct stacks *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->all.n; i++)
		entry_free(s->all.v[i]);
	vec_free(&s->all);
	vec_free(&s->fresh);
	free(s);
}

/* Where id is or belongs. */
static size_t entry_index(const struct stacks *s, uint64_t id)
{
	size_t lo = 0, hi = s->all.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->all.v[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct entry *entry_find(const struct stacks *s, uint64_t id)
{
	size_t i = entry_index(s, id);

	return i < s->all.n && s->all.v[i]->id == id ? s->all.v[i] : NULL;
}

static void entry_fetch(void *arg, uint64_t id)
{
	struct stacks *s = arg;
	uint64_t addr[DEPTH];
	struct entry *e;
	unsigned int n;
	size_t at;

	if (entry_find(s, id))
		return;
	n = s->fetch(s->ctx, id, addr, DEPTH);
	e = n ? calloc(1, sizeof(*e)) : NULL;
	if (!e)
		return;
	e->id = id;
	e->addr = malloc(n * sizeof(*addr));
	e->names = calloc(n, sizeof(*e->names));
	if (!e->addr || !e->names || vec_push(&s->fresh, e)) {
		entry_free(e);
		return;
	}
	memcpy(e->addr, addr, n * sizeof(*addr));
	e->stack.n = n;
	e->stack.addr = e->addr;
	e->stack.name = (const char *const *)e->names;
	if (vec_reserve(&s->all, 1)) {
		s->fresh.n--;
		entry_free(e);
		return;
	}
	at = entry_index(s, id);
	memmove(s->all.v + at + 1, s->all.v + at, (s->all.n - at) * sizeof(e));
	s->all.v[at] = e;
	s->all.n++;
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Frames that every sleeping task has on top say nothing. */
static bool frame_is_scheduler(const char *name)
{
	static const char *const names[] = { "__schedule", "schedule", "preempt_schedule_common", "__cond_resched",
		"schedule_timeout", "schedule_preempt_disabled", "__switch_to" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void entry_name(struct entry *e, const uint64_t *addr, const struct ksym_name *sym, size_t nsym)
{
	static const char unknown[] = "?";
	const char *reason;
	unsigned int top = 0;

	for (unsigned int i = 0; i < e->stack.n; i++) {
		const uint64_t *hit = bsearch(&e->addr[i], addr, nsym, sizeof(*addr), by_address);
		e->names[i] = strdup(hit ? sym[hit - addr].name : unknown);
		if (!e->names[i]) { /* no memory: a shorter stack */
			e->stack.n = i;
			break;
		}
	}
	reason = reason_of(e->stack.name, e->stack.n);
	while (top + 1 < e->stack.n && frame_is_scheduler(e->names[top]))
		top++;
	if (reason)
		snprintf(e->reason, sizeof(e->reason), "%s", reason);
	else if (e->stack.n)
		snprintf(e->reason, sizeof(e->reason), "unknown (%s)", e->names[top]);
}

/* One pass over the kernel's symbols for all stacks that came since the last. */
static void fresh_name(struct stacks *s)
{
	VEC(uint64_t) addr = { 0 };
	struct ksym_name *sym = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->fresh.n; i++)
		for (unsigned int k = 0; k < s->fresh.v[i]->stack.n; k++)
			if (vec_push(&addr, s->fresh.v[i]->addr[k])) /* NOLINT(clang-analyzer-core.NullDereference): v is set once n is */
				goto out;
	if (!addr.v)
		goto out;
	qsort(addr.v, addr.n, sizeof(*addr.v), by_address);
	for (size_t i = 0; i < addr.n; i++)
		if (!n || addr.v[n - 1] != addr.v[i])
			addr.v[n++] = addr.v[i];
	sym = n ? calloc(n, sizeof(*sym)) : NULL;
	if (!sym)
		goto out;
	ksyms_resolve(addr.v, n, sym); /* on failure the names are "?" */
	for (size_t i = 0; i < s->fresh.n; i++)
		entry_name(s->fresh.v[i], addr.v, sym, n);
	s->fresh.n = 0;
out:
	free(sym);
	vec_free(&addr);
}

const struct stack *stacks_get(struct stacks *s, uint64_t id, const char **reason)
{
	struct entry *e;

	*reason = "unknown";
	if (!id)
		return NULL;
	e = entry_find(s, id);
	if (!e) {
		if (s->list)
			s->list(s->ctx, entry_fetch, s);
		entry_fetch(s, id);
		fresh_name(s);
		e = entry_find(s, id);
	}
	if (!e || !e->reason[0])
		return NULL;
	*reason = e->reason;
	return &e->stack;
}
