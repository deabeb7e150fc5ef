// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime's C API, found and loaded at run time, so that a GPU build drops in.
#ifndef NJ_DETECT_ONNX_LIBRARY_PRIV_H
#define NJ_DETECT_ONNX_LIBRARY_PRIV_H

#include "util/error.h"

#include <onnxruntime_c_api.h>

struct nj_onnx_library {
    void *handle;
    const OrtApi *api;
    const char *version; // of the library, static in it
};

// `configured` is a path, or "" for: beside the program, then the system's own. The error says
// what was tried, and when a library is too old for this program.
int nj_onnx_library_open(const char *configured, struct nj_onnx_library *out, struct nj_error *err);
void nj_onnx_library_close(struct nj_onnx_library *library); // accepts a zeroed one

// Turns a status (NULL: success) into a code and text that begins with `what`, and releases it.
int nj_onnx_result(const struct nj_onnx_library *library, OrtStatus *status, const char *what,
                   struct nj_error *err);

#endif
