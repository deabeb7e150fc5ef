// SPDX-License-Identifier: Apache-2.0
// The limit on the size of files, and the signal that comes with it.
#include "tests/fake/full_disk.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

void nj_full_disk_begin(struct nj_full_disk *disk, rlim_t bytes)
{
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &disk->before), 0);
    disk->handler = signal(SIGXFSZ, SIG_IGN);
    struct rlimit tight = disk->before;
    tight.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
}

void nj_full_disk_end(const struct nj_full_disk *disk)
{
    (void)setrlimit(RLIMIT_FSIZE, &disk->before);
    (void)signal(SIGXFSZ, disk->handler);
}
