// SPDX-License-Identifier: Apache-2.0
// A disk without room, for this process alone.
#ifndef NJ_FAKE_FULL_DISK_H
#define NJ_FAKE_FULL_DISK_H

#include <sys/resource.h>

struct nj_full_disk {
    struct rlimit before;
    void (*handler)(int);
};

// No file of this process grows beyond so many bytes: for database and pictures that is a full
// disk. Nothing should be asserted until the end, for what is printed may go to a file.
void nj_full_disk_begin(struct nj_full_disk *disk, rlim_t bytes);
void nj_full_disk_end(const struct nj_full_disk *disk);

#endif
