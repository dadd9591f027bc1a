/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/vec.h"
#include "kernel/blockdev.h"
#include "kernel/mounts.h"

struct named { dev_t dev; char *name; };
typedef VEC(dev_t) dev_vec;

struct blockdevs {
	char *root;
	struct mounts *mounts; /* made when the first anonymous device is asked for */
	VEC(struct named) names;
};

struct blockdevs *blockdevs_new(const char *root)
{
	struct blockdevs *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->root = strdup(root);
	if (!b->root) {
		free(b);
		return NULL;
	}
	return b;
}

void blockdevs_refresh(struct blockdevs *b)
{
	for (size_t i = 0; i < b->names.n; i++)
		free(b->names.v[i].name);
	vec_free(&b->names);
	mounts_free(b->mounts);
	b->mounts = NULL;
}

void blockdevs_free(struct blockdevs *b)
{
	if (!b)
		return;
	blockdevs_refresh(b);
	free(b->root);
	free(b);
}

/* --- sysfs --- */

__attribute__((format(printf, 4, 5)))
static bool path_make(const struct blockdevs *b, char *buf, size_t size, const char *fmt, ...)
{
	int head = snprintf(buf, size, "%s", b->root), n;
	va_list ap;

	if (head < 0 || (size_t)head >= size)
		return false;
	va_start(ap, fmt);
	n = vsnprintf(buf + head, size - (size_t)head, fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < size - (size_t)head;
}

/* "259:3", nothing after it. */
static bool numbers_parse(const char *s, dev_t *dev)
{
	unsigned long v[2];

	for (int i = 0; i < 2; i++) {
		char *end;

		if (!isdigit((unsigned char)*s))
			return false;
		errno = 0;
		v[i] = strtoul(s, &end, 10);
		if (errno || v[i] > UINT_MAX || *end != (i ? '\0' : ':'))
			return false;
		s = end + 1;
	}
	if (v[0] > 0xfff || v[1] > 0xfffff)
		return false;
	*dev = makedev((unsigned int)v[0], (unsigned int)v[1]);
	return true;
}

/* A file "dev" in sysfs. */
static bool dev_read(const char *path, dev_t *dev)
{
	FILE *f = fopen(path, "re");
	char buf[32] = "";

	if (!f)
		return false;
	if (!fgets(buf, sizeof(buf), f))
		buf[0] = '\0';
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	return numbers_parse(buf, dev);
}

/* Directory of a device below sysfs; false when it does not exist. */
static bool dev_dir(const struct blockdevs *b, dev_t dev, char *buf, size_t size)
{
	return path_make(b, buf, size, "/sys/dev/block/%u:%u", major(dev), minor(dev)) && !access(buf, F_OK);
}

/* sysfs writes a slash in a name as '!'. */
static void slash_swap(char *s, char from, char to)
{
	for (; *s; s++)
		if (*s == from)
			*s = to;
}

static char *name_from_sysfs(const struct blockdevs *b, dev_t dev)
{
	char path[PATH_MAX], real[PATH_MAX], *name;
	ssize_t n;

	if (!path_make(b, path, sizeof(path), "/sys/dev/block/%u:%u", major(dev), minor(dev)))
		return NULL;
	n = readlink(path, real, sizeof(real) - 1);
	if (n <= 0)
		return NULL;
	real[n] = '\0';
	name = strrchr(real, '/');
	name = strdup(name ? name + 1 : real);
	if (name)
		slash_swap(name, '!', '/');
	return name;
}

static const struct mount *anonymous_mount(struct blockdevs *b, dev_t dev)
{
	if (!b->mounts)
		b->mounts = mounts_new(b->root);
	return b->mounts ? mounts_find(b->mounts, dev) : NULL;
}

static bool anonymous_exists(struct blockdevs *b, dev_t dev)
{
	return anonymous_mount(b, dev) != NULL;
}

static char *name_from_mounts(struct blockdevs *b, dev_t dev)
{
	const struct mount *m = anonymous_mount(b, dev);
	char *name;

	return m && asprintf(&name, "%s:%s", m->type, m->point) >= 0 ? name : NULL;
}

const char *blockdevs_name(struct blockdevs *b, dev_t dev)
{
	struct named one = { .dev = dev };

	for (size_t i = 0; i < b->names.n; i++)
		if (b->names.v[i].dev == dev)
			return b->names.v[i].name;
	one.name = major(dev) ? name_from_sysfs(b, dev) : name_from_mounts(b, dev);
	if (!one.name && asprintf(&one.name, "%u:%u", major(dev), minor(dev)) < 0)
		return "?";
	if (vec_push(&b->names, one)) {
		free(one.name);
		return "?";
	}
	return one.name;
}

/* --- what a user means --- */

static int parse_path(const struct blockdevs *b, const char *arg, dev_t *dev)
{
	char path[PATH_MAX];
	struct stat st;

	if (!path_make(b, path, sizeof(path), "%s", arg))
		return -ENAMETOOLONG;
	if (stat(path, &st))
		return errno == ENOENT ? -ENODEV : -errno;
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	*dev = st.st_rdev;
	return 0;
}

static int parse_name(const struct blockdevs *b, const char *arg, dev_t *dev)
{
	char path[PATH_MAX], name[NAME_MAX + 1];
	int err;

	if (strlen(arg) > NAME_MAX)
		return -EINVAL;
	snprintf(name, sizeof(name), "%s", arg);
	slash_swap(name, '/', '!');
	if (!path_make(b, path, sizeof(path), "/sys/class/block/%s/dev", name))
		return -ENAMETOOLONG;
	if (dev_read(path, dev))
		return 0;
	/* "home" or "mapper/home" for /dev/mapper/home */
	snprintf(path, sizeof(path), "/dev/%s", arg);
	err = parse_path(b, path, dev);
	if (!err)
		return 0;
	snprintf(path, sizeof(path), "/dev/mapper/%s", arg);
	return parse_path(b, path, dev) ? -ENODEV : 0;
}

int blockdevs_parse(struct blockdevs *b, const char *arg, dev_t *dev)
{
	char path[PATH_MAX];

	if (!arg[0] || !strcmp(arg, ".") || !strcmp(arg, ".."))
		return -EINVAL;
	if (arg[0] == '/')
		return parse_path(b, arg, dev);
	if (arg[0] == '.' && strchr(arg, '/')) {
		struct stat st;

		if (stat(arg, &st))
			return errno == ENOENT ? -ENODEV : -errno;
		*dev = st.st_rdev;
		return S_ISBLK(st.st_mode) ? 0 : -ENOTBLK;
	}
	if (strstr(arg, ".."))
		return -EINVAL;
	if (!numbers_parse(arg, dev))
		return strchr(arg, ':') && isdigit((unsigned char)arg[0]) ? -EINVAL : parse_name(b, arg, dev);
	if (major(*dev))
		return dev_dir(b, *dev, path, sizeof(path)) ? 0 : -ENODEV;
	return anonymous_exists(b, *dev) ? 0 : -ENODEV;
}

int blockdevs_disk(struct blockdevs *b, dev_t dev, dev_t *disk)
{
	char dir[PATH_MAX], path[PATH_MAX];

	*disk = dev;
	if (!dev_dir(b, dev, dir, sizeof(dir)))
		return -ENODEV;
	if (snprintf(path, sizeof(path), "%s/partition", dir) >= (int)sizeof(path) || access(path, F_OK))
		return 0;
	/* dir is a symbolic link, so ".." is the disk's directory */
	if (snprintf(path, sizeof(path), "%s/../dev", dir) >= (int)sizeof(path) || !dev_read(path, disk))
		return -ENODEV;
	return 0;
}

/* --- what is related to it --- */

static int set_add(dev_vec *set, dev_t dev)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i] == dev)
			return 0;
	return vec_push(set, dev);
}

/* Adds the "dev" of each entry of DEVICE/sub; with a marker only entries that hold a file of that name. */
static int add_entries(const struct blockdevs *b, dev_t dev, const char *sub, const char *marker, dev_vec *set)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent *e;
	int err = 0;
	dev_t one;
	DIR *d;

	if (!path_make(b, dir, sizeof(dir), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), sub))
		return -ENAMETOOLONG;
	d = opendir(dir);
	while (d && !err && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (marker && (snprintf(path, sizeof(path), "%s/%s/%s", dir, e->d_name, marker) >=
			       (int)sizeof(path) || access(path, F_OK)))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s/dev", dir, e->d_name) < (int)sizeof(path) &&
		    dev_read(path, &one))
			err = set_add(set, one);
	}
	if (d)
		closedir(d);
	return err;
}

/* Device of the file system that holds a loop device's file. */
static bool loop_backing(const struct blockdevs *b, dev_t loop, dev_t *below)
{
	char path[PATH_MAX], file[PATH_MAX] = "";
	struct stat st;
	FILE *f;

	if (!path_make(b, path, sizeof(path), "/sys/dev/block/%u:%u/loop/backing_file", major(loop), minor(loop)))
		return false;
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(file, sizeof(file), f))
		file[0] = '\0';
	fclose(f);
	file[strcspn(file, "\n")] = '\0';
	if (file[0] != '/' || !path_make(b, path, sizeof(path), "%s", file) || stat(path, &st))
		return false;
	*below = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	return true;
}

struct loop_search { const struct blockdevs *b; dev_t below; dev_vec *set; };

static int loop_add(void *ctx, const char *name, dev_t dev)
{
	struct loop_search *s = ctx;
	dev_t below;

	if (strncmp(name, "loop", 4) || !loop_backing(s->b, dev, &below) || below != s->below)
		return 0;
	return set_add(s->set, dev);
}

static int relate_up(struct blockdevs *b, dev_t dev, unsigned int rel, dev_vec *set)
{
	struct loop_search loops = { b, dev, set };
	int err = 0;

	if (rel & BLOCKDEV_PARTITIONS)
		err = add_entries(b, dev, "", "partition", set);
	if (!err && rel & BLOCKDEV_ABOVE)
		err = add_entries(b, dev, "holders", NULL, set);
	if (!err && rel & BLOCKDEV_ABOVE && rel & BLOCKDEV_LOOPS)
		err = blockdevs_each(b, loop_add, &loops);
	return err;
}

static int relate_down(struct blockdevs *b, dev_t dev, unsigned int rel, dev_vec *set)
{
	dev_t below;
	int err = add_entries(b, dev, "slaves", NULL, set);

	if (!err && !blockdevs_disk(b, dev, &below))
		err = set_add(set, below);
	if (!err && rel & BLOCKDEV_LOOPS && loop_backing(b, dev, &below))
		err = set_add(set, below);
	return err;
}

int blockdevs_related(struct blockdevs *b, dev_t dev, unsigned int relations, dev_t **set, size_t *n)
{
	dev_vec up = { 0 }, down = { 0 };
	char path[PATH_MAX];
	int err;

	*set = NULL;
	*n = 0;
	if (major(dev) ? !dev_dir(b, dev, path, sizeof(path)) : !anonymous_exists(b, dev))
		return -ENODEV;
	/* Up and down apart: else a partition would bring its disk, and that all its other partitions. */
	err = vec_push(&up, dev) ? -ENOMEM : vec_push(&down, dev); /* NOLINT(clang-analyzer-core.NullDereference): v is set once n is */
	for (size_t i = 0; !err && i < up.n; i++)
		err = relate_up(b, up.v[i], relations, &up);
	for (size_t i = 0; !err && relations & BLOCKDEV_BELOW && i < down.n; i++)
		err = relate_down(b, down.v[i], relations, &down);
	for (size_t i = 0; !err && i < down.n; i++)
		err = set_add(&up, down.v[i]);
	vec_free(&down);
	if (err) {
		vec_free(&up);
		return err;
	}
	*set = up.v;
	*n = up.n;
	return 0;
}

int blockdevs_each(struct blockdevs *b, int (*fn)(void *ctx, const char *name, dev_t dev), void *ctx)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent *e;
	int err = 0;
	dev_t dev;
	DIR *d;

	if (!path_make(b, dir, sizeof(dir), "/sys/class/block"))
		return -ENAMETOOLONG;
	d = opendir(dir);
	if (!d)
		return -errno;
	while (!err && (e = readdir(d))) {
		if (e->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s/dev", dir, e->d_name) >= (int)sizeof(path))
			continue;
		if (!dev_read(path, &dev))
			continue;
		slash_swap(e->d_name, '!', '/');
		err = fn(ctx, e->d_name, dev);
	}
	closedir(d);
	return err;
}
