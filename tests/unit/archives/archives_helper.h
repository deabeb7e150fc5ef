// SPDX-License-Identifier: Apache-2.0
// Archives that a test made, in a folder of its own.
#ifndef NJ_TESTS_ARCHIVES_HELPER_H
#define NJ_TESTS_ARCHIVES_HELPER_H

#include "tests/fake/world/zip.h"

int archives_set_up(void **state); // a struct nj_temp_dir
int archives_tear_down(void **state);

// Saves the ZIP as "x.mpta", opens it, and frees the ZIP.
int archives_open_made(const struct nj_temp_dir *dir, struct zip_made *zip, struct nj_archive **out,
                       struct nj_error *err);
void archives_make_good(struct zip_made *zip, const char *prefix);
// It is refused with this code and these words, and nothing is left beside the file. Frees the ZIP.
void archives_assert_refused(const struct nj_temp_dir *dir, struct zip_made *zip, int rc,
                             const char *says);

#endif
