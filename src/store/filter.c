/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Whose operations a report is about: the filters of the live commands, on what was recorded. */
#include "store/store_priv.h"

bool store_filter_any(const struct store_filter *f)
{
	return f->npids || f->ntids || f->comm || f->cgroup || f->container || f->ndevs || f->file || f->nkinds;
}

static bool in_list(const uint32_t *v, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == id)
			return true;
	return !n;
}

/* It, or something below it: "/a/b" has "/a/b" and "/a/b/c", not "/a/bc". */
static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	while (n > 1 && top[n - 1] == '/')
		n--;
	return !strncmp(path, top, n) && (!path[n] || path[n] == '/' || top[n - 1] == '/');
}

/* A cgroup's path as typed, which may have the mount point of its file system before it. */
static bool cgroup_passes(const char *cgroup, const char *asked)
{
	static const char *const mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup", "" };

	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(mounts[i]);

		if (!strncmp(asked, mounts[i], n) && (asked[n] == '/' || !asked[n]))
			return is_below(cgroup, asked[n] ? asked + n : "/");
	}
	return is_below(cgroup[0] == '/' ? cgroup + 1 : cgroup, asked);
}

/* The beginning of a container's id: of a component of the path, or of a part of it after "docker-", "cri-containerd-" ... */
static bool container_passes(const char *cgroup, const char *id)
{
	for (const char *at = strstr(cgroup, id); at; at = strstr(at + 1, id))
		if (at == cgroup || strchr("/-:", at[-1]))
			return true;
	return false;
}

bool filter_task(const struct store_filter *f, uint32_t pid, uint32_t tid, const char *comm, const char *cgroup)
{
	if (!in_list(f->pids, f->npids, pid) || !in_list(f->tids, f->ntids, tid))
		return false;
	if (f->comm && strcmp(f->comm, comm))
		return false;
	return (!f->cgroup || cgroup_passes(cgroup, f->cgroup)) && (!f->container || container_passes(cgroup, f->container));
}

static bool dev_named(const struct store_filter *f, const char *dev)
{
	for (size_t i = 0; i < f->ndevs; i++) {
		const char *name = !strncmp(f->devs[i], "/dev/", 5) ? f->devs[i] + 5 : f->devs[i];

		if (!strcmp(name, dev))
			return true;
	}
	return false;
}

static bool dev_passes(const struct store_filter *f, const struct op *op)
{
	if (!f->ndevs || dev_named(f, op->dev))
		return true;
	for (unsigned int i = 0; i < op->nstages; i++)
		if (dev_named(f, op->stages[i].dev))
			return true;
	return false;
}

static bool kind_passes(const struct store_filter *f, const char *kind)
{
	for (size_t i = 0; i < f->nkinds; i++)
		if (!strcmp(f->kinds[i], kind))
			return true;
	return !f->nkinds;
}

bool filter_op(const struct store_filter *f, const struct op *op)
{
	return filter_task(f, op->pid, op->tid, op->comm, op->cgroup) && kind_passes(f, op->kind) &&
	       (!f->file || is_below(op->file, f->file)) && dev_passes(f, op);
}

/* ---- of a chunk: is there anything in its dictionary? ---- */

struct asked { const struct store_filter *f; int what; };
enum { ASK_COMM, ASK_CGROUP, ASK_CONTAINER, ASK_DEV, ASK_FILE, ASK_KIND, ASK_N };

static bool string_passes(void *ctx, const char *s)
{
	const struct asked *a = ctx;
	const struct store_filter *f = a->f;

	switch (a->what) {
	case ASK_COMM: return !f->comm || !strcmp(s, f->comm);
	case ASK_CGROUP: return !f->cgroup || cgroup_passes(s, f->cgroup);
	case ASK_CONTAINER: return !f->container || container_passes(s, f->container);
	case ASK_DEV: return !f->ndevs || dev_named(f, s);
	case ASK_FILE: return !f->file || is_below(s, f->file);
	default: return kind_passes(f, s);
	}
}

static bool task_passes(void *ctx, uint32_t pid, uint32_t tid)
{
	const struct store_filter *f = ctx;

	return in_list(f->pids, f->npids, pid) && in_list(f->tids, f->ntids, tid);
}

bool filter_chunk(const struct store_filter *f, const struct codec *c, bool ops)
{
	if (!store_filter_any(f))
		return true;
	for (int what = 0; what < ASK_N; what++)
		if (!codec_any_string(c, string_passes, &(struct asked){ f, what }))
			return false;
	return !ops || codec_any_task(c, task_passes, (void *)f);
}
