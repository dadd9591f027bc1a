/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Tracepoints with their fields, as tracefs tells them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/parse.h"
#include "kernel/targets.h"

enum { FORMAT_LARGEST = 256 << 10 };

/* --- one field --- */

static bool number_after(const char *line, const char *key, uint32_t *value)
{
	const char *at = strstr(line, key);
	char *end;
	unsigned long v;

	if (!at)
		return false;
	errno = 0;
	v = strtoul(at + strlen(key), &end, 10);
	if (errno || end == at + strlen(key) || *end != ';' || v > UINT32_MAX)
		return false;
	*value = (uint32_t)v;
	return true;
}

/* "char comm[16]", "__data_loc char[] name", "unsigned long args[6]", "int (*fn)(int)": the name is the last word. */
static bool declaration_split(char *decl, struct tp_field *f)
{
	char *bracket = NULL, *end = decl + strlen(decl), *name;

	while (end > decl && end[-1] == ' ')
		*--end = '\0';
	if (end > decl && end[-1] == ']') {
		bracket = strrchr(decl, '[');
		if (!bracket)
			return false;
		end = bracket;
	}
	name = end;
	while (name > decl && name[-1] != ' ' && name[-1] != '*')
		name--;
	if (name == end || name == decl || (size_t)(end - name) >= sizeof(f->name))
		return false;
	snprintf(f->name, sizeof(f->name), "%.*s", (int)(end - name), name);
	if (bracket && bracket[1] == ']')
		f->count = 0;
	while (name > decl && name[-1] == ' ')
		name--;
	snprintf(f->type, sizeof(f->type), "%.*s%s", (int)(name - decl), decl, bracket ? bracket : "");
	return true;
}

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* Bytes of an element of an array; 0: its type is none of those that arrays are made of. */
static uint32_t element_size(const char *type)
{
	static const struct { const char *name; uint32_t size; } t[] = {
		{ "unsigned long", sizeof(long) }, { "long", sizeof(long) }, { "unsigned int", 4 }, { "int", 4 }, { "unsigned short", 2 },
		{ "short", 2 }, { "unsigned char", 1 }, { "signed char", 1 }, { "char", 1 }, { "bool", 1 }, { "__u8", 1 }, { "u8", 1 },
		{ "__u16", 2 }, { "u16", 2 }, { "__be16", 2 }, { "__u32", 4 }, { "u32", 4 }, { "__be32", 4 }, { "__le32", 4 },
		{ "__u64", 8 }, { "u64", 8 }, { "__le64", 8 }, { "uint8_t", 1 }, { "uint32_t", 4 }, { "__s8", 1 }, { "s8", 1 },
		{ "__s32", 4 }, { "s32", 4 }, { "__s64", 8 }, { "s64", 8 },
	};
	size_t len = strcspn(type, "[");

	while (len && type[len - 1] == ' ')
		len--;
	if (len && type[len - 1] == '*')
		return sizeof(void *);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (strlen(t[i].name) == len && !strncmp(t[i].name, type, len))
			return t[i].size;
	return 0;
}

static void field_shape(struct tp_field *f)
{
	const char *type = f->type, *bracket;
	uint32_t one;

	f->data_loc = starts(type, "__data_loc ");
	f->rel_loc = starts(type, "__rel_loc ");
	if (f->data_loc || f->rel_loc)
		type += strcspn(type, " ") + 1;
	if (starts(type, "const "))
		type += strlen("const ");
	f->common = starts(f->name, "common_");
	bracket = strchr(type, '[');
	if (!bracket)
		return;
	f->is_string = starts(type, "char") && (type[4] == '[' || type[4] == ' ');
	one = element_size(type);
	/* the number in the brackets may be a word of the source ("[TASK_COMM_LEN]"), so the sizes tell */
	f->count = !f->data_loc && !f->rel_loc && one ? f->size / one : 0;
}

/* "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;" */
static int field_parse(char *line, struct tp_event *e)
{
	struct tp_field f = { .name = "" };
	char *decl = strstr(line, "field:"), *end;
	uint32_t is_signed;

	if (!decl)
		return 0;
	if (!number_after(line, "\toffset:", &f.off) || !number_after(line, "\tsize:", &f.size) ||
	    !number_after(line, "\tsigned:", &is_signed))
		return 0;
	end = strstr(decl, ";\toffset:");
	if (!end)
		return 0;
	*end = '\0';
	if (!declaration_split(decl + strlen("field:"), &f))
		return 0;
	f.is_signed = is_signed;
	field_shape(&f);
	return vec_push(&e->fields, f);
}

/* --- one event --- */

/* Exactly what the file holds, ended by NUL; NULL with errno set. */
static char *file_read(int dir, const char *path)
{
	size_t cap = 4096, n = 0;
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), err;
	char *buf = NULL, *p;
	ssize_t got;

	if (fd < 0)
		return NULL;
	do {
		p = realloc(buf, cap + 1);
		if (!p) {
			err = ENOMEM;
			goto fail;
		}
		buf = p;
		got = read(fd, buf + n, cap - n);
		if (got < 0 && errno != EINTR) {
			err = errno;
			goto fail;
		}
		n += got > 0 ? (size_t)got : 0;
		cap = n == cap ? cap * 2 : cap;
		err = EFBIG;
		if (cap > FORMAT_LARGEST)
			goto fail;
	} while (got);
	close(fd);
	buf[n] = '\0';
	return buf;
fail:
	close(fd);
	free(buf);
	errno = err;
	return NULL;
}

static int format_parse(char *text, struct tp_event *e)
{
	char *line = text, *next;
	bool have_id = false;
	int err = 0;

	for (; line && !err; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (starts(line, "ID: "))
			have_id = !parse_u32(line + strlen("ID: "), &e->id);
		else if (starts(line, "\tfield:"))
			err = field_parse(line, e);
		else if (starts(line, "print fmt:"))
			break;
	}
	return err ? err : have_id ? 0 : -EINVAL;
}

static bool path_safe(const char *s)
{
	return s[0] && s[0] != '.' && !strchr(s, '/');
}

static int event_read(int events, const char *system, const char *name, struct tp_event *out)
{
	char path[256], *text;
	int n = snprintf(path, sizeof(path), "%s/%s/format", system, name), err;

	*out = (struct tp_event){ .id = 0 };
	if (n >= (int)sizeof(path) || strlen(system) >= sizeof(out->system) || strlen(name) >= sizeof(out->name))
		return -ENOENT;
	text = file_read(events, path);
	if (!text)
		return -errno;
	snprintf(out->system, sizeof(out->system), "%s", system);
	snprintf(out->name, sizeof(out->name), "%s", name);
	err = format_parse(text, out);
	free(text);
	if (err)
		tp_event_free(out);
	return err;
}

void tp_event_free(struct tp_event *e)
{
	vec_free(&e->fields);
}

/* --- all of them --- */

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

typedef VEC(char *) names_t;

static void names_free(names_t *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	vec_free(names);
}

/* The folders in a folder, by name. 0 or -errno. */
static int folders(int at, const char *path, const char *glob, names_t *out)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (e = readdir(d))) {
		char *copy;

		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN) || (glob && !glob_match(glob, e->d_name)))
			continue;
		copy = strdup(e->d_name);
		err = copy ? vec_push(out, copy) : -ENOMEM;
		if (err)
			free(copy);
	}
	closedir(d);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), name_compare);
	return err;
}

static int events_open(int tracefs)
{
	int fd = openat(tracefs, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int tp_event_read(int tracefs, const char *system, const char *name, struct tp_event *out)
{
	int events = events_open(tracefs), err = -ENOENT;
	names_t systems = { 0 };

	if (events < 0)
		return events;
	if (!path_safe(name) || (system && !path_safe(system)))
		err = -ENOENT;
	else if (system)
		err = event_read(events, system, name, out);
	else
		err = folders(events, ".", NULL, &systems);
	if (!system && !err) {
		err = -ENOENT;
		for (size_t i = 0; i < systems.n && err == -ENOENT; i++)
			err = event_read(events, systems.v[i], name, out);
	}
	names_free(&systems);
	close(events);
	return err;
}

int tp_events_each(int tracefs, const char *system, const char *name, int (*fn)(void *ctx, const char *system, const char *name), void *ctx)
{
	int events = events_open(tracefs), err, stop = 0;
	names_t systems = { 0 };

	if (events < 0)
		return events;
	err = folders(events, ".", system, &systems);
	for (size_t i = 0; i < systems.n && !err && !stop; i++) {
		names_t names = { 0 };

		err = folders(events, systems.v[i], name, &names);
		for (size_t k = 0; k < names.n && !err && !stop; k++)
			stop = fn(ctx, systems.v[i], names.v[k]);
		names_free(&names);
	}
	names_free(&systems);
	close(events);
	return err ? err : stop;
}
