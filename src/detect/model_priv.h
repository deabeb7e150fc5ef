// SPDX-License-Identifier: Apache-2.0
// Parts of reading a manifest.
#ifndef NJ_DETECT_MODEL_PRIV_H
#define NJ_DETECT_MODEL_PRIV_H

#include "detect/model.h"

#include <jansson.h>

// Reads classes or alphabet (in the manifest or in a file beside it), groups and label map of a
// model whose task is known. What was allocated when it fails is nj_model_finish's.
int nj_model_parse_labels(const json_t *root, const char *folder, struct nj_model *out,
                          struct nj_error *err);

#endif
