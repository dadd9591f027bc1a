/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "kernel/syscalls.h"

static const char *const names[] = {
#include "src/kernel/syscalls.inc" /* made by the Makefile from <sys/syscall.h> */
};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

const char *syscall_name(unsigned int nr)
{
	return nr < NAMES ? names[nr] : NULL;
}

int syscall_number(const char *name)
{
	for (int i = 0; i < NAMES; i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	return -1;
}
