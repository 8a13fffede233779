/*
 * landlock - the kernel's own jail of paths, TCP ports and signals, by system
 * call: no library has it.
 */
#ifndef JAIL_LANDLOCK_H
#define JAIL_LANDLOCK_H

#include "jail/jail.h"

/* No path can be opened or changed, no TCP port bound or connected to, no
 * abstract socket reached, no process outside signalled or traced; whatever
 * this kernel's version of it knows. Descriptors that are open stay of use.
 * kind: of JAIL_DEVICE and JAIL_NPU files of the system may be read and device
 * files used, for drivers that open theirs late. files: what may be opened
 * besides, or NULL.
 * For the calling thread and those it will
 * make. Needs no_new_privs. *ret_abi is its version, 0 if there is none.
 * 0, or -1 and errno. */
int landlock_enter(
    enum jail_kind kind, const struct jail_files *files, unsigned *ret_abi);

#endif
