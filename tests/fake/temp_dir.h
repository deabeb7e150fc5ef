// SPDX-License-Identifier: Apache-2.0
// A folder of its own for a test, removed with everything in it.
#ifndef NJ_FAKE_TEMP_DIR_H
#define NJ_FAKE_TEMP_DIR_H

enum { NJ_TEMP_PATH_MAX = 512 };

struct nj_temp_dir {
    char path[NJ_TEMP_PATH_MAX]; // absolute, no slash at the end
};

// Makes a new folder under $TMPDIR, or /tmp; the test fails when that is not possible.
void nj_temp_dir_init(struct nj_temp_dir *dir);
// Removes it and what is inside, not following links. Harmless when zeroed.
void nj_temp_dir_finish(struct nj_temp_dir *dir);
// "<path>/<name>" in `out` of NJ_TEMP_PATH_MAX bytes, which is returned.
const char *nj_temp_dir_path(const struct nj_temp_dir *dir, const char *name, char *out);

#endif
