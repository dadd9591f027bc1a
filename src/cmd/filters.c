/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>

#include "base/parse.h"
#include "cmd/filters.h"
#include "kernel/cgroup.h"

enum { COMM_MAX = 15 };

/* Number after "Tgid:" in /proc/ID/status; 0: no such task. */
static uint32_t task_tgid(uint32_t id)
{
	unsigned int tgid = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", id);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %u", &tgid) == 1)
			break;
	fclose(f);
	return tgid;
}

static int pids_parse(struct filters *f, char *message)
{
	for (size_t i = 0; i < f->pid.item.n; i++) {
		const char *word = f->pid.item.v[i];
		uint32_t id, tgid;

		if (parse_u32(word, &id) || !id || id > INT32_MAX)
			return cmd_fail(message, -EINVAL, "--pid: '%.60s' is not a process id", word);
		tgid = task_tgid(id);
		if (!tgid)
			return cmd_fail(message, -ESRCH, "--pid: there is no process %u", id);
		if (tgid != id)
			return cmd_fail(message, -EINVAL, "--pid: %u is a thread of process %u; use -t %u or -p %u",
				       id, tgid, id, tgid);
		if (vec_push(&f->pids, id))
			return cmd_fail(message, -ENOMEM, "out of memory");
	}
	return 0;
}

static int tids_parse(struct filters *f, char *message)
{
	for (size_t i = 0; i < f->tid.item.n; i++) {
		const char *word = f->tid.item.v[i];
		uint32_t id;

		if (parse_u32(word, &id) || !id || id > INT32_MAX)
			return cmd_fail(message, -EINVAL, "--tid: '%.60s' is not a thread id", word);
		if (!task_tgid(id))
			return cmd_fail(message, -ESRCH, "--tid: there is no thread %u", id);
		if (vec_push(&f->tids, id))
			return cmd_fail(message, -ENOMEM, "out of memory");
	}
	return 0;
}

int filters_parse(struct filters *f, bool command, char message[CMD_MESSAGE])
{
	int err;

	if (f->cgroup && f->container)
		return cmd_fail(message, -EINVAL, "--cgroup and --container both name a control group; give one");
	if (command && (f->pid.item.n || f->tid.item.n))
		return cmd_fail(message, -EINVAL, "--%s and a command to run: the command is the process that is followed",
				f->pid.item.n ? "pid" : "tid");
	if (f->comm && strlen(f->comm) > COMM_MAX)
		return cmd_fail(message, -EINVAL, "--comm: the kernel keeps %d bytes of a name: '%.*s'?", COMM_MAX, COMM_MAX,
				f->comm);
	err = pids_parse(f, message);
	return err ? err : tids_parse(f, message);
}

void filters_free(struct filters *f)
{
	vec_free(&f->pids);
	vec_free(&f->tids);
}

int filters_resolve(struct filters *f, struct task_opts *o, char message[CMD_MESSAGE])
{
	char text[CGROUP_MESSAGE];
	struct cgroups *all;
	struct cgroup one;
	int err;

	*o = (struct task_opts){
		.pids = f->pids.v, .npids = f->pids.n, .tids = f->tids.v, .ntids = f->tids.n, .comm = f->comm,
	};
	if (!f->cgroup && !f->container)
		return 0;
	all = cgroups_new("");
	if (!all)
		return cmd_fail(message, -errno, "control groups: %s", strerror(errno));
	err = f->cgroup ? cgroups_find(all, f->cgroup, &one, text) :
			  cgroups_find_container(all, f->container, &one, text);
	cgroups_free(all);
	if (err)
		return cmd_fail(message, err, "--%s: %s", f->cgroup ? "cgroup" : "container", text);
	if (!strncmp(one.controller, "name=", 5))
		return cmd_fail(message, -EINVAL, "--cgroup: the hierarchy %s has no controller, so the kernel does not "
			       "tell its groups apart; use another hierarchy's path", one.controller);
	o->cgroup = one.id;
	snprintf(f->controller, sizeof(f->controller), "%s", one.version == 1 ? one.controller : "");
	o->cgroup_controller = f->controller[0] ? f->controller : NULL;
	return 0;
}
