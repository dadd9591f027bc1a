/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* ELF files of programs and modules, and where their debug information lies. None is trusted. */
#ifndef SPOOR_KERNEL_ELF_FILE_H
#define SPOOR_KERNEL_ELF_FILE_H

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

struct elf_file { int fd; Elf *elf; };

/* A module may be compressed, "x.ko.xz": nothing else is, for a small file can be made to fill the memory. */
bool elf_file_packed(const char *path);

/* 0, -ENOEXEC: no ELF file, or one of another byte order or for 32 bits, or -errno. */
int elf_file_open(const char *path, struct elf_file *f);
void elf_file_close(struct elf_file *f);

Elf_Scn *elf_file_section(Elf *elf, const char *name); /* NULL: there is none */
/* Offset in the file of what is loaded at an address; 0: nothing is (offset 0 is the ELF header's). */
uint64_t elf_file_offset(Elf *elf, uint64_t addr);

/* The separate debug file of one that is open, by build id (/usr/lib/debug/.build-id) or debug link: *found is allocated.
 * Nothing is fetched. 0, -ENOENT: there is none here. */
int elf_debug_file(const char *path, Elf *elf, char **found);

#endif
