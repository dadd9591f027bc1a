/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Names that come apart from the records: files, cgroups. Bounded caches. Not thread-safe. */
#ifndef SPOOR_MODEL_NAMES_H
#define SPOOR_MODEL_NAMES_H

#include <stdint.h>

struct names;

struct names *names_new(void); /* NULL: no memory */
void names_free(struct names *n);

/* The path of key: `path` within the file system on `dev` (kernel encoding). 0 or -ENOMEM. */
int names_path_add(struct names *n, uint64_t key, uint32_t dev, const char *path);

/* "" when unknown. Each result lasts until the next call of the same function. */
const char *names_path(struct names *n, uint64_t key);
const char *names_cgroup(struct names *n, uint64_t id);
/* Whose ids names_cgroup is given: NULL is v2, the default, else a v1 controller. 0 or -ENOENT. */
int names_use_cgroups(struct names *n, const char *controller);

#endif
