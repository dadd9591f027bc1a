/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The commands as a person would type them, and as a script that needs nothing but a shell. */
#include <errno.h>

#include "expr/ftrace_priv.h"

const char *event_system(const struct event *e, const char *group)
{
	return e->system[0] ? e->system : group;
}

void event_define(const struct ftprobe *fp, const struct event *e, const char *group, bool hidden, struct ftext *t)
{
	ftext_add(t, "%c:%s/%s %s", plan_is_return(fp->p) ? 'r' : 'p', group, e->name, e->place);
	for (size_t i = 0; i < fp->leaves.n; i++)
		if (hidden || fp->leaves.v[i].kind != LEAF_COMM)
			ftext_add(t, " %s=%s", fp->leaves.v[i].name, fp->leaves.v[i].fetch);
}

/* In single quotes; to is behind them, in double ones, for a script may have variables there. */
static void put_echo(FILE *out, const char *text, const char *redirect, const char *to)
{
	fputs("echo '", out);
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text, out);
	fprintf(out, "' %s%s\n", redirect, to);
}

static int put_definition(const struct ftprobe *fp, const struct event *e, const char *group, const char *root, bool script, FILE *out)
{
	struct ftext t = { 0 };
	char file[256];

	event_define(fp, e, script ? "GROUP" : group, false, &t);
	if (t.err)
		return t.err;
	snprintf(file, sizeof(file), "%s/%s", root, events_file(fp->p));
	if (script) { /* "GROUP" is what stands between letter and slash */
		const char *rest = strstr(t.s, "GROUP/") + 5;

		fprintf(out, "echo %c:$group'%s' >>%s\n", t.s[0], rest, file);
	} else {
		put_echo(out, t.s, ">>", file);
	}
	free(t.s);
	return 0;
}

static void put_enable(const struct ftprobe *fp, const struct event *e, const char *group, const char *instance, FILE *out)
{
	char file[512];

	snprintf(file, sizeof(file), "%s/events/%s/%s/filter", instance, event_system(e, group), e->name);
	if (fp->filter)
		put_echo(out, fp->filter, ">", file);
	snprintf(file, sizeof(file), "%s/events/%s/%s/enable", instance, event_system(e, group), e->name);
	put_echo(out, "1", ">", file);
}

static int put_all(const struct ftrace *f, const char *root, const char *group, bool script, FILE *out)
{
	char instance[256];
	int err = 0;

	snprintf(instance, sizeof(instance), "%s/instances/%s", root, group);
	for (unsigned int i = 0; i < f->n; i++)
		for (size_t k = 0; k < f->probes[i].events.n && !err; k++)
			if (!f->probes[i].events.v[k].system[0])
				err = put_definition(&f->probes[i], &f->probes[i].events.v[k], group, root, script, out);
	fprintf(out, "mkdir %s\n", instance);
	if (f->stacks)
		fprintf(out, "echo 1 >%s/options/stacktrace\n", instance);
	if (f->children)
		fprintf(out, "echo 1 >%s/options/event-fork\n", instance);
	if (f->pids)
		fprintf(out, "echo%s >%s/set_event_pid\n", f->pids, instance);
	for (unsigned int i = 0; i < f->n; i++)
		for (size_t k = 0; k < f->probes[i].events.n; k++)
			put_enable(&f->probes[i], &f->probes[i].events.v[k], group, instance, out);
	return err;
}

int ftrace_show(const struct ftrace *f, const char *root, FILE *out)
{
	int err = put_all(f, root, f->group, false, out);

	for (unsigned int i = 0; i < f->n && !err; i++) {
		if (f->probes[i].filtered_here)
			fprintf(out, "# the rest of the filter of '%s' is for spoor\n", f->probes[i].p->title);
		if (f->probes[i].computes)
			fprintf(out, "# spoor computes fields of '%s' from these arguments\n", f->probes[i].p->title);
	}
	fprintf(out, "cat %s/instances/%s/trace_pipe\n", root, f->group);
	return err;
}

static int script_refuse(const struct ftrace *f, struct diag *d, unsigned int *which)
{
	for (unsigned int i = 0; i < f->n; i++) {
		const struct ftprobe *fp = &f->probes[i];
		const struct expr *filter = fp->p->ast->filter;

		*which = i;
		if (fp->filtered_here)
			return diag_set(d, -EOPNOTSUPP, filter ? filter->span : fp->p->ast->target_span,
					"ftrace's filters compare a field with a constant; a script has nobody to do more");
		if (fp->computes)
			return diag_set(d, -EOPNOTSUPP, fp->p->ast->target_span,
					"ftrace only reads; a script has nobody to compute a field");
	}
	return 0;
}

static void put_cleanup(const struct ftrace *f, const char *root, FILE *out)
{
	fprintf(out, "cleanup() {\n\ttrap - EXIT\n\tset +e\n\t[ -z \"$reader\" ] || { kill $reader; wait $reader; } # its file keeps the instance\n");
	for (unsigned int i = 0; i < f->n; i++)
		for (size_t k = 0; k < f->probes[i].events.n; k++) {
			const struct event *e = &f->probes[i].events.v[k];
			const char *file = events_file(f->probes[i].p);

			fprintf(out, "\techo 0 >$instance/events/%s/%s/enable\n", event_system(e, "$group"), e->name);
			if (!e->system[0]) /* in use until the instance is gone */
				fprintf(out, "\tset -- \"$@\" '%s' \"-:$group/%s\"\n", file, e->name);
		}
	fprintf(out, "\trmdir $instance\n\twhile [ $# -gt 0 ]; do\n\t\techo \"$2\" >>%s/$1\n\t\tshift 2\n\tdone\n} 2>/dev/null\n", root);
}

int ftrace_script(const struct ftrace *f, struct diag *d, unsigned int *which, FILE *out)
{
	static const char root[] = "$tracing";
	int err = script_refuse(f, d, which);

	if (err)
		return err;
	fprintf(out, "#!/bin/sh\n# Written by spoor probe: prints until Ctrl-C, then takes its probes away. Needs root and tracefs.\n");
	for (unsigned int i = 0; i < f->n; i++) {
		fputs("#\t", out);
		for (const char *s = f->probes[i].p->ast->text; *s; s++)
			fputc(*s == '\n' ? ' ' : *s, out);
		fputc('\n', out);
	}
	fprintf(out, "set -e\ntracing=/sys/kernel/tracing group=spoor_$$\n"
		"[ -e $tracing/trace ] || tracing=/sys/kernel/debug/tracing\n"
		"[ -e $tracing/trace ] || { echo \"$0: tracefs is not there: mount -t tracefs tracefs /sys/kernel/tracing\" >&2; exit 1; }\n"
		"instance=$tracing/instances/$group\n");
	put_cleanup(f, root, out);
	fprintf(out, "trap cleanup EXIT\ntrap 'exit 0' INT TERM HUP\n");
	err = put_all(f, root, "$group", true, out);
	fprintf(out, "cat $instance/trace_pipe &\nreader=$!\nwait\n");
	return err;
}
