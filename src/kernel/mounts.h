/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Which file system is mounted where, from /proc/self/mountinfo. A file system is named by its device as the
 * kernel's super_block has it (for btrfs that is not what stat shows). Not thread-safe.
 */
#ifndef SPOOR_KERNEL_MOUNTS_H
#define SPOOR_KERNEL_MOUNTS_H

#include <stddef.h>
#include <sys/types.h>

struct mount {
	unsigned int id;     /* as statx tells it of a file */
	dev_t dev;
	const char *root;    /* what part of the file system is mounted: "/", "/@home" */
	const char *point;   /* where */
	const char *type;    /* "ext4" */
	const char *source;  /* "/dev/vda" */
	const char *options; /* of the super block: "rw,cpu,cpuacct" */
};

struct mounts;

/* root: "" for this machine, or a directory that holds proc/self/mountinfo. Reads at once.
 * NULL with errno set. */
struct mounts *mounts_new(const char *root);
void mounts_free(struct mounts *m); /* may be NULL */
int mounts_refresh(struct mounts *m); /* reads again; earlier struct mounts become invalid. 0 or -errno, the old kept */

size_t mounts_count(const struct mounts *m);
const struct mount *mounts_at(const struct mounts *m, size_t i); /* in the order of mounting */

/* Where to find that file system: the whole of it before a part, then the shortest path. NULL: not mounted. */
const struct mount *mounts_find(const struct mounts *m, dev_t dev);

/* Full path of a path within a file system ("/a/b" from its own root). When the mounts show no such part, the
 * file system's name and the path: "ext4:/a/b". 0, -ENOENT (nothing mounted: buf is the path as it is) or
 * -ENAMETOOLONG (cut). */
int mounts_path(const struct mounts *m, dev_t dev, const char *path, char *buf, size_t size);

#endif
