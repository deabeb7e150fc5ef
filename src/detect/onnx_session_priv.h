// SPDX-License-Identifier: Apache-2.0
// A loaded ONNX network: weights checked, device chosen, shapes known.
#ifndef NJ_DETECT_ONNX_SESSION_PRIV_H
#define NJ_DETECT_ONNX_SESSION_PRIV_H

#include "detect/engine_driver.h"
#include "detect/onnx_library_priv.h"

enum { NJ_DEVICE_NAME_SIZE = 16 };

struct nj_onnx_session {
    struct nj_onnx_library library;
    OrtEnv *env;
    OrtSession *session; // Run is thread-safe
    OrtMemoryInfo *memory;
    OrtAllocator *allocator; // the library's default; not released
    const struct nj_model *model;
    int32_t max_batch;
    struct nj_engine_info info; // only dims[0] may be -1
    char *input_name;
    char *output_names[NJ_ENGINE_OUTPUTS_MAX];
    char device[NJ_DEVICE_NAME_SIZE]; // what is really used
};

// The error names the file, and expected and found shapes where it is about them.
int nj_onnx_session_create(const struct nj_engine_config *config, struct nj_onnx_session **out,
                           struct nj_error *err);
void nj_onnx_session_destroy(struct nj_onnx_session *session); // accepts NULL

// Reads names and shapes of the loaded network into session->info and checks the input.
int nj_onnx_session_describe(struct nj_onnx_session *session, struct nj_error *err);

#endif
