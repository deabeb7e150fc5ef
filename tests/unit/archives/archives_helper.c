// SPDX-License-Identifier: Apache-2.0
// Archives that a test made, in a folder of its own.
#include "tests/unit/archives/archives_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int archives_set_up(void **state)
{
    struct nj_temp_dir *dir = calloc(1, sizeof *dir);
    if (dir == NULL)
        return -1;
    nj_temp_dir_init(dir);
    *state = dir;
    return 0;
}

int archives_tear_down(void **state)
{
    nj_temp_dir_finish(*state);
    free(*state);
    return 0;
}

int archives_open_made(const struct nj_temp_dir *dir, struct zip_made *zip, struct nj_archive **out,
                       struct nj_error *err)
{
    const struct nj_archive_options options = zip_options(dir);
    char path[NJ_TEMP_PATH_MAX];
    zip_made_save(zip, dir, "x.mpta");
    zip_made_finish(zip);
    return nj_archive_open(&options, nj_temp_dir_path(dir, "x.mpta", path), out, err);
}

void archives_make_good(struct zip_made *zip, const char *prefix)
{
    zip_made_init(zip);
    zip_made_add_archive(zip, prefix);
    zip_made_end(zip, 0);
}

void archives_assert_refused(const struct nj_temp_dir *dir, struct zip_made *zip, int rc,
                             const char *says)
{
    struct nj_archive *archive = NULL;
    struct nj_error err = {0};
    const int found = archives_open_made(dir, zip, &archive, &err);
    if (found != rc || strstr(err.text, says) == NULL)
        fail_msg("%d '%s' instead of %d '%s'", found, err.text, rc, says);
    assert_int_equal(err.code, rc);
    assert_null(archive);
    assert_int_equal(zip_count_names(dir, "cache"), 0);
    assert_true(zip_count_names(dir, "") <= 2); // x.mpta and the cache: nothing beside them
}
