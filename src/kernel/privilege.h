/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#ifndef SPOOR_KERNEL_PRIVILEGE_H
#define SPOOR_KERNEL_PRIVILEGE_H

#include <stdbool.h>

/* Once everything is attached: gives up, for good, every capability but those that reading maps, kernel symbols
 * and other processes' names needs (CAP_BPF, CAP_PERFMON, CAP_SYSLOG, CAP_DAC_READ_SEARCH). 0 or -errno. */
int privilege_drop(bool processes); /* processes: what is mapped in others is still read */
/* Of the calling thread alone: keeps what it takes to write, and in the end to remove, files in any directory. */
int privilege_drop_to_files(void);

#endif
