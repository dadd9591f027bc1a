/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* src/kernel on trees made for the test: block devices, mounts, control groups, symbols. Needs no root, but for
 * one device node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "kernel/blockdev.h"
#include "kernel/cgroup.h"
#include "kernel/mounts.h"
#include "kernel/probe.h"
#include "kernel/symbols.h"

static char top[64];

__attribute__((format(printf, 1, 2)))
static const char *at(const char *fmt, ...)
{
	static char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/", top);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(path) - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

static void make_dirs(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		mkdir(part, 0755);
	}
}

static void make_dir(const char *path)
{
	make_dirs(path);
	assert_true(!mkdir(path, 0755) || errno == EEXIST);
}

static void make_file(const char *path, const char *text)
{
	FILE *f;

	make_dirs(path);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make_link(const char *to, const char *path)
{
	make_dirs(path);
	assert_int_equal(symlink(to, path), 0);
}

/* A device in sysfs: dir is below devices/, the last part its name. */
static void make_dev(const char *dir, const char *number, const char *partition)
{
	const char *name = strrchr(dir, '/') + 1;
	char to[PATH_MAX];

	make_file(at("sys/devices/%s/dev", dir), number);
	if (partition)
		make_file(at("sys/devices/%s/partition", dir), partition);
	make_dir(at("sys/devices/%s/holders", dir));
	make_dir(at("sys/devices/%s/slaves", dir));
	snprintf(to, sizeof(to), "../../devices/%s", dir);
	make_link(to, at("sys/dev/block/%.*s", (int)strcspn(number, "\n"), number));
	make_link(to, at("sys/class/block/%s", name));
}

static void stack(const char *above, const char *below)
{
	char to[PATH_MAX];

	snprintf(to, sizeof(to), "%s/sys/devices/%s", top, above);
	make_link(to, at("sys/devices/%s/holders/%s", below, strrchr(above, '/') + 1));
	snprintf(to, sizeof(to), "%s/sys/devices/%s", top, below);
	make_link(to, at("sys/devices/%s/slaves/%s", above, strrchr(below, '/') + 1));
}

static const char mountinfo[] =
	"24 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n"
	"25 24 0:23 / /dev/shm rw shared:2 master:3 - tmpfs tmpfs rw\n"
	"26 24 8:1 / /mnt/with\\040space\\011and\\134 rw - xfs /dev/sda1 rw\n"
	"27 24 8:1 /sub/dir /bind rw - xfs /dev/sda1 rw\n"
	"28 24 0:31 /@home /home rw - btrfs /dev/sdb rw,subvol=/@home\n"
	"29 24 0:31 /@ /btr rw - btrfs /dev/sdb rw,subvol=/@\n"
	"a broken line\n"
	"30 24 0:40 / /cg rw - cgroup2 cgroup2 rw,nsdelegate\n"
	"31 24 0:41 / /v1/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
	"32 24 0:42 / /v1/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	"33 24 0:43 / /v1/blkio rw - cgroup cgroup rw,blkio\n"
	"34 24 0:42 / /again/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	"35 24 0:44";

static void fill_sys(void)
{
	make_dev("pci/nvme0n1", "259:0\n", NULL);
	make_dev("pci/nvme0n1/nvme0n1p1", "259:1\n", "1\n");
	make_dev("pci/nvme0n1/nvme0n1p2", "259:2\n", "2\n");
	make_dev("virtual/dm-0", "253:0\n", NULL);
	make_dev("virtual/dm-1", "253:1\n", NULL);
	make_dev("virtual/cciss!c0d0", "104:0\n", NULL);
	make_dev("virtual/loop0", "7:0\n", NULL);
	make_dev("virtual/md0", "9:0\n", NULL);
	stack("virtual/dm-0", "pci/nvme0n1/nvme0n1p2");
	stack("virtual/dm-1", "virtual/dm-0");
	stack("virtual/md0", "virtual/dm-1");
	make_file(at("sys/class/block/broken/dev"), "12:34:56\n");
	make_file(at("dev/plain"), "");
	make_file(at("proc/self/mountinfo"), mountinfo);
}

#define ID_A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_B "0123ffff89abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_C "fedc456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_D "aaaa456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void fill_cgroups(void)
{
	make_dir(at("cg/system.slice/docker-" ID_A ".scope/init"));
	make_dir(at("cg/system.slice/libpod-conmon-" ID_D ".scope"));
	make_dir(at("cg/machine.slice/libpod-" ID_B ".scope/container"));
	make_dir(at("cg/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID_C ".scope"));
	make_dir(at("cg/a/b"));
	make_dir(at("v1/cpu,cpuacct/a/only_cpu"));
	make_dir(at("v1/cpu,cpuacct/docker/" ID_A));
	make_dir(at("v1/cpu,cpuacct/kubepods/burstable/pod9/" ID_D));
	make_dir(at("v1/systemd/a/only_named"));
	make_dir(at("v1/blkio/a/only_blkio"));
	make_file(at("cg/cgroup.procs"), "");
}

static int setup(void **state)
{
	snprintf(top, sizeof(top), "/tmp/spoor-test-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	fill_sys();
	fill_cgroups();
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- block devices --- */

static void test_blockdev_name(void **state)
{
	struct blockdevs *b = blockdevs_new(top);

	assert_string_equal(blockdevs_name(b, makedev(259, 2)), "nvme0n1p2");
	assert_string_equal(blockdevs_name(b, makedev(253, 0)), "dm-0");
	assert_string_equal(blockdevs_name(b, makedev(104, 0)), "cciss/c0d0");
	assert_string_equal(blockdevs_name(b, makedev(1, 2)), "1:2");
	assert_string_equal(blockdevs_name(b, makedev(0, 23)), "tmpfs:/dev/shm");
	assert_string_equal(blockdevs_name(b, makedev(0, 99)), "0:99");
	assert_ptr_equal(blockdevs_name(b, makedev(253, 0)), blockdevs_name(b, makedev(253, 0)));
	blockdevs_refresh(b);
	assert_string_equal(blockdevs_name(b, makedev(253, 0)), "dm-0");
	blockdevs_free(b);
	blockdevs_free(NULL);
	assert_int_equal(dev_to_kernel(makedev(259, 300)), 259 << 20 | 300);
	assert_int_equal(dev_from_kernel(259 << 20 | 300), makedev(259, 300));
}

static void test_blockdev_parse(void **state)
{
	static const struct { const char *arg; int err; unsigned int maj, min; } t[] = {
		{ "nvme0n1p2", 0, 259, 2 }, { "259:2", 0, 259, 2 }, { "cciss/c0d0", 0, 104, 0 }, { "0:23", 0, 0, 23 },
		{ "nope", -ENODEV, 0, 0 }, { "259:9", -ENODEV, 0, 0 }, { "0:99", -ENODEV, 0, 0 },
		{ "", -EINVAL, 0, 0 }, { ".", -EINVAL, 0, 0 }, { "..", -EINVAL, 0, 0 }, { "a/../../../etc", -EINVAL, 0, 0 },
		{ "8:1:2", -EINVAL, 0, 0 }, { "8:", -EINVAL, 0, 0 }, { "-1:2", -ENODEV, 0, 0 },
		{ "8:99999999999999999999", -EINVAL, 0, 0 }, { "99999:1", -EINVAL, 0, 0 }, { "broken", -ENODEV, 0, 0 },
		{ "/dev/plain", -ENOTBLK, 0, 0 }, { "/dev/nope", -ENODEV, 0, 0 }, { "/", -ENOTBLK, 0, 0 },
		{ "./nope", -ENODEV, 0, 0 },
	};
	struct blockdevs *b = blockdevs_new(top);
	static char huge[9000];
	dev_t dev;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int err = blockdevs_parse(b, t[i].arg, &dev);

		if (err != t[i].err || (!err && dev != makedev(t[i].maj, t[i].min)))
			fail_msg("'%s': %d, %u:%u", t[i].arg, err, major(dev), minor(dev));
	}
	memset(huge, 'a', sizeof(huge) - 1);
	assert_int_equal(blockdevs_parse(b, huge, &dev), -EINVAL);
	huge[0] = '/';
	assert_int_not_equal(blockdevs_parse(b, huge, &dev), 0);
	blockdevs_free(b);
}

static void test_blockdev_node(void **state)
{
	struct blockdevs *b = blockdevs_new(top);
	dev_t dev;

	make_dir(at("dev/mapper"));
	if (mknod(at("dev/dm-0"), S_IFBLK | 0600, makedev(253, 0))) {
		blockdevs_free(b);
		skip(); /* not root */
	}
	make_link("../dm-0", at("dev/mapper/home"));
	assert_int_equal(blockdevs_parse(b, "/dev/mapper/home", &dev), 0);
	assert_int_equal(dev, makedev(253, 0));
	assert_int_equal(blockdevs_parse(b, "mapper/home", &dev), 0);
	assert_int_equal(blockdevs_parse(b, "home", &dev), 0);
	assert_int_equal(dev, makedev(253, 0));
	blockdevs_free(b);
}

static void expect_set(struct blockdevs *b, dev_t dev, unsigned int rel, const char *want)
{
	char got[256] = "";
	dev_t *set;
	size_t n;

	assert_int_equal(blockdevs_related(b, dev, rel, &set, &n), 0);
	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u:%u", i ? " " : "", major(set[i]), minor(set[i]));
	free(set);
	assert_string_equal(got, want);
}

static void test_blockdev_related(void **state)
{
	struct blockdevs *b = blockdevs_new(top);
	dev_t dev, *set;
	size_t n;

	expect_set(b, makedev(259, 2), 0, "259:2");
	expect_set(b, makedev(259, 2), BLOCKDEV_ABOVE, "259:2 253:0 253:1 9:0");
	expect_set(b, makedev(253, 0), BLOCKDEV_ABOVE | BLOCKDEV_PARTITIONS, "253:0 253:1 9:0");
	expect_set(b, makedev(9, 0), BLOCKDEV_BELOW, "9:0 253:1 253:0 259:2 259:0");
	expect_set(b, makedev(253, 1), BLOCKDEV_BELOW | BLOCKDEV_ABOVE | BLOCKDEV_PARTITIONS,
		   "253:1 9:0 253:0 259:2 259:0");
	assert_int_equal(blockdevs_related(b, makedev(259, 0), BLOCKDEV_PARTITIONS | BLOCKDEV_ABOVE, &set, &n), 0);
	assert_int_equal(n, 6);
	assert_int_equal(set[0], makedev(259, 0));
	free(set);
	assert_int_equal(blockdevs_related(b, makedev(1, 1), 0, &set, &n), -ENODEV);
	assert_null(set);
	expect_set(b, makedev(0, 23), BLOCKDEV_ABOVE, "0:23");
	assert_int_equal(blockdevs_disk(b, makedev(259, 2), &dev), 0);
	assert_int_equal(dev, makedev(259, 0));
	assert_int_equal(blockdevs_disk(b, makedev(253, 0), &dev), 0);
	assert_int_equal(dev, makedev(253, 0));
	assert_int_equal(blockdevs_disk(b, makedev(1, 1), &dev), -ENODEV);
	blockdevs_free(b);
}

static void test_blockdev_loop(void **state)
{
	struct blockdevs *b = blockdevs_new(top);
	struct stat st;
	char want[64];

	make_file(at("images/disk img"), "x");
	assert_int_equal(stat(at("images/disk img"), &st), 0);
	make_file(at("sys/devices/virtual/loop0/loop/backing_file"), "/images/disk img\n");
	snprintf(want, sizeof(want), "7:0 %u:%u", major(st.st_dev), minor(st.st_dev));
	expect_set(b, makedev(7, 0), BLOCKDEV_BELOW | BLOCKDEV_LOOPS, want);
	expect_set(b, makedev(7, 0), BLOCKDEV_BELOW, "7:0");
	make_file(at("sys/devices/virtual/loop0/loop/backing_file"), "/images/gone (deleted)\n");
	expect_set(b, makedev(7, 0), BLOCKDEV_BELOW | BLOCKDEV_LOOPS, "7:0");
	blockdevs_free(b);
}

/* --- mounts --- */

static void expect_path(const struct mounts *m, unsigned int maj, unsigned int min, const char *path, int err,
			const char *want)
{
	char buf[256];

	assert_int_equal(mounts_path(m, makedev(maj, min), path, buf, sizeof(buf)), err);
	assert_string_equal(buf, want);
}

static void test_mounts(void **state)
{
	struct mounts *m = mounts_new(top);
	char small[8];

	assert_int_equal(mounts_count(m), 11);
	assert_string_equal(mounts_find(m, makedev(8, 1))->point, "/mnt/with space\tand\\");
	assert_int_equal(mounts_find(m, makedev(8, 1))->id, 26);
	assert_string_equal(mounts_find(m, makedev(0, 23))->type, "tmpfs");
	assert_null(mounts_find(m, makedev(1, 1)));
	expect_path(m, 259, 2, "/etc/passwd", 0, "/etc/passwd");
	expect_path(m, 259, 2, "/", 0, "/");
	expect_path(m, 8, 1, "/sub/dir/x", 0, "/mnt/with space\tand\\/sub/dir/x");
	expect_path(m, 0, 23, "/", 0, "/dev/shm");
	expect_path(m, 0, 31, "/@home/me/f", 0, "/home/me/f");
	expect_path(m, 0, 31, "/@/etc", 0, "/btr/etc");
	expect_path(m, 0, 31, "/@home", 0, "/home");
	expect_path(m, 0, 31, "/@homes/f", 0, "btrfs:/@homes/f");
	expect_path(m, 1, 1, "/x", -ENOENT, "/x");
	assert_int_equal(mounts_path(m, makedev(259, 2), "/0123456789", small, sizeof(small)), -ENAMETOOLONG);
	assert_string_equal(small, "/012345");
	assert_null(mounts_at(m, 11));
	make_file(at("proc/self/mountinfo"), "1 1 8:1 / /other rw - xfs x rw\n");
	assert_int_equal(mounts_refresh(m), 0);
	assert_int_equal(mounts_count(m), 1);
	unlink(at("proc/self/mountinfo"));
	assert_int_equal(mounts_refresh(m), -ENOENT);
	assert_string_equal(mounts_find(m, makedev(8, 1))->point, "/other");
	mounts_free(m);
	assert_null(mounts_new(top));
	make_file(at("proc/self/mountinfo"), "");
	m = mounts_new(top);
	assert_int_equal(mounts_count(m), 0);
	mounts_free(m);
	make_file(at("proc/self/mountinfo"), mountinfo);
}

/* --- control groups --- */

static void expect_cgroup(struct cgroups *c, const char *arg, int version, const char *controller, const char *path)
{
	char message[CGROUP_MESSAGE];
	struct cgroup out;
	int err = cgroups_find(c, arg, &out, message);

	if (err || out.version != version || strcmp(out.controller, controller) || strcmp(out.path, path) || !out.id)
		fail_msg("%s: %d '%s', %d %s %s", arg, err, message, out.version, out.controller, out.path);
}

static void test_cgroup_find(void **state)
{
	struct cgroups *c = cgroups_new(top);
	char message[CGROUP_MESSAGE];
	struct cgroup out;

	expect_cgroup(c, "/cg/a/b", 2, "", "/a/b");
	expect_cgroup(c, "/cg", 2, "", "/");
	expect_cgroup(c, "/cg/", 2, "", "/");
	expect_cgroup(c, "/", 2, "", "/");
	expect_cgroup(c, "/a/b/", 2, "", "/a/b");
	expect_cgroup(c, "a", 2, "", "/a");
	expect_cgroup(c, "/a/only_cpu", 1, "cpu", "/a/only_cpu");
	expect_cgroup(c, "a/only_blkio", 1, "blkio", "/a/only_blkio");
	expect_cgroup(c, "a/only_named", 1, "name=systemd", "/a/only_named");
	expect_cgroup(c, "/v1/cpu,cpuacct/a", 1, "cpu", "/a");
	assert_int_equal(cgroups_find(c, "/nope", &out, message), -ENOENT);
	assert_non_null(strstr(message, "there is no control group '/nope'; looked in the hierarchies version 2, cpu, blkio, "
				       "name=systemd"));
	assert_int_equal(cgroups_find(c, "", &out, message), -EINVAL);
	assert_int_equal(cgroups_find(c, "/sys", &out, message), -EINVAL);
	assert_non_null(strstr(message, "'/sys' is not in a cgroup file system"));
	assert_int_equal(cgroups_find(c, "../../nope/at/all", &out, message), -ENOENT);
	assert_int_equal(cgroups_find(c, "/cg/cgroup.procs", &out, message), -ENOTDIR);
	cgroups_free(c);
}

static void expect_container(struct cgroups *c, const char *prefix, int err, const char *says)
{
	char message[CGROUP_MESSAGE];
	struct cgroup out = { 0 };

	assert_int_equal(cgroups_find_container(c, prefix, &out, message), err);
	if (!strstr(err ? message : out.path, says))
		fail_msg("%s: '%s' '%s'", prefix, message, out.path);
}

static void test_cgroup_container(void **state)
{
	struct cgroups *c = cgroups_new(top);

	expect_container(c, "01234", 0, "/system.slice/docker-" ID_A ".scope");
	expect_container(c, ID_A, 0, "/system.slice/docker-");
	expect_container(c, "0123f", 0, "/machine.slice/libpod-");
	expect_container(c, "fe", 0, "/kubepods.slice/kubepods-pod1.slice/cri-containerd-");
	expect_container(c, "aaaa", 0, "/kubepods/burstable/pod9/" ID_D);
	expect_container(c, "0123", -EEXIST, "2 containers begin with '0123': 0123");
	expect_container(c, "b", -ENOENT, "no container's id begins with 'b'; there are");
	expect_container(c, "", -EINVAL, "is not the beginning");
	expect_container(c, "../x", -EINVAL, "is not the beginning");
	expect_container(c, ID_A "0", -EINVAL, "is not the beginning");
	cgroups_free(c);
}

static void test_cgroup_path(void **state)
{
	struct cgroups *c = cgroups_new(top);
	struct stat st;

	assert_int_equal(stat(at("cg/a/b"), &st), 0);
	assert_string_equal(cgroups_path(c, st.st_ino), "/a/b");
	assert_string_equal(cgroups_path(c, 1), "");
	assert_int_equal(stat(at("cg"), &st), 0);
	assert_string_equal(cgroups_path(c, st.st_ino), "/");
	assert_int_equal(cgroups_use(c, "cpu"), 0);
	assert_string_equal(cgroups_path(c, st.st_ino), "");
	cgroups_free(c);
	c = cgroups_new(top);
	assert_int_equal(cgroups_use(c, "blkio"), 0);
	assert_int_equal(stat(at("v1/blkio/a/only_blkio"), &st), 0);
	assert_string_equal(cgroups_path(c, st.st_ino), "/a/only_blkio");
	assert_int_equal(cgroups_use(c, "nope"), -ENOENT);
	assert_string_equal(cgroups_path(c, st.st_ino), "");
	cgroups_free(c);
	cgroups_free(NULL);
}

/* --- symbols --- */

static const char kallsyms[] =
	"0000000000000000 A fixed_percpu_data\n"
	"ffffffff81000000 T _text\n"
	"ffffffff81000000 T _stext\n"
	"ffffffff81000100 t helper.isra.0\n"
	"ffffffff81000200 T vfs_read\n"
	"ffffffff81000200 t __vfs_read_alias\n"
	"ffffffff81000280 D some_data\n"
	"ffffffff81000300 t outer.part.0.cold\n"
	"ffffffff81000400 T _etext\n"
	"ffffffffc0200000 t mod_b\t[nvme]\n"
	"ffffffffc0100000 t mod_a\t[xfs]\n"
	"ffffffffc0100080 t vfs_read\t[xfs]\n"
	"junk\n"
	"zz T bad\n";

static void test_symbols_resolve(void **state)
{
	static const struct { uint64_t addr; const char *name; uint64_t offset; const char *module; } t[] = {
		{ 0x10, "?", 0, "" }, { 0xffffffff81000000, "_text", 0, "" }, { 0xffffffff810000ff, "_text", 0xff, "" },
		{ 0xffffffff81000100, "helper", 0, "" }, { 0xffffffff81000200, "vfs_read", 0, "" },
		{ 0xffffffff81000210, "vfs_read", 0x10, "" }, { 0xffffffff81000210, "vfs_read", 0x10, "" },
		{ 0xffffffff81000290, "vfs_read", 0x90, "" }, { 0xffffffff81000310, "outer", 0x10, "" },
		{ 0xffffffff81000400, "?", 0, "" }, { 0xffffffff99000000, "?", 0, "" },
		{ 0xffffffffc0100004, "mod_a", 4, "xfs" }, { 0xffffffffc0100084, "vfs_read", 4, "xfs" },
		{ 0xffffffffc0200008, "mod_b", 8, "nvme" }, { 0xffffffffc0300000, "?", 0, "" }, { UINT64_MAX, "?", 0, "" },
	};
	enum { N = sizeof(t) / sizeof(t[0]) };
	struct ksym_name out[N];
	uint64_t addr[N];
	char file[PATH_MAX];

	make_file(at("kallsyms"), kallsyms);
	snprintf(file, sizeof(file), "%s", at("kallsyms"));
	for (int i = 0; i < N; i++)
		addr[i] = t[i].addr;
	assert_int_equal(ksyms_resolve_in(file, addr, N, out), 0);
	for (int i = 0; i < N; i++)
		if (strcmp(out[i].name, t[i].name) || out[i].offset != t[i].offset || strcmp(out[i].module, t[i].module))
			fail_msg("%llx: %s+%llu [%s]", (unsigned long long)addr[i], out[i].name,
				 (unsigned long long)out[i].offset, out[i].module);
	assert_int_equal(ksyms_resolve_in(file, addr, 0, out), 0);
	addr[0] = addr[1] + 1;
	assert_int_equal(ksyms_resolve_in(file, addr, 2, out), -EINVAL);
	assert_string_equal(out[1].name, "?");
	assert_int_equal(ksyms_resolve_in("/nope", addr + 1, 1, out), -ENOENT);
	assert_string_equal(out[0].name, "?");
}

/* Of variables; where few are told, what lies behind one is another that is not. */
static void test_symbols_data(void **state)
{
	static const uint64_t addr[] = { 0xffff888012345678, 0xffffffff81000200, 0xffffffff81000280, 0xffffffff81000288, 0xffffffff82003ea0 };
	struct ksym_name out[5];
	char file[PATH_MAX], *many = malloc(1 << 16), *p = many;

	assert_non_null(many);
	snprintf(file, sizeof(file), "%s", at("kallsyms"));
	assert_int_equal(ksyms_resolve_data_in(file, addr, 5, out), 0);
	assert_string_equal(out[0].name, "?");
	assert_string_equal(out[1].name, "?");
	assert_string_equal(out[2].name, "some_data");
	assert_string_equal(out[3].name, "?");
	assert_string_equal(out[4].name, "?");
	p += snprintf(p, 64, "ffffffff81000280 D some_data\nffffffff81000284 T not_data\n");
	for (unsigned int i = 0; i < 1000; i++)
		p += snprintf(p, 64, "ffffffff%08x b var%u\n", 0x82000000 + 16 * i, i);
	make_file(at("many"), many);
	snprintf(file, sizeof(file), "%s", at("many"));
	assert_int_equal(ksyms_resolve_data_in(file, addr, 5, out), 0);
	assert_string_equal(out[0].name, "?");
	assert_string_equal(out[1].name, "?");
	assert_string_equal(out[3].name, "some_data");
	assert_int_equal(out[3].offset, 8);
	assert_string_equal(out[4].name, "var999");
	assert_int_equal(out[4].offset, 0x30);
	free(many);
}

static void test_symbols_lookup(void **state)
{
	static const char *const names[] = { "vfs_read", "nope", "mod_b", "vfs_read", "some_data" };
	uint64_t addr[5];
	char file[PATH_MAX], *huge;

	snprintf(file, sizeof(file), "%s", at("kallsyms"));
	assert_int_equal(ksyms_lookup_in(file, names, addr, 5), 4);
	assert_int_equal(addr[0], 0xffffffff81000200);
	assert_int_equal(addr[1], 0);
	assert_int_equal(addr[2], 0xffffffffc0200000);
	assert_int_equal(addr[3], 0xffffffff81000200);
	assert_int_equal(addr[4], 0xffffffff81000280);
	make_file(at("hidden"), "0000000000000000 T _stext\n0000000000000000 T vfs_read\n");
	snprintf(file, sizeof(file), "%s", at("hidden"));
	assert_int_equal(ksyms_lookup_in(file, names, addr, 1), -EPERM);
	struct ksym_name out;
	assert_int_equal(ksyms_resolve_in(file, addr, 1, &out), -EPERM);
	/* a line longer than any buffer, and no newline at the end */
	huge = calloc(1, 100000);
	memset(huge, 'f', 99990);
	make_file(at("huge"), huge);
	free(huge);
	snprintf(file, sizeof(file), "%s", at("huge"));
	assert_int_equal(ksyms_lookup_in(file, names, addr, 1), -EPERM);
}

static void test_symbols_suffix(void **state)
{
	static const struct { const char *name; size_t n; } t[] = {
		{ "vfs_read", 8 }, { "a.isra.0", 1 }, { "a.constprop.0.isra.1", 1 }, { "a.part.12.cold", 1 }, { "a.llvm.123", 1 },
		{ "a.cold", 1 }, { ".cold", 5 }, { "", 0 }, { "do.thing", 8 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(ksym_base_length(t[i].name), t[i].n);
}

/* --- probes: whatever this kernel says, they answer, in words, and twice the same --- */

static void test_probes(void **state)
{
	struct probe *p = probe_new();

	assert_non_null(p);
	for (int i = 0; i < PROBE_N; i++) {
		const struct probe_result *r = probe_get(p, i);

		assert_true(r->why[0] && strlen(r->why) < sizeof(r->why));
		assert_ptr_equal(r, probe_get(p, i));
		assert_true(probe_id_name(i)[0] && probe_id_title(i)[0] && probe_help(p, i));
	}
	assert_false(probe_tracepoint(p, "no_such_tracepoint"));
	assert_false(probe_tracepoint(p, ""));
	assert_false(probe_tracepoint(p, "../sched/sched_switch"));
	assert_false(probe_function(p, "no_such_function"));
	assert_int_equal(probe_tracepoint_args(p, "no_such_tracepoint"), -ENOENT);
	assert_string_equal(probe_tracepoint_arg(p, "no_such_tracepoint", 0), "");
	if (probe_can(p, PROBE_BTF)) {
		assert_true(probe_tracepoint(p, "sched_switch"));
		assert_true(probe_tracepoint_args(p, "sched_switch") >= 3);
		assert_string_equal(probe_tracepoint_arg(p, "sched_switch", 1), "task_struct");
		assert_string_equal(probe_tracepoint_arg(p, "sched_switch", 99), "");
		assert_string_equal(probe_tracepoint_arg(p, "sched_switch", UINT_MAX), "");
		assert_true(probe_function(p, "vfs_read"));
		probe_btf_drop(p);
		assert_true(probe_tracepoint(p, "sched_switch"));
	}
	probe_free(p);
	probe_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blockdev_name), cmocka_unit_test(test_blockdev_parse),
		cmocka_unit_test(test_blockdev_node), cmocka_unit_test(test_blockdev_related),
		cmocka_unit_test(test_blockdev_loop), cmocka_unit_test(test_mounts), cmocka_unit_test(test_cgroup_find),
		cmocka_unit_test(test_cgroup_container), cmocka_unit_test(test_cgroup_path),
		cmocka_unit_test(test_symbols_resolve), cmocka_unit_test(test_symbols_data), cmocka_unit_test(test_symbols_lookup),
		cmocka_unit_test(test_symbols_suffix), cmocka_unit_test(test_probes),
	};

	return cmocka_run_group_tests_name("kernel", tests, setup, teardown);
}
