/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Strict readers of what people type: nothing before, nothing after, no sign. 0, -EINVAL (not such a thing) or
 * -ERANGE (too large); the result is untouched then. */
#ifndef SPOOR_BASE_PARSE_H
#define SPOOR_BASE_PARSE_H

#include <stdint.h>

int parse_u64(const char *s, uint64_t *v);        /* decimal, or hexadecimal with 0x */
int parse_u32(const char *s, uint32_t *v);
int parse_duration(const char *s, uint64_t *ns);  /* "200us", "5ms", "1.5s", "1m", "2h"; no unit: seconds */
int parse_size(const char *s, uint64_t *bytes);   /* "512", "64k", "1.5M", "2GiB"; k = 1024 */

#endif
