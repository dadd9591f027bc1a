/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The file of a recording: who may make it, and what becomes of one that is there. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "store/writer.h"

enum { HEADER = 100, HEADER_APPLICATION = 68 }; /* of an SQLite file */

static bool is_recording(int fd)
{
	unsigned char h[HEADER];
	const unsigned char *id = h + HEADER_APPLICATION;

	if (pread(fd, h, sizeof(h), 0) != sizeof(h) || memcmp(h, "SQLite format 3", 16))
		return false;
	return ((uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3]) == STORE_APPLICATION;
}

/* Its log goes with it: SQLite finds it by name, and what was not yet copied is there. */
static int keep_old(const char *path)
{
	static const char *const suffixes[] = { "-wal", "-shm", "-journal", "" };
	char from[4096], to[4096];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
		snprintf(to, sizeof(to), "%s.old%s", path, suffixes[i]);
		if (!rename(from, to))
			continue;
		if (errno != ENOENT || !suffixes[i][0])
			return -errno;
		unlink(to); /* of the one that was .old before */
	}
	return 0;
}

static int refuse(const char *path, int err, const char *why)
{
	log_error("%s: %s", path, why);
	return err;
}

/* What is there: 0 when it is out of the way, or empty (*fd is then it, else -1). */
static int take_place(const char *path, int *fd)
{
	struct stat st;
	int err = 0;

	*fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0)
		return refuse(path, -errno, errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	if (fstat(*fd, &st) || !S_ISREG(st.st_mode))
		err = refuse(path, -EINVAL, "it is there, and not a regular file");
	else if (flock(*fd, LOCK_EX | LOCK_NB))
		err = refuse(path, -EBUSY, "another spoor is recording into it, or reading it; name another file with -o");
	else if (st.st_size && !is_recording(*fd))
		err = refuse(path, -EEXIST, "it is there, and not a recording of spoor; name another file with -o");
	else if (!st.st_size)
		return 0;
	else
		err = keep_old(path);
	close(*fd);
	*fd = -1;
	return err;
}

/* Made by sudo, it belongs to who called that. */
static void give_to_user(int fd)
{
	const char *uid_text = getenv("SUDO_UID"), *gid_text = getenv("SUDO_GID");
	uint32_t uid, gid;

	if (geteuid() || !uid_text || !gid_text || parse_u32(uid_text, &uid) || parse_u32(gid_text, &gid))
		return;
	if (fchown(fd, uid, gid))
		log_info("the recording stays root's: %s", strerror(errno));
}

int recording_create(const char *path, int *lock)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd, err;

	if (strlen(path) > 4000)
		return refuse(path, -ENAMETOOLONG, strerror(ENAMETOOLONG));
	fd = open(path, flags, 0600);
	if (fd < 0 && errno == EEXIST) {
		err = take_place(path, &fd);
		if (err)
			return err;
		if (fd < 0)
			fd = open(path, flags, 0600);
	}
	if (fd < 0)
		return refuse(path, -errno, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return refuse(path, -EBUSY, "another spoor is recording into it");
	}
	give_to_user(fd);
	*lock = fd;
	return 0;
}
