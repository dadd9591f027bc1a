/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Patterns of names, as in a shell: * ? [a-z] [!a-z]. Bytes, no locale: a pass over a kernel's symbols takes a few ms. */
#ifndef SPOOR_BASE_GLOB_H
#define SPOOR_BASE_GLOB_H

#include <stdbool.h>

bool glob_match(const char *glob, const char *name);
bool glob_is(const char *s); /* is there anything in it but a plain name? */

#endif
