// SPDX-License-Identifier: Apache-2.0
// Opening names that strangers chose, never leaving the root: no symbolic link is followed.
#ifndef NJ_SOURCES_BENEATH_PRIV_H
#define NJ_SOURCES_BENEATH_PRIV_H

#include <stdbool.h>

// Descriptor of `relative` ("" is the root itself) below `root_fd`, or -1 with errno: ELOOP for a
// link anywhere on the way. `flags` as open(2); O_CLOEXEC and O_NOFOLLOW are added.
int nj_beneath_open(int root_fd, const char *relative, int flags);
// The same, component by component, for kernels and sandboxes without openat2.
int nj_beneath_open_walk(int root_fd, const char *relative, int flags);

#endif
