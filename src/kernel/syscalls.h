/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Numbers of this architecture's system calls, from the headers that spoor was built with. */
#ifndef SPOOR_KERNEL_SYSCALLS_H
#define SPOOR_KERNEL_SYSCALLS_H

const char *syscall_name(unsigned int nr); /* NULL: none that is known */
int syscall_number(const char *name);      /* -1: none */

#endif
