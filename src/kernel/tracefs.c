/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Reaching tracefs where nobody has mounted it, without leaving anything behind. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>
#include "base/log.h"
#include "kernel/probe.h"

static const char *const tracefs_paths[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

/* An empty /sys/kernel/tracing belongs to sysfs: only the file system's type tells. */
static const char *tracefs_find(void)
{
	struct statfs fs;

	for (size_t i = 0; i < sizeof(tracefs_paths) / sizeof(tracefs_paths[0]); i++)
		if (!statfs(tracefs_paths[i], &fs) && fs.f_type == TRACEFS_MAGIC)
			return tracefs_paths[i];
	return NULL;
}

/* A mount that nobody else sees. */
static int detached_open(const char *type)
{
	int ctx = fsopen(type, FSOPEN_CLOEXEC), fd, err = 0;

	if (ctx < 0)
		return -errno;
	if (fsconfig(ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		err = -errno;
	fd = err ? -1 : fsmount(ctx, FSMOUNT_CLOEXEC, 0);
	if (fd < 0 && !err)
		err = -errno;
	close(ctx);
	return err ? err : fd;
}

static int directory_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int tracefs_open(void)
{
	const char *path = tracefs_find();

	return path ? directory_open(path) : detached_open("tracefs");
}

int debugfs_open(void)
{
	static const char path[] = "/sys/kernel/debug";
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == DEBUGFS_MAGIC ? directory_open(path) : detached_open("debugfs");
}

int tracefs_mount_private(const char **path)
{
	const char *found = tracefs_find();

	if (!found) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
			return -errno;
		if (mount("tracefs", tracefs_paths[0], "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
			return -errno;
		found = tracefs_paths[0];
		log_debug("tracefs was not mounted: mounted for this process at %s", found);
	}
	if (path)
		*path = found;
	return 0;
}
