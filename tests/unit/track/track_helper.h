// SPDX-License-Identifier: Apache-2.0
// Settings and data folders that the tests of tracking share.
#ifndef NJ_TESTS_TRACK_HELPER_H
#define NJ_TESTS_TRACK_HELPER_H

#include "config/options.h"
#include "track/track.h"

#include <stddef.h>

// Fills a struct with the defaults of its table, which has numbers only.
void track_helper_defaults(const struct nj_option_group *group, void *out);

// Path of `name` in the MOT data folder: NIGHTJAR_MOT_DIR, or shared/data/mot beside the tree.
// Returns false when the file is not there.
bool track_helper_data_path(const char *name, char *out, size_t size);

#endif
