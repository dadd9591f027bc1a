/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* One delay: who waited, why, and below it who had the CPU meanwhile. */
#include "view/sched.h"

static void print_head(const struct view *v, const struct delay *d)
{
	char text[6 * CELL_LEN], comm[64], by[64], class[CELL_LEN], ns[FMT_LEN];
	struct wrap w = { .v = v, .lead = "    ", .gap = "  " };

	snprintf(text, sizeof(text), "%s[%u]", fmt_escape(comm, sizeof(comm), d->comm), d->tid);
	wrap_put(&w, C_BOLD, text);
	snprintf(text, sizeof(text), "waited %s for CPU %u", fmt_time(ns, d->ns), d->cpu);
	wrap_put(&w, C_YELLOW, text);
	sched_class(class, d->policy, d->prio);
	wrap_put(&w, C_NONE, class);
	if (!strcmp(d->how, "preempted"))
		snprintf(text, sizeof(text), "preempted by %s[%u]", fmt_escape(by, sizeof(by), d->by), d->by_tid);
	else if (!strcmp(d->context, "task"))
		snprintf(text, sizeof(text), "%s by %s[%u]", d->how, fmt_escape(by, sizeof(by), d->by), d->by_tid);
	else if (!strcmp(d->context, "unknown"))
		snprintf(text, sizeof(text), "%s", d->how);
	else
		snprintf(text, sizeof(text), "%s by %s %s", d->how, d->context[0] == 'i' ? "an" : "a", d->context);
	wrap_put(&w, C_NONE, text);
	if (d->cpu_ran != d->cpu) {
		snprintf(text, sizeof(text), "ran on CPU %u", d->cpu_ran);
		wrap_put(&w, C_NONE, text);
	}
	if (d->cgroup[0] && d->cgroup[1])
		wrap_put(&w, C_DIM, fmt_escape(text, sizeof(text), d->cgroup));
	fputc('\n', v->o.out);
}

static void print_ran(const struct view *v, const struct delay *d, const struct ran *r, bool last)
{
	const unsigned int name = v->o.width && v->o.width < 100 ? 20 : 30, used = 3 + name + 8 + 8 + 10 + 2;
	unsigned int bar = !v->o.width ? 60 : v->o.width > used ? v->o.width - used : 0;
	char text[128], cut[128], comm[64], n[FMT_LEN];

	fputs(v->utf8 ? last ? "└─ " : "├─ " : last ? "`- " : "|- ", v->o.out);
	if (r->tid)
		snprintf(text, sizeof(text), "%s[%u]", fmt_escape(comm, sizeof(comm), r->comm), r->tid);
	else
		snprintf(text, sizeof(text), "%s", r->comm);
	view_text(v, C_NONE, fmt_cut(cut, sizeof(cut), text, name, false), name, false);
	view_text(v, C_NONE, fmt_time(n, r->ns), 8, true);
	view_text(v, C_NONE, fmt_percent(n, r->ns, d->ns), 8, true);
	snprintf(text, sizeof(text), "%u %s", r->stretches, v->utf8 ? "×" : "x");
	view_text(v, C_DIM, r->stretches ? text : "", bar || r->stretches ? 10 : 0, true);
	fputs(bar ? "  " : "", v->o.out);
	view_bar(v, r->tid ? C_GREEN : C_CYAN, r->ns, d->ns, bar);
	fputc('\n', v->o.out);
}

/* The largest, at least 1 %; with --verbose all. */
int sched_tree(void *self, const struct delay *d)
{
	struct ran rest = { .ns = d->rest, .comm = "others" };
	struct view *v = self;
	unsigned int n = 0;

	print_head(v, d);
	while (n < d->nran && (v->o.verbose || d->ran[n].ns >= d->ns / 100))
		n++;
	for (unsigned int i = n; i < d->nran; i++)
		rest.ns += d->ran[i].ns;
	for (unsigned int i = 0; i < n; i++)
		print_ran(v, d, &d->ran[i], i + 1 == n && !rest.ns);
	if (rest.ns)
		print_ran(v, d, &rest, true);
	fputc('\n', v->o.out);
	return view_result(v);
}
