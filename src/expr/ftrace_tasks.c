/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Whose events: the instance's set_event_pid, which children can inherit, and conditions on the name. */
#include <dirent.h>
#include <errno.h>

#include "expr/ftrace_priv.h"
#include "model/task_filter.h"

/* All threads of a process; children inherit from each. */
static void threads_add(struct ftext *t, uint32_t pid)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (e->d_name[0] >= '0' && e->d_name[0] <= '9')
			ftext_add(t, " %s", e->d_name);
	if (d)
		closedir(d);
	else /* it has ended: nobody's */
		ftext_add(t, " %u", pid);
}

static int name_add(struct ftrace *f, const char *comm)
{
	if (strchr(comm, '"') || strchr(comm, '\\'))
		return -EOPNOTSUPP;
	for (unsigned int i = 0; i < f->n; i++) {
		struct ftprobe *fp = &f->probes[i];
		struct ftext t = { 0 };

		ftext_add(&t, fp->filter ? "COMM == \"%s\" && (%s)" : "COMM == \"%s\"", comm, fp->filter);
		if (t.err)
			return t.err;
		free(fp->filter);
		fp->filter = t.s;
	}
	return 0;
}

int ftrace_tasks(struct ftrace *f, const struct task_opts *o)
{
	struct ftext t = { 0 };

	if (o->cgroup)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < o->npids; i++)
		threads_add(&t, o->pids[i]);
	for (size_t i = 0; i < o->ntids; i++)
		ftext_add(&t, " %u", o->tids[i]);
	if (t.err)
		return t.err;
	f->pids = t.s;
	f->children = o->npids;
	return o->comm ? name_add(f, o->comm) : 0;
}
