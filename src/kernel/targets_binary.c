/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Which file people mean by the name of a program, a library or a process. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/targets.h"

static int answer(char **path, const char *found)
{
	*path = strdup(found);
	return *path ? 0 : -ENOMEM;
}

static bool is_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* --- a process --- */

/* The path of its executable, where that is still the same file here: it may be deleted, or in another mount namespace. */
static int of_process(const char *pid, char **path)
{
	char exe[64], real[PATH_MAX];
	struct stat a, b;
	ssize_t n;

	snprintf(exe, sizeof(exe), "/proc/%.20s/exe", pid);
	n = readlink(exe, real, sizeof(real) - 1);
	if (n < 0)
		return errno == EACCES ? -EACCES : -ENOENT;
	real[n] = '\0';
	if (!stat(exe, &a) && !stat(real, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return answer(path, real);
	return answer(path, exe);
}

/* --- a program --- */

static int on_path(const char *name, char **path)
{
	const char *dir = getenv("PATH"), *end;
	char at[PATH_MAX];

	for (dir = dir ? dir : "/usr/local/bin:/usr/bin:/bin"; *dir; dir = *end ? end + 1 : end) {
		int n;

		end = strchrnul(dir, ':');
		n = snprintf(at, sizeof(at), "%.*s/%s", end == dir ? 1 : (int)(end - dir), end == dir ? "." : dir, name);
		if (n < (int)sizeof(at) && is_file(at) && !access(at, X_OK))
			return answer(path, at);
	}
	return -ENOENT;
}

/* --- a library --- */

#define CACHE "/etc/ld.so.cache"
#define CACHE_MAGIC "glibc-ld.so.cache1.1"
enum { CACHE_LARGEST = 16 << 20 };

/* As glibc's ldconfig writes it; offsets of strings are from the header on. */
struct cache_header { char magic[20]; uint32_t n, strings; uint8_t flags, pad[3]; uint32_t extension, unused[3]; };
struct cache_entry { int32_t flags; uint32_t name, path, osversion; uint64_t hwcap; };
_Static_assert(sizeof(struct cache_header) == 48 && sizeof(struct cache_entry) == 24, "as in the file");

#if defined(__x86_64__)
enum { CACHE_FLAGS = 0x0303 };
#elif defined(__aarch64__)
enum { CACHE_FLAGS = 0x0a03 };
#else
enum { CACHE_FLAGS = 0 };
#endif

/* "libc" is libc.so.6, "libc.so.6" itself. */
static bool library_is(const char *name, const char *wanted)
{
	size_t n = strlen(wanted);

	return !strncmp(name, wanted, n) && (!name[n] || !strncmp(name + n, ".so", 3));
}

static const char *cache_string(const char *data, size_t size, uint32_t off)
{
	return off < size && memchr(data + off, '\0', size - off) ? data + off : "";
}

static int cache_search(const char *data, size_t size, const char *name, char **path)
{
	const struct cache_header *h = (const void *)data;
	const struct cache_entry *e = (const void *)(h + 1);

	if (size < sizeof(*h) || memcmp(h->magic, CACHE_MAGIC, sizeof(h->magic)))
		return -ENOENT;
	for (uint32_t i = 0; i < h->n && (const char *)(e + i + 1) <= data + size; i++) {
		const char *found;

		if ((e[i].flags & 0xffff) != CACHE_FLAGS || e[i].hwcap || !library_is(cache_string(data, size, e[i].name), name))
			continue;
		found = cache_string(data, size, e[i].path);
		if (found[0] == '/' && is_file(found))
			return answer(path, found);
	}
	return -ENOENT;
}

static int in_cache(const char *name, char **path)
{
	int fd = open(CACHE, O_RDONLY | O_CLOEXEC), err = -ENOENT;
	struct stat st;
	char *data;

	if (fd < 0)
		return -ENOENT;
	if (!fstat(fd, &st) && st.st_size > 0 && st.st_size <= CACHE_LARGEST && (data = malloc((size_t)st.st_size))) {
		ssize_t n = read(fd, data, (size_t)st.st_size);

		if (n > 0)
			err = cache_search(data, (size_t)n, name, path);
		free(data);
	}
	close(fd);
	return err;
}

static int of_library(const char *name, char **path)
{
	static const char *const dirs[] = { "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib" };
	char at[PATH_MAX];
	int err = in_cache(name, path);

	for (size_t i = 0; err == -ENOENT && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int n = snprintf(at, sizeof(at), "%s/%s%s", dirs[i], name, strstr(name, ".so") ? "" : ".so");

		if (n < (int)sizeof(at) && is_file(at))
			err = answer(path, at);
	}
	return err;
}

int binary_find(const char *bin, char **path)
{
	int err;

	*path = NULL;
	if (strchr(bin, '/'))
		return is_file(bin) ? answer(path, bin) : -ENOENT;
	if (!bin[0])
		return -ENOENT;
	if (!bin[strspn(bin, "0123456789")])
		return of_process(bin, path);
	if (!strncmp(bin, "lib", 3) || !strncmp(bin, "ld-", 3)) {
		err = of_library(bin, path);
		return err == -ENOENT ? on_path(bin, path) : err;
	}
	err = on_path(bin, path);
	return err == -ENOENT ? of_library(bin, path) : err;
}
