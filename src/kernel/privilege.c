/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/privilege.h"

/* Capabilities are a thread's own. */
static int capabilities_keep(uint64_t keep)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	for (int i = 0; i < 2; i++) {
		data[i].effective &= (uint32_t)(keep >> (32 * i));
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

int privilege_drop(bool processes)
{
	return capabilities_keep(1ull << CAP_BPF | 1ull << CAP_PERFMON | 1ull << CAP_SYSLOG | 1ull << CAP_DAC_READ_SEARCH |
				 (processes ? 1ull << CAP_SYS_PTRACE : 0));
}

int privilege_drop_to_files(void)
{
	return capabilities_keep(1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER | 1ull << CAP_CHOWN);
}
