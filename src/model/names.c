/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <unistd.h>

#include "kernel/blockdev.h"
#include "kernel/cgroup.h"
#include "kernel/mounts.h"
#include "model/names.h"

/* Caches. A file's path is sent once only while it is among the last thousands that the kernel side remembers, so the
 * table is larger than that and in sets, of which the entry not asked for the longest gives way; a lost name shows as "". */
enum { PATHS = 1 << 15, PATH_WAYS = 8 };

struct named { uint64_t key, used; char *name; };

struct names {
	struct mounts *mounts;
	struct cgroups *cgroups;
	struct named paths[PATHS / PATH_WAYS][PATH_WAYS];
	uint64_t asked;
};

static uint32_t hash(uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 40);
}

struct names *names_new(void)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->mounts = mounts_new("");
	n->cgroups = cgroups_new("");
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (int i = 0; i < PATHS; i++)
		free(n->paths[i / PATH_WAYS][i % PATH_WAYS].name);
	mounts_free(n->mounts);
	cgroups_free(n->cgroups);
	free(n);
}

static int named_set(struct named *e, uint64_t key, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	free(e->name);
	e->name = copy;
	e->key = key;
	return 0;
}

/* The entry of a path, or the one that it may have. */
static struct named *path_entry(struct names *n, uint64_t key)
{
	struct named *set = n->paths[hash(key) % (PATHS / PATH_WAYS)], *oldest = set;

	n->asked++;
	for (struct named *e = set; e < set + PATH_WAYS; e++) {
		if (e->name && e->key == key) {
			e->used = n->asked;
			return e;
		}
		if (e->used < oldest->used)
			oldest = e;
	}
	return oldest;
}

static int path_set(struct names *n, uint64_t key, const char *path)
{
	struct named *e = path_entry(n, key);

	e->used = n->asked;
	return named_set(e, key, path);
}

int names_path_add(struct names *n, uint64_t key, uint32_t dev, const char *path)
{
	char full[4096];
	dev_t d = dev_from_kernel(dev);

	if (!n->mounts)
		return path_set(n, key, path);
	if (!mounts_find(n->mounts, d))
		mounts_refresh(n->mounts); /* mounted since */
	if (mounts_path(n->mounts, d, path, full, sizeof(full)))
		snprintf(full, sizeof(full), "%s", path);
	return path_set(n, key, full);
}

const char *names_path(struct names *n, uint64_t key)
{
	const struct named *e = key ? path_entry(n, key) : NULL;

	return e && e->key == key && e->name ? e->name : "";
}

const char *names_cgroup(struct names *n, uint64_t id)
{
	return n->cgroups && id ? cgroups_path(n->cgroups, id) : "";
}

int names_use_cgroups(struct names *n, const char *controller)
{
	return n->cgroups ? cgroups_use(n->cgroups, controller) : -ENOENT;
}
