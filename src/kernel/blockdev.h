/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Block devices as sysfs knows them: names, what the user means by one, and what is stacked on what.
 * dev_t is the user-space encoding (makedev); the kernel's own in its structures is major << 20 | minor.
 * Not thread-safe.
 */
#ifndef SPOOR_KERNEL_BLOCKDEV_H
#define SPOOR_KERNEL_BLOCKDEV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/sysmacros.h>
#include <sys/types.h>

static inline uint32_t dev_to_kernel(dev_t dev)
{
	return (uint32_t)major(dev) << 20 | (minor(dev) & 0xfffff);
}

static inline dev_t dev_from_kernel(uint32_t dev)
{
	return makedev(dev >> 20, dev & 0xfffff);
}

struct blockdevs;

/* root: "" for this machine, or a directory that holds sys/, proc/ and dev/ for tests; copied.
 * NULL with errno set. */
struct blockdevs *blockdevs_new(const char *root);
void blockdevs_free(struct blockdevs *b); /* may be NULL */
void blockdevs_refresh(struct blockdevs *b); /* forgets cached names; earlier names become invalid */

/* "loop0", "nvme0n1p2", "dm-0"; of an anonymous device (major 0) its file system's type and mount point,
 * "tmpfs:/dev/shm"; "8:1" when nothing is known. Never NULL; lasts until refresh or free. */
const char *blockdevs_name(struct blockdevs *b, dev_t dev);

/* A user's name for a device: "loop0", "/dev/mapper/home", "8:1". 0, -ENODEV: no such device, -ENOTBLK: a
 * path of something else, -EINVAL: not a name at all, or -errno of the path. */
int blockdevs_parse(struct blockdevs *b, const char *arg, dev_t *dev);

/* The whole disk of a partition; of anything else itself. 0 or -ENODEV. */
int blockdevs_disk(struct blockdevs *b, dev_t dev, dev_t *disk);

enum blockdev_relation {
	BLOCKDEV_PARTITIONS = 1 << 0, /* partitions of a disk */
	BLOCKDEV_ABOVE      = 1 << 1, /* dm, md and so on that are built on it, all the way up */
	BLOCKDEV_BELOW      = 1 << 2, /* what it is built on, all the way down; of a partition its disk */
	BLOCKDEV_LOOPS      = 1 << 3, /* with ABOVE: loop devices whose file is on a file system of the set;
	                               * with BELOW: the device that holds a loop device's file */
};

/* dev and what is related to it, without duplicates, dev first. *set belongs to the caller (free).
 * 0, -ENODEV or -ENOMEM. */
int blockdevs_related(struct blockdevs *b, dev_t dev, unsigned int relations, dev_t **set, size_t *n);

/* All block devices, partitions included, and their names, for messages: calls fn until it returns non-zero. */
int blockdevs_each(struct blockdevs *b, int (*fn)(void *ctx, const char *name, dev_t dev), void *ctx);

#endif
