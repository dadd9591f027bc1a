/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#ifndef SPOOR_PATH_WHY_WHY_SOURCE_H
#define SPOOR_PATH_WHY_WHY_SOURCE_H

#include "model/source.h"
#include "path/why/why_opts.h"

extern const struct source why_source; /* opts: struct why_opts */

#endif
