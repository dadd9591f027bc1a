/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expr/btf.h"
#include "kernel/elf_file.h"

#define KERNEL_BTF "/sys/kernel/btf/"
enum { NAME_LONGEST = 512, SCANS = 8, FILE_LARGEST = 256 << 20 };

struct btf_file {
	struct btf_file *base;
	void *data;
	size_t size;
	const char *types, *strs;
	uint32_t types_len, strs_len;
	uint32_t first_id, first_str;  /* of split BTF: those of the base come before */
	uint32_t n;
	uint32_t *off;                 /* of each type in types */
	uint32_t *head, *next, buckets; /* names: ids by hash, in ascending order */
	unsigned int scans;
};

/* --- reading --- */

/* Bytes after the header of a type; -1: an unknown kind. */
static int64_t type_tail(const struct btf_type *t)
{
	unsigned int vlen = btf_type_vlen(t);

	switch (btf_type_kind(t)) {
	case BTF_KIND_INT: case BTF_KIND_VAR: case BTF_KIND_DECL_TAG: return 4;
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT: case BTF_KIND_UNION: return (int64_t)vlen * (int64_t)sizeof(struct btf_member);
	case BTF_KIND_ENUM: return (int64_t)vlen * (int64_t)sizeof(struct btf_enum);
	case BTF_KIND_ENUM64: return (int64_t)vlen * (int64_t)sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO: return (int64_t)vlen * (int64_t)sizeof(struct btf_param);
	case BTF_KIND_DATASEC: return (int64_t)vlen * (int64_t)sizeof(struct btf_var_secinfo);
	case BTF_KIND_PTR: case BTF_KIND_FWD: case BTF_KIND_TYPEDEF: case BTF_KIND_VOLATILE: case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT: case BTF_KIND_FUNC: case BTF_KIND_FLOAT: case BTF_KIND_TYPE_TAG: return 0;
	default: return -1;
	}
}

/* Finds where each type lies. The array grows by half: one that is twice too large would be in memory for good. */
static int types_locate(struct btf_file *f)
{
	size_t cap = 0;

	for (uint32_t at = 0; at < f->types_len;) {
		const struct btf_type *t = (const void *)(f->types + at);
		int64_t tail;
		void *p;

		if (f->types_len - at < sizeof(*t))
			return -EINVAL;
		tail = type_tail(t);
		if (tail < 0 || tail > (int64_t)(f->types_len - at - sizeof(*t)))
			return -EINVAL;
		if (f->n == cap) {
			cap = cap ? cap + cap / 2 : 1024;
			p = realloc(f->off, cap * sizeof(*f->off));
			if (!p)
				return -ENOMEM;
			f->off = p;
		}
		f->off[f->n++] = at;
		at += (uint32_t)(sizeof(*t) + (size_t)tail);
	}
	return 0;
}

static int header_read(struct btf_file *f)
{
	const struct btf_header *h = f->data;
	uint64_t room;

	if (f->size < sizeof(*h) || h->magic != BTF_MAGIC || h->version != BTF_VERSION || h->hdr_len < sizeof(*h) ||
	    h->hdr_len > f->size)
		return -EINVAL;
	room = f->size - h->hdr_len;
	if ((uint64_t)h->type_off + h->type_len > room || (uint64_t)h->str_off + h->str_len > room || !h->str_len ||
	    (h->hdr_len + h->type_off) % 4)
		return -EINVAL;
	f->types = (const char *)f->data + h->hdr_len + h->type_off;
	f->types_len = h->type_len;
	f->strs = (const char *)f->data + h->hdr_len + h->str_off;
	f->strs_len = h->str_len;
	if (f->strs[f->strs_len - 1])
		return -EINVAL;
	if (f->base) {
		f->first_id = btf_file_end(f->base);
		f->first_str = f->base->first_str + f->base->strs_len;
	} else {
		f->first_id = 1;
	}
	return types_locate(f);
}

/* Takes data, which is a mapping of its own. */
static struct btf_file *file_take(void *data, size_t size, struct btf_file *base)
{
	struct btf_file *f = calloc(1, sizeof(*f));
	int err;

	if (!f) {
		munmap(data, size);
		errno = ENOMEM;
		return NULL;
	}
	f->base = base;
	f->data = data;
	f->size = size;
	err = header_read(f);
	if (err) {
		btf_file_free(f);
		errno = -err;
		return NULL;
	}
	return f;
}

static void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct btf_file *btf_file_new(const void *data, size_t size, struct btf_file *base)
{
	void *p = size && size <= FILE_LARGEST ? pages(size) : NULL;

	if (!p) {
		errno = size && size <= FILE_LARGEST ? ENOMEM : EINVAL;
		return NULL;
	}
	memcpy(p, data, size);
	return file_take(p, size, base);
}

static struct btf_file *elf_open(const char *path, struct btf_file *base)
{
	struct btf_file *f = NULL;
	struct elf_file elf;
	Elf_Data *data;
	Elf_Scn *scn;
	int err = elf_file_open(path, &elf);

	if (err) {
		errno = -err;
		return NULL;
	}
	scn = elf_file_section(elf.elf, ".BTF");
	data = scn ? elf_rawdata(scn, NULL) : NULL;
	/* ids of a module built elsewhere count from a base of its own, which comes with it (from 6.11 on) */
	if (data && data->d_buf && !(base && elf_file_section(elf.elf, ".BTF.base")))
		f = btf_file_new(data->d_buf, data->d_size, base);
	else
		errno = ENODATA;
	elf_file_close(&elf);
	return f;
}

/* The kernel lets its own BTF be mapped from 6.16 on; a file that somebody else may cut short is read. */
static void *raw_read(int fd, size_t size, bool may_map)
{
	void *p = may_map ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	size_t have = 0;

	if (p != MAP_FAILED)
		return p;
	p = pages(size);
	while (p && have < size) {
		ssize_t n = pread(fd, (char *)p + have, size - have, (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int err = n ? errno : EINVAL;

			munmap(p, size);
			errno = err;
			return NULL;
		}
		have += (size_t)n;
	}
	return p;
}

static struct btf_file *fd_open(const char *path, int fd, bool of_kernel, struct btf_file *base)
{
	unsigned char magic[2] = { 0 };
	struct stat st;
	void *data;

	if (fstat(fd, &st))
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	if (pread(fd, magic, sizeof(magic), 0) < 0)
		return NULL;
	if (magic[0] != (BTF_MAGIC & 0xff) || magic[1] != BTF_MAGIC >> 8)
		return elf_open(path, base);
	if (st.st_size > FILE_LARGEST) {
		errno = EINVAL;
		return NULL;
	}
	data = raw_read(fd, (size_t)st.st_size, of_kernel);
	return data ? file_take(data, (size_t)st.st_size, base) : NULL;
}

struct btf_file *btf_file_open(const char *path, struct btf_file *base)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;
	struct btf_file *f;

	if (fd < 0)
		return NULL;
	f = fd_open(path, fd, !strncmp(path, KERNEL_BTF, strlen(KERNEL_BTF)), base);
	err = errno;
	close(fd);
	errno = err;
	return f;
}

void btf_file_free(struct btf_file *f)
{
	if (!f)
		return;
	munmap(f->data, f->size);
	free(f->off);
	free(f->head);
	free(f->next);
	free(f);
}

/* --- looking --- */

uint32_t btf_file_first(const struct btf_file *f)
{
	return f->first_id;
}

uint32_t btf_file_end(const struct btf_file *f)
{
	return f->first_id + f->n;
}

const struct btf_type *btf_file_type(const struct btf_file *f, uint32_t id)
{
	while (f->base && id < f->first_id)
		f = f->base;
	if (id < f->first_id || id - f->first_id >= f->n)
		return NULL;
	return (const void *)(f->types + f->off[id - f->first_id]);
}

const char *btf_file_str(const struct btf_file *f, uint32_t off)
{
	while (f->base && off < f->first_str)
		f = f->base;
	return off - f->first_str < f->strs_len ? f->strs + (off - f->first_str) : "";
}

bool btf_file_tells_signs(const struct btf_file *f)
{
	for (; f; f = f->base)
		for (uint32_t i = 0; i < f->n; i++) {
			const struct btf_type *t = (const void *)(f->types + f->off[i]);

			if (btf_type_kind(t) == BTF_KIND_ENUM64 || (btf_type_kind(t) == BTF_KIND_ENUM && BTF_INFO_KFLAG(t->info)))
				return true;
		}
	return false;
}

/* --- names --- */

static uint32_t name_hash(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

static const struct btf_type *own(const struct btf_file *f, uint32_t i)
{
	return (const void *)(f->types + f->off[i]);
}

/* From the last to the first, so that each chain ascends. */
static bool names_index(struct btf_file *f)
{
	f->buckets = 64;
	while (f->buckets < f->n)
		f->buckets *= 2;
	f->head = calloc(f->buckets, sizeof(*f->head));
	f->next = calloc(f->n + 1, sizeof(*f->next));
	if (!f->head || !f->next) {
		free(f->head);
		free(f->next);
		f->head = f->next = NULL;
		return false;
	}
	for (uint32_t i = f->n; i-- > 0;) {
		const struct btf_type *t = own(f, i);
		uint32_t *head;

		if (!t->name_off)
			continue;
		head = &f->head[name_hash(btf_file_str(f, t->name_off)) & (f->buckets - 1)];
		f->next[i] = *head;
		*head = f->first_id + i;
	}
	return true;
}

static uint32_t names_find(const struct btf_file *f, const char *name, uint32_t kinds, uint32_t after)
{
	uint32_t id = f->head[name_hash(name) & (f->buckets - 1)];

	for (; id; id = f->next[id - f->first_id]) {
		const struct btf_type *t = own(f, id - f->first_id);

		if (id > after && kinds & 1u << btf_type_kind(t) && !strcmp(btf_file_str(f, t->name_off), name))
			return id;
	}
	return 0;
}

/* Offset of a string, 0: there is none. Strings are in a BTF once: whoever makes one (pahole, clang) sees to that. */
static uint32_t str_offset(const struct btf_file *f, const char *name)
{
	char needle[NAME_LONGEST + 2] = "";
	size_t len = strlen(name);
	const char *at;

	if (!len || len >= NAME_LONGEST)
		return 0;
	snprintf(needle + 1, sizeof(needle) - 1, "%s", name);
	at = memmem(f->strs, f->strs_len, needle, len + 2);
	return at ? f->first_str + (uint32_t)(at + 1 - f->strs) : 0;
}

static uint32_t names_scan(const struct btf_file *f, const char *name, uint32_t kinds, uint32_t after)
{
	uint32_t mine = str_offset(f, name), theirs = f->base ? str_offset(f->base, name) : 0;
	uint32_t from = after >= f->first_id ? after - f->first_id + 1 : 0;

	if (!mine && !theirs)
		return 0;
	for (uint32_t i = from; i < f->n; i++) {
		const struct btf_type *t = own(f, i);

		if (t->name_off && (t->name_off == mine || t->name_off == theirs) && kinds & 1u << btf_type_kind(t))
			return f->first_id + i;
	}
	return 0;
}

uint32_t btf_file_find(struct btf_file *f, const char *name, uint32_t kinds, uint32_t after)
{
	if (!f->head && ++f->scans > SCANS)
		names_index(f); /* without memory for it there are only more scans */
	return f->head ? names_find(f, name, kinds, after) : names_scan(f, name, kinds, after);
}
