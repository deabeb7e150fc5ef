// SPDX-License-Identifier: Apache-2.0
// Where things lie that come with the program: found from the place of the program itself.
#ifndef NJ_DETECT_PLACES_PRIV_H
#define NJ_DETECT_PLACES_PRIV_H

#include "detect/detect.h"

// Path of `relative` as seen from the folder of the running program. NJ_E_TOO_BIG, NJ_E_IO.
int nj_place_beside_program(const char *relative, char *out, size_t size);

// Finds the manifest that the options ask for. `need_weights`: of several known models, only one
// whose weights are there will do. The error says where was looked.
int nj_place_find_model(const struct nj_detect_options *options, bool need_weights,
                        char out[NJ_MODEL_PATH_SIZE], struct nj_error *err);

#endif
