/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the kernel tells in files: mountinfo (mounts, cgroups) and kallsyms. The first byte picks one. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/blockdev.h"
#include "kernel/cgroup.h"
#include "kernel/mounts.h"
#include "kernel/symbols.h"

static char root[] = "/dev/shm/spoor-fuzz.XXXXXX", file[64];

static void remove_root(void)
{
	char path[64];

	unlink(file);
	for (const char *const *d = (const char *const[]){ "/proc/self", "/proc", "", NULL }; *d; d++) {
		snprintf(path, sizeof(path), "%s%s", root, *d);
		rmdir(path);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[64];

	if (!mkdtemp(root))
		abort();
	snprintf(path, sizeof(path), "%s/proc", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/proc/self", root);
	mkdir(path, 0755);
	snprintf(file, sizeof(file), "%s/proc/self/mountinfo", root);
	atexit(remove_root);
	return 0;
}

static void fuzz_mounts(void)
{
	struct mounts *m = mounts_new(root);
	char path[64];

	for (size_t i = 0; m && i < mounts_count(m); i++) {
		const struct mount *one = mounts_at(m, i);
		int err = mounts_path(m, one->dev, "/a/b c/d", path, sizeof(path));

		if (!memchr(path, 0, sizeof(path)) || (err && err != -ENAMETOOLONG))
			abort();
		if (!mounts_find(m, one->dev) || mounts_refresh(m))
			abort();
	}
	mounts_free(m);
}

static void fuzz_cgroups(void)
{
	struct cgroups *c = cgroups_new(root);
	char message[CGROUP_MESSAGE] = "";
	struct cgroup one;

	if (c && cgroups_find(c, "/a", &one, message) && !message[0])
		abort();
	if (c)
		cgroups_use(c, "cpu");
	cgroups_free(c);
}

static void fuzz_symbols(void)
{
	const uint64_t addr[] = { 0, 1, 0x1000, 0x1000, 0x20000, 0xffffffff81000000, UINT64_MAX };
	const char *const name[] = { "a", "vfs_read", "b" };
	uint64_t found[3];
	struct ksym_name out[7];
	int n;

	ksyms_resolve_in(file, addr, 7, out);
	for (int i = 0; i < 7; i++)
		if (!memchr(out[i].name, 0, KSYM_NAME) || !out[i].name[0] || !memchr(out[i].module, 0, KSYM_MODULE))
			abort();
	n = ksyms_lookup_in(file, name, found, 3);
	if (n > 3)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || !size || write(fd, data + 1, size - 1) != (ssize_t)size - 1)
		size = 0;
	close(fd);
	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0: fuzz_mounts(); break;
	case 1: fuzz_cgroups(); break;
	default: fuzz_symbols();
	}
	return 0;
}
