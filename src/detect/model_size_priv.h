// SPDX-License-Identifier: Apache-2.0
// What a model is known by and how much memory it takes, before it is loaded.
#ifndef NJ_DETECT_MODEL_SIZE_PRIV_H
#define NJ_DETECT_MODEL_SIZE_PRIV_H

#include "detect/model.h"

struct nj_model_size {
    char key[NJ_SHA256_HEX_SIZE]; // SHA-256 of the SHA-256s of manifest, labels and weights
    int64_t bytes;                // estimated, once loaded
};

// Reads the manifest, its labels and its weights, which have to lie beside it (NJ_E_INVALID: they
// do not). Engines other than "onnx" need no weights. The error names the file.
int nj_model_size_read(const char *manifest_path, int engine, struct nj_model_size *out,
                       struct nj_error *err);

#endif
