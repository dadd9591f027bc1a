/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#ifndef SPOOR_PATH_IO_IO_SOURCE_H
#define SPOOR_PATH_IO_IO_SOURCE_H

#include "model/source.h"
#include "path/io/io_opts.h"

extern const struct source io_source; /* opts: struct io_opts */

#endif
