/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* A slow call: whose, how its time divides, and its critical path on the axis of that time. */
#include "view/why.h"

static void head_result(struct wrap *w, const struct slow_call *c)
{
	char text[FMT_LEN + 16], value[FMT_LEN];
	bool failed = c->ret < 0 && c->ret > -4096;

	snprintf(text, sizeof(text), "wall %s", fmt_time(value, c->ns));
	wrap_cut(w, C_BOLD, text);
	if (failed)
		snprintf(text, sizeof(text), "= %s", fmt_errno(value, -c->ret));
	else if (c->ret < 0 || c->ret > UINT32_MAX) /* of a function: a pointer */
		snprintf(text, sizeof(text), "= 0x%llx", (unsigned long long)c->ret);
	else
		snprintf(text, sizeof(text), "= %lld", (long long)c->ret);
	wrap_cut(w, failed ? C_RED : C_NONE, text);
}

static void print_head(const struct view *v, const struct slow_call *c)
{
	struct wrap w = { .v = v, .lead = "  ", .gap = "  " };
	char text[256], name[128];

	snprintf(text, sizeof(text), "%llu.%06llu", (unsigned long long)(c->t / 1000000000),
		 (unsigned long long)(c->t / 1000 % 1000000));
	wrap_cut(&w, C_DIM, text);
	wrap_cut(&w, C_BOLD, fmt_escape(name, sizeof(name), c->name));
	fmt_escape(name, sizeof(name), c->comm);
	if (c->pid == c->tid)
		snprintf(text, sizeof(text), "by %s[%u]", name, c->pid);
	else
		snprintf(text, sizeof(text), "by %s[%u/%u]", name, c->pid, c->tid);
	wrap_cut(&w, C_NONE, text);
	head_result(&w, c);
	fputc('\n', v->o.out);
}

/* "  kernel 410µs 0.1%, preempted 7.00ms 2.3%, wait 297ms 97.6%" */
static void print_parts(const struct view *v, const struct slow_call *c)
{
	struct wrap w = { .v = v, .lead = "  ", .gap = "  " };
	char text[4 * FMT_LEN], ns[FMT_LEN], percent[FMT_LEN];

	fputs(w.lead, v->o.out);
	w.col = 2;
	for (unsigned int i = 0; i < WHY_PART_N; i++) {
		if (!c->part[i])
			continue;
		snprintf(text, sizeof(text), "%s %s %s", why_part_names[i], fmt_time(ns, c->part[i]),
			 fmt_percent(percent, c->part[i], c->ns));
		wrap_cut(&w, c->part[i] >= c->ns / 10 ? why_colors[i] : C_NONE, text);
	}
	fputc('\n', v->o.out);
}

int why_tree(void *self, const struct slow_call *c)
{
	struct view *v = self;
	int err;

	print_head(v, c);
	print_parts(v, c);
	err = why_mostly(v, &c->path, "  ");
	if (!err)
		err = why_path(v, &c->path, WHY_PATH_AXIS | (v->o.verbose ? WHY_PATH_ALL : 0));
	fputc('\n', v->o.out);
	return err ? err : view_result(v);
}
