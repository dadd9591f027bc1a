/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Control groups of both versions. The id of a cgroup is its kernfs id, which the kernel also shows as the
 * directory's inode number (64 bits; unique within a hierarchy, not across hierarchies). Not thread-safe.
 */
#ifndef SPOOR_KERNEL_CGROUP_H
#define SPOOR_KERNEL_CGROUP_H

#include <stddef.h>
#include <stdint.h>

enum { CGROUP_PATH = 512, CGROUP_MESSAGE = 512 };

struct cgroup {
	uint64_t id;
	int version;               /* 2, or 1 */
	char controller[32];       /* of a v1 hierarchy: its first controller ("cpu"); "name=systemd"; v2: "" */
	char path[CGROUP_PATH];    /* below the hierarchy's root: "/system.slice/x.service" */
};

struct cgroups;

/* root: "" for this machine, or a directory that holds proc/self/mountinfo and what it names, for tests.
 * NULL with errno set. */
struct cgroups *cgroups_new(const char *root);
void cgroups_free(struct cgroups *c); /* may be NULL */

/* What a user gives: a directory ("/sys/fs/cgroup/cpu/a", "./a") or a path within a hierarchy ("/a", "a/b").
 * With several hierarchies that have it: v2 first, then v1 in the order of mounting, those without a controller
 * last. message (CGROUP_MESSAGE) says what is wrong. 0, -ENOENT, -ENOTDIR, -EINVAL. */
int cgroups_find(struct cgroups *c, const char *arg, struct cgroup *out, char *message);

/* The cgroup of a container, by its id or the beginning of it (docker, podman, containerd, CRI-O, Kubernetes);
 * in which hierarchy, as above. 0, -ENOENT, -EEXIST: several containers match, -EINVAL; message lists what
 * there is. */
int cgroups_find_container(struct cgroups *c, const char *prefix, struct cgroup *out, char *message);

/* Whose ids cgroups_path is given: NULL or "" is v2, the default, else a v1 controller. 0 or -ENOENT. */
int cgroups_use(struct cgroups *c, const char *controller);

/* Path of a cgroup below its hierarchy's root; "" when it is not known. The tree is walked when first asked, and
 * again, at most once a second, for an id that is new. A cgroup that has gone keeps its name.
 * Lasts until cgroups_use or cgroups_free. */
const char *cgroups_path(struct cgroups *c, uint64_t id);

#endif
