/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#ifndef SPOOR_PATH_SCHED_SCHED_SOURCE_H
#define SPOOR_PATH_SCHED_SCHED_SOURCE_H

#include "model/source.h"
#include "path/sched/sched_opts.h"

extern const struct source sched_source; /* opts: struct sched_opts */

#endif
