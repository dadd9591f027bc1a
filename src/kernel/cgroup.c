/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/vec.h"
#include "kernel/cgroup.h"
#include "kernel/mounts.h"

struct hierarchy {
	int version;
	char controller[32];
	char *point;            /* with the root before it */
};

struct known { uint64_t id; char *path; };

struct cgroups {
	char *root;
	VEC(struct hierarchy) list;     /* v2 first, those without a controller last */
	const struct hierarchy *use;    /* of cgroups_path; NULL: none mounted */
	VEC(struct known) known;        /* sorted by id */
	time_t walked;                  /* CLOCK_MONOTONIC seconds */
};

enum { DEPTH_MAX = 64, ID_LEAST = 32 };

/* --- the hierarchies --- */

/* "rw,xattr,name=systemd" -> "name=systemd"; "rw,cpu,cpuacct" -> "cpu": what is not a mount option. */
static void controller_parse(const char *options, char *buf, size_t size)
{
	static const char *const not[] = { "rw", "ro", "xattr", "noprefix", "clone_children", "none", "cpuset_v2_mode",
					   "favordynmods" };

	buf[0] = '\0';
	while (*options) {
		size_t n = strcspn(options, ",");
		bool other = !strncmp(options, "release_agent=", 14);

		for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++)
			other |= strlen(not[i]) == n && !strncmp(options, not[i], n);
		/* a real controller is better than a name */
		if (!other && (!buf[0] || !strncmp(buf, "name=", 5)) && n)
			snprintf(buf, size, "%.*s", (int)n, options);
		options += n + (options[n] == ',');
	}
}

static int hierarchy_rank(const struct hierarchy *h)
{
	return h->version == 2 ? 0 : strncmp(h->controller, "name=", 5) ? 1 : 2;
}

/* Inserted before the first of a higher rank, so that mount order remains within a rank. */
static int hierarchy_add(struct cgroups *c, const struct hierarchy *h)
{
	size_t at = c->list.n;

	if (vec_push(&c->list, *h))
		return -ENOMEM;
	for (; at && hierarchy_rank(&c->list.v[at - 1]) > hierarchy_rank(h); at--)
		c->list.v[at] = c->list.v[at - 1];
	c->list.v[at] = *h;
	return 0;
}

static int hierarchies_read(struct cgroups *c)
{
	struct mounts *m = mounts_new(c->root);
	int err = m ? 0 : -errno;

	for (size_t i = 0; !err && i < mounts_count(m); i++) {
		const struct mount *one = mounts_at(m, i);
		struct hierarchy h = { .version = !strcmp(one->type, "cgroup2") ? 2 : 1 };

		if (strcmp(one->type, "cgroup2") && strcmp(one->type, "cgroup"))
			continue;
		if (mounts_find(m, one->dev) != one) /* the same again elsewhere */
			continue;
		if (h.version == 1)
			controller_parse(one->options, h.controller, sizeof(h.controller));
		if (asprintf(&h.point, "%s%s", c->root, one->point) < 0)
			err = -ENOMEM;
		else if (hierarchy_add(c, &h)) {
			free(h.point);
			err = -ENOMEM;
		}
	}
	mounts_free(m);
	return err;
}

struct cgroups *cgroups_new(const char *root)
{
	struct cgroups *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return NULL;
	c->root = strdup(root);
	err = c->root ? hierarchies_read(c) : -ENOMEM;
	if (err) {
		cgroups_free(c);
		errno = -err;
		return NULL;
	}
	cgroups_use(c, NULL);
	return c;
}

static void known_clear(struct cgroups *c)
{
	for (size_t i = 0; i < c->known.n; i++)
		free(c->known.v[i].path);
	vec_free(&c->known);
	c->walked = 0;
}

void cgroups_free(struct cgroups *c)
{
	if (!c)
		return;
	known_clear(c);
	for (size_t i = 0; i < c->list.n; i++)
		free(c->list.v[i].point);
	vec_free(&c->list);
	free(c->root);
	free(c);
}

int cgroups_use(struct cgroups *c, const char *controller)
{
	known_clear(c);
	c->use = NULL;
	for (size_t i = 0; i < c->list.n && !c->use; i++)
		if (!strcmp(c->list.v[i].controller, controller ? controller : ""))
			c->use = &c->list.v[i];
	return c->use ? 0 : -ENOENT;
}

/* --- messages --- */

__attribute__((format(printf, 2, 3)))
static void message_add(char *message, const char *fmt, ...)
{
	size_t n = strlen(message);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message + n, CGROUP_MESSAGE - n, fmt, ap);
	va_end(ap);
}

static void message_hierarchies(const struct cgroups *c, char *message)
{
	if (!c->list.n)
		message_add(message, "; no cgroup file system is mounted");
	for (size_t i = 0; i < c->list.n; i++)
		message_add(message, "%s%s", i ? ", " : "; looked in the hierarchies ",
			    c->list.v[i].version == 2 ? "version 2" : c->list.v[i].controller);
}

/* --- a user's path --- */

static int cgroup_fill(const struct hierarchy *h, const char *path, struct cgroup *out)
{
	char full[PATH_MAX];
	struct stat st;

	while (*path == '/')
		path++;
	if (snprintf(full, sizeof(full), "%s/%s", h->point, path) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	if (stat(full, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	*out = (struct cgroup){ .id = st.st_ino, .version = h->version };
	snprintf(out->controller, sizeof(out->controller), "%s", h->controller);
	if (snprintf(out->path, sizeof(out->path), "/%s", path) >= (int)sizeof(out->path))
		return -ENAMETOOLONG;
	for (size_t n = strlen(out->path); n > 1 && out->path[n - 1] == '/'; n--)
		out->path[n - 1] = '\0';
	return 0;
}

/* Below which hierarchy a directory is: the longest mount point wins. */
static int directory_find(const struct cgroups *c, const char *dir, struct cgroup *out)
{
	char real[PATH_MAX], point[PATH_MAX];
	const struct hierarchy *best = NULL;
	size_t best_len = 0;

	if (!realpath(dir, real))
		return -errno;
	for (size_t i = 0; i < c->list.n; i++) {
		size_t n = realpath(c->list.v[i].point, point) ? strlen(point) : 0;

		if (n > best_len && !strncmp(real, point, n) && (real[n] == '/' || !real[n])) {
			best = &c->list.v[i];
			best_len = n;
		}
	}
	return best ? cgroup_fill(best, real + best_len, out) : -EXDEV;
}

static bool has_dotdot(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")); at += 2)
		if ((at == path || at[-1] == '/') && (at[2] == '/' || !at[2]))
			return true;
	return false;
}

int cgroups_find(struct cgroups *c, const char *arg, struct cgroup *out, char *message)
{
	char full[PATH_MAX];
	int as_dir, err = -ENOENT;

	message[0] = '\0';
	if (!arg[0]) {
		message_add(message, "the path is empty");
		return -EINVAL;
	}
	if (snprintf(full, sizeof(full), "%s%s", arg[0] == '/' ? c->root : "", arg) >= (int)sizeof(full)) {
		message_add(message, "the path is too long");
		return -EINVAL;
	}
	as_dir = directory_find(c, full, out);
	if (!as_dir)
		return 0;
	for (size_t i = 0; !has_dotdot(arg) && err && i < c->list.n; i++)
		err = cgroup_fill(&c->list.v[i], arg, out);
	if (!err)
		return 0;
	if (as_dir == -EXDEV) {
		message_add(message, "'%.200s' is not in a cgroup file system", arg);
		message_hierarchies(c, message);
		return -EINVAL;
	}
	err = as_dir == -ENOTDIR || err == -ENOTDIR ? -ENOTDIR : -ENOENT;
	message_add(message, "%s '%.200s'", err == -ENOTDIR ? "not a control group:" : "there is no control group", arg);
	message_hierarchies(c, message);
	return err;
}

/* --- walking --- */

/* path: below the hierarchy's root. Non-zero ends the walk. */
typedef int (*walk_fn)(void *ctx, const char *path, const char *name, uint64_t id);

static int walk_dir(int parent, const char *name, char *path, size_t len, int depth, walk_fn fn, void *ctx)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return 0; /* gone, or not ours to see */
	}
	while (!err && (e = readdir(d))) {
		int n;

		if (e->d_type != DT_DIR || !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		n = snprintf(path + len, PATH_MAX - len, "/%s", e->d_name);
		if (n < 0 || (size_t)n >= PATH_MAX - len)
			continue;
		err = fn(ctx, path, e->d_name, e->d_ino);
		if (!err && depth < DEPTH_MAX)
			err = walk_dir(fd, e->d_name, path, len + (size_t)n, depth + 1, fn, ctx);
	}
	closedir(d);
	return err;
}

static int hierarchy_walk(const struct hierarchy *h, walk_fn fn, void *ctx)
{
	char path[PATH_MAX] = "";

	return walk_dir(AT_FDCWD, h->point, path, 0, 0, fn, ctx);
}

/* --- containers --- */

/* Every runtime puts its 64 hexadecimal digits into the name: docker-<id>.scope, libpod-<id>.scope,
 * cri-containerd-<id>.scope, crio-<id>.scope, ...:cri-containerd:<id>, or the id alone. */
static const char *container_id(const char *name, size_t *len)
{
	if (strstr(name, "conmon"))
		return NULL;
	while (*name) {
		size_t n = strspn(name, "0123456789abcdef");

		if (n >= ID_LEAST) {
			*len = n;
			return name;
		}
		name += n ? n : 1;
	}
	return NULL;
}

struct container { char id[72]; const struct hierarchy *h; char *path; };
struct container_search {
	const char *prefix;
	const struct hierarchy *h;
	VEC(struct container) all;
	size_t matches, first;
};

static int container_collect(void *ctx, const char *path, const char *name, uint64_t inode)
{
	struct container_search *s = ctx;
	struct container one = { .h = s->h };
	const char *id;
	size_t len;

	id = container_id(name, &len);
	if (!id)
		return 0;
	snprintf(one.id, sizeof(one.id), "%.*s", (int)len, id);
	for (size_t i = 0; i < s->all.n; i++)
		if (!strcmp(s->all.v[i].id, one.id))
			return 0; /* in another hierarchy, or a cgroup within it */
	one.path = strdup(path);
	if (!one.path || vec_push(&s->all, one)) {
		free(one.path);
		return -ENOMEM;
	}
	if (!strncmp(one.id, s->prefix, strlen(s->prefix)) && !s->matches++)
		s->first = s->all.n - 1;
	return 0;
}

static int container_failed(const struct container_search *s, char *message)
{
	size_t shown = 0;

	if (s->matches)
		message_add(message, "%zu containers begin with '%.64s'", s->matches, s->prefix);
	else if (s->all.n)
		message_add(message, "no container's id begins with '%.64s'; there are", s->prefix);
	else
		message_add(message, "no container's id begins with '%.64s': there is no container's control group here",
			    s->prefix);
	for (size_t i = 0; i < s->all.n; i++) {
		const struct container *one = &s->all.v[i];

		if (s->matches && strncmp(one->id, s->prefix, strlen(s->prefix)))
			continue;
		if (shown++ < 10)
			message_add(message, "%s%.12s", shown == 1 ? ": " : ", ", one->id);
	}
	if (shown > 10)
		message_add(message, " and %zu more", shown - 10);
	return s->matches ? -EEXIST : -ENOENT;
}

int cgroups_find_container(struct cgroups *c, const char *prefix, struct cgroup *out, char *message)
{
	struct container_search s = { .prefix = prefix };
	int err = 0;

	message[0] = '\0';
	if (!prefix[0] || prefix[strspn(prefix, "0123456789abcdef")] || strlen(prefix) > 64) {
		message_add(message, "'%.80s' is not the beginning of a container's id (hexadecimal digits)", prefix);
		return -EINVAL;
	}
	for (size_t i = 0; !err && i < c->list.n; i++) {
		s.h = &c->list.v[i];
		err = hierarchy_walk(s.h, container_collect, &s);
	}
	if (err)
		message_add(message, "out of memory");
	else if (s.matches != 1)
		err = container_failed(&s, message);
	else
		err = cgroup_fill(s.all.v[s.first].h, s.all.v[s.first].path, out);
	if (err && !message[0])
		message_add(message, "%s: %s", s.all.v[s.first].path, strerror(-err));
	for (size_t i = 0; i < s.all.n; i++)
		free(s.all.v[i].path);
	vec_free(&s.all);
	return err;
}

/* --- id to path --- */

static int known_compare(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static const struct known *known_find(const struct cgroups *c, uint64_t id, size_t n)
{
	const struct known key = { .id = id };

	return n ? bsearch(&key, c->known.v, n, sizeof(key), known_compare) : NULL;
}

struct known_walk { struct cgroups *c; size_t sorted; };

static int known_add(void *ctx, const char *path, const char *name, uint64_t id)
{
	struct known_walk *w = ctx;
	struct known one = { .id = id };

	if (known_find(w->c, id, w->sorted))
		return 0;
	one.path = strdup(path);
	if (!one.path || vec_push(&w->c->known, one)) {
		free(one.path);
		return -ENOMEM;
	}
	return 0;
}

static void known_refresh(struct cgroups *c)
{
	struct known_walk w = { c, c->known.n };
	struct stat st;

	if (!stat(c->use->point, &st))
		known_add(&w, "/", "", st.st_ino);
	hierarchy_walk(c->use, known_add, &w);
	if (c->known.n)
		qsort(c->known.v, c->known.n, sizeof(*c->known.v), known_compare);
}

const char *cgroups_path(struct cgroups *c, uint64_t id)
{
	const struct known *k = known_find(c, id, c->known.n);
	struct timespec now;

	if (k || !c->use)
		return k ? k->path : "";
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (c->walked && now.tv_sec - c->walked < 1)
		return "";
	c->walked = now.tv_sec ? now.tv_sec : 1;
	known_refresh(c);
	k = known_find(c, id, c->known.n);
	return k ? k->path : "";
}
