/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Where functions cannot be probed, tracepoints often can, and carry the same objects. */
#include <errno.h>
#include <string.h>

#include "expr/attach.h"

enum { HINTS_MOST = 12, LINE = 900 };

struct hints {
	struct env *env;
	const struct plan *p;
	const char *want;              /* "task_struct" */
	struct { char name[96]; unsigned int score; } best[HINTS_MOST];
	unsigned int n;
};

static bool carries(struct hints *h, const char *tracepoint)
{
	struct type *t = types_tracepoint(h->p->types, tracepoint);

	for (unsigned int i = 0; t && !type_complete(h->p->types, t) && i < t->n; i++) {
		const struct type *at = t->params[i].type;

		if (at->kind == TYPE_PTR && !strcmp(at->to->name, h->want))
			return true;
	}
	return false;
}

/* Words of the function's name that the tracepoint's has, too, longest first: wake_up_new_task and sched_wakeup_new. */
static unsigned int likeness(const char *func, const char *tracepoint)
{
	unsigned int score = 0;
	char word[64];

	while (*func) {
		size_t n = strcspn(func, "_");

		if (n >= 2 && n < sizeof(word)) {
			memcpy(word, func, n);
			word[n] = 0;
			if (strstr(tracepoint, word))
				score += (unsigned int)n;
		}
		func += n + (func[n] == '_');
	}
	return score;
}

static int consider(void *ctx, const char *name)
{
	struct hints *h = ctx;
	unsigned int score = likeness(h->p->ast->func, name), at = h->n;

	if (h->n == HINTS_MOST && h->best[h->n - 1].score >= score)
		return 0;
	if (!carries(h, name))
		return 0;
	while (at && h->best[at - 1].score < score)
		at--;
	if (h->n < HINTS_MOST)
		h->n++;
	memmove(&h->best[at + 1], &h->best[at], (h->n - at - 1) * sizeof(h->best[0]));
	snprintf(h->best[at].name, sizeof(h->best[at].name), "%s", name);
	h->best[at].score = score;
	return 0;
}

struct system { const char *name; char text[64]; };

static int take_system(void *ctx, const char *system, const char *name)
{
	struct system *s = ctx;

	if (!strcmp(name, s->name))
		snprintf(s->text, sizeof(s->text), "%s", system);
	return 0;
}

static void hint_line(struct hints *h, struct diag *d)
{
	char line[LINE];
	size_t at = (size_t)snprintf(line, sizeof(line), "tracepoints that carry a struct %s:", h->want);
	int fs = env_tracefs(h->env);

	for (unsigned int i = 0; i < h->n && at < sizeof(line) - 160; i++) {
		struct system s = { .name = h->best[i].name };

		if (fs >= 0)
			tp_events_each(fs, NULL, s.name, take_system, &s);
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%s t %s", i ? "," : "", s.name);
		if (s.text[0])
			at += (size_t)snprintf(line + at, sizeof(line) - at, " (e %s/%s)", s.text, s.name);
	}
	diag_note(d, "%s", line);
}

void hint_tracepoints(struct env *env, const struct plan *p, struct diag *d)
{
	struct hints h = { .env = env, .p = p };

	for (unsigned int i = 0; p->proto && i < p->proto->n; i++) {
		const struct type *t = p->proto->params[i].type;

		while (t->kind == TYPE_PTR)
			t = t->to;
		if ((t->kind != TYPE_STRUCT && t->kind != TYPE_FORWARD) || !t->name[0] || (h.want && !strcmp(h.want, t->name)))
			continue;
		h.want = t->name;
		h.n = 0;
		types_each(p->types, TYPE_VOID, "*", consider, &h);
		if (h.n)
			hint_line(&h, d);
	}
}
