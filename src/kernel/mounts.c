/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <stdint.h>
#include <sys/sysmacros.h>
#include "base/vec.h"
#include "kernel/mounts.h"

/* text: the whole of mountinfo, cut into strings in place. */
struct mounts {
	char *file;
	char *text;
	VEC(struct mount) list;
};

/* "\040" -> " ", in place: the kernel escapes space, tab, newline, backslash and '#'. */
static void octal_decode(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

static char *field_next(char **line)
{
	char *field = *line;

	if (!field)
		return NULL;
	*line = strchr(field, ' ');
	if (*line)
		*(*line)++ = '\0';
	return field;
}

/* "24 27 0:6 / /dev rw,relatime shared:2 - devtmpfs devtmpfs rw"; any number of tags before the dash. */
static int mount_parse(char *line, struct mount *m)
{
	unsigned int maj, min;
	char *field[5], *tag;

	for (int i = 0; i < 5; i++) {
		field[i] = field_next(&line);
		if (!field[i])
			return -EINVAL;
	}
	if (sscanf(field[0], "%u", &m->id) != 1 || sscanf(field[2], "%u:%u", &maj, &min) != 2)
		return -EINVAL;
	while ((tag = field_next(&line)) && strcmp(tag, "-"))
		;
	m->dev = makedev(maj, min);
	m->root = field[3];
	m->point = field[4];
	m->type = tag = field_next(&line);
	m->source = field_next(&line);
	m->options = field_next(&line);
	if (!m->options)
		return -EINVAL;
	octal_decode(field[3]);
	octal_decode(field[4]);
	octal_decode(tag);
	octal_decode((char *)m->source);
	return 0;
}

static char *text_read(const char *file)
{
	VEC(char) text = { 0 };
	FILE *f = fopen(file, "re");
	size_t n = 1;

	if (!f)
		return NULL;
	while (n) {
		if (vec_reserve(&text, 4096)) {
			vec_free(&text);
			break;
		}
		n = fread(text.v + text.n, 1, 4095, f);
		text.n += n;
		text.v[text.n] = '\0';
	}
	fclose(f);
	errno = text.v ? 0 : ENOMEM;
	return text.v;
}

int mounts_refresh(struct mounts *m)
{
	struct mounts next = { .text = text_read(m->file) };
	char *line = next.text, *end;
	struct mount one;

	if (!next.text)
		return -errno;
	for (; line && *line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		if (mount_parse(line, &one))
			continue;
		if (vec_push(&next.list, one)) {
			vec_free(&next.list);
			free(next.text);
			return -ENOMEM;
		}
	}
	vec_free(&m->list);
	free(m->text);
	m->text = next.text;
	m->list.v = next.list.v;
	m->list.n = next.list.n;
	m->list.cap = next.list.cap;
	return 0;
}

struct mounts *mounts_new(const char *root)
{
	struct mounts *m = calloc(1, sizeof(*m));
	int err = -ENOMEM;

	if (!m)
		return NULL;
	if (asprintf(&m->file, "%s/proc/self/mountinfo", root) < 0)
		m->file = NULL;
	else
		err = mounts_refresh(m);
	if (err) {
		mounts_free(m);
		errno = -err;
		return NULL;
	}
	return m;
}

void mounts_free(struct mounts *m)
{
	if (!m)
		return;
	vec_free(&m->list);
	free(m->text);
	free(m->file);
	free(m);
}

size_t mounts_count(const struct mounts *m)
{
	return m->list.n;
}

const struct mount *mounts_at(const struct mounts *m, size_t i)
{
	return i < m->list.n ? &m->list.v[i] : NULL;
}

/* Length of root when it is path or a directory above it, SIZE_MAX otherwise. "/" has length 0. */
static size_t root_covers(const char *root, const char *path)
{
	size_t n = strlen(root);

	if (n == 1 && root[0] == '/')
		return 0;
	return !strncmp(root, path, n) && (path[n] == '/' || !path[n]) ? n : SIZE_MAX;
}

/* The mount that shows path with the shortest root, then at the shortest place; path NULL: any. */
static const struct mount *mount_choose(const struct mounts *m, dev_t dev, const char *path)
{
	const struct mount *best = NULL;
	size_t best_root = 0;

	for (size_t i = 0; i < m->list.n; i++) {
		const struct mount *one = &m->list.v[i];
		size_t root = root_covers(one->root, path ? path : one->root);

		if (one->dev != dev || root == SIZE_MAX)
			continue;
		if (!best || root < best_root ||
		    (root == best_root && strlen(one->point) < strlen(best->point))) {
			best = one;
			best_root = root;
		}
	}
	return best;
}

const struct mount *mounts_find(const struct mounts *m, dev_t dev)
{
	return mount_choose(m, dev, NULL);
}

int mounts_path(const struct mounts *m, dev_t dev, const char *path, char *buf, size_t size)
{
	const struct mount *one = mount_choose(m, dev, path);
	const char *rest = path, *head = "";
	int n;

	if (one) {
		rest += root_covers(one->root, path);
		head = strcmp(one->point, "/") ? one->point : "";
		if (!strcmp(rest, "/")) /* NOLINT(clang-analyzer-core.NonNullParamChecker): path is never NULL */
			rest = head[0] ? "" : "/";
		else if (!rest[0] && !head[0])
			rest = "/";
		n = snprintf(buf, size, "%s%s", head, rest);
	} else {
		one = mounts_find(m, dev);
		n = one ? snprintf(buf, size, "%s:%s", one->type, path) : snprintf(buf, size, "%s", path);
	}
	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	return one ? 0 : -ENOENT;
}
