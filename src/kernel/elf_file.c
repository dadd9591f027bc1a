/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <elfutils/libdwelf.h>

#include "kernel/elf_file.h"

#define DEBUG_DIR "/usr/lib/debug"

static bool elf_is_ours(Elf *elf)
{
	const unsigned char here = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	GElf_Ehdr eh;

	return elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh) && eh.e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh.e_ident[EI_DATA] == here;
}

bool elf_file_packed(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strstr(slash ? slash : path, ".ko.") != NULL;
}

/* Not mapped, for it may be cut short while it is read; but what is unpacked is in memory anyway. */
static Elf *elf_from(int fd, const char *path)
{
	char magic[SELFMAG];

	elf_version(EV_CURRENT);
	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && !memcmp(magic, ELFMAG, SELFMAG))
		return elf_begin(fd, ELF_C_READ, NULL);
	return elf_file_packed(path) ? dwelf_elf_begin(fd) : NULL;
}

int elf_file_open(const char *path, struct elf_file *f)
{
	struct stat st;
	int err;

	*f = (struct elf_file){ .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	if (f->fd < 0)
		return -errno;
	if (fstat(f->fd, &st))
		err = -errno;
	else
		err = S_ISREG(st.st_mode) ? 0 : -ENOEXEC;
	if (!err) {
		f->elf = elf_from(f->fd, path);
		err = f->elf && elf_is_ours(f->elf) ? 0 : -ENOEXEC;
	}
	if (err)
		elf_file_close(f);
	return err;
}

void elf_file_close(struct elf_file *f)
{
	if (f->elf)
		elf_end(f->elf);
	if (f->fd >= 0)
		close(f->fd);
	*f = (struct elf_file){ .fd = -1 };
}

Elf_Scn *elf_file_section(Elf *elf, const char *name)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *is = gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;

		if (is && !strcmp(is, name))
			return scn;
	}
	return NULL;
}

uint64_t elf_file_offset(Elf *elf, uint64_t addr)
{
	GElf_Phdr ph;
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_LOAD && addr >= ph.p_vaddr && addr - ph.p_vaddr < ph.p_filesz)
			return addr - ph.p_vaddr + ph.p_offset;
	return 0;
}

/* --- separate debug files --- */

static int build_id(Elf *elf, const unsigned char **id)
{
	const void *bits = NULL;
	ssize_t n = dwelf_elf_gnu_build_id(elf, &bits);

	*id = bits;
	return n >= 2 && n <= 64 ? (int)n : 0;
}

/* What a debug link asks of its file, where a build id does not say that it fits. */
static bool crc_matches(int fd, uint32_t crc)
{
	unsigned char buf[65536];
	uLong is = crc32(0, NULL, 0);
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		is = crc32(is, buf, (uInt)n);
		at += n;
	}
	return !n && is == crc;
}

/* The file that a build id (n bytes) or, where crc is given, a debug link is for. */
static bool debug_matches(const char *path, const unsigned char *id, int n, const uint32_t *crc)
{
	const unsigned char *has;
	struct elf_file f;
	bool fits;
	int m;

	if (elf_file_open(path, &f))
		return false;
	m = build_id(f.elf, &has);
	fits = n && m ? n == m && !memcmp(id, has, (size_t)n) : crc && crc_matches(f.fd, *crc);
	fits = fits && (elf_file_section(f.elf, ".debug_info") || elf_file_section(f.elf, ".symtab"));
	elf_file_close(&f);
	return fits;
}

static int by_build_id(const unsigned char *id, int n, char *path, size_t cap)
{
	int at = snprintf(path, cap, DEBUG_DIR "/.build-id/%02x/", id[0]);

	for (int i = 1; i < n; i++)
		at += snprintf(path + at, cap - (size_t)at, "%02x", id[i]);
	snprintf(path + at, cap - (size_t)at, ".debug");
	return debug_matches(path, id, n, NULL) ? 0 : -ENOENT;
}

/* As gdb looks: beside the file, in .debug there, and below /usr/lib/debug. */
static int by_link(const char *file, const char *link, uint32_t crc, const unsigned char *id, int n, char *path, size_t cap)
{
	static const struct { const char *before, *between; } where[] = { { "", "/" }, { "", "/.debug/" }, { DEBUG_DIR, "/" } };
	char real[PATH_MAX], *slash;
	int dir;

	if (!realpath(file, real) || strchr(link, '/') || !(slash = strrchr(real, '/')))
		return -ENOENT;
	dir = (int)(slash - real);
	for (int i = 0; i < 3; i++) {
		int len = snprintf(path, cap, "%s%.*s%s%s", where[i].before, dir, real, where[i].between, link);

		if (len < (int)cap && strcmp(path, real) && debug_matches(path, id, n, &crc))
			return 0;
	}
	return -ENOENT;
}

int elf_debug_file(const char *path, Elf *elf, char **found)
{
	char at[2 * PATH_MAX];
	const unsigned char *id;
	const char *link;
	GElf_Word crc;
	int n = build_id(elf, &id), err = -ENOENT;

	if (n)
		err = by_build_id(id, n, at, sizeof(at));
	if (err && (link = dwelf_elf_gnu_debuglink(elf, &crc)))
		err = by_link(path, link, crc, id, n, at, sizeof(at));
	if (err)
		return err;
	*found = strdup(at);
	return *found ? 0 : -ENOMEM;
}
