// SPDX-License-Identifier: Apache-2.0
// A folder of its own for a test, removed with everything in it.
#include "tests/fake/temp_dir.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { NJ_TEMP_OPEN_FOLDERS = 16 };

void nj_temp_dir_init(struct nj_temp_dir *dir)
{
    const char *base = getenv("TMPDIR");
    int length =
        snprintf(dir->path, sizeof(dir->path), "%s/nj-test-XXXXXX", base && *base ? base : "/tmp");
    assert_in_range(length, 1, sizeof(dir->path) - 1);
    assert_non_null(mkdtemp(dir->path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

// A test may have taken its own rights away to provoke a failure.
static int unlock_one(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)position;
    if (kind == FTW_D || kind == FTW_DNR)
        chmod(path, S_IRWXU);
    return 0;
}

void nj_temp_dir_finish(struct nj_temp_dir *dir)
{
    if (!dir->path[0])
        return;
    nftw(dir->path, unlock_one, NJ_TEMP_OPEN_FOLDERS, FTW_PHYS);
    nftw(dir->path, remove_one, NJ_TEMP_OPEN_FOLDERS, FTW_PHYS | FTW_DEPTH);
    dir->path[0] = '\0';
}

const char *nj_temp_dir_path(const struct nj_temp_dir *dir, const char *name, char *out)
{
    int length = snprintf(out, NJ_TEMP_PATH_MAX, "%s/%s", dir->path, name);
    assert_in_range(length, 1, NJ_TEMP_PATH_MAX - 1);
    return out;
}
