// SPDX-License-Identifier: Apache-2.0
// Loading a network into ONNX Runtime, on the device asked for or, with a warning, on the CPU.
#include "detect/onnx_session_priv.h"

#include "util/digest.h"
#include "util/file.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WEIGHTS_BYTES_MAX = 1024 * 1024 * 1024 }; // detectors of this kind end at some 300 MB

// The library's own lines say nothing that its statuses do not.
// NOLINTNEXTLINE(readability-function-size): the signature is the library's.
static void ORT_API_CALL discard_log(void *arg, OrtLoggingLevel severity, const char *category,
                                     const char *id, const char *place, const char *message)
{
    (void)arg;
    (void)severity;
    (void)category;
    (void)id;
    (void)place;
    (void)message;
}

static int make_cpu_options(struct nj_onnx_session *session, OrtSessionOptions **out,
                            struct nj_error *err)
{
    static const char *const entries[][2] = {
        // Spinning threads take the cores from capture and from other sessions.
        {"session.intra_op.allow_spinning", "0"},
        {"session.inter_op.allow_spinning", "0"},
        // A network may name files with its weights. It comes from bytes, so they would be looked
        // for where this program runs: there is no such folder.
        {"session.model_external_initializers_file_folder_path", "/dev/null/none"},
    };
    const OrtApi *api = session->library.api;
    OrtSessionOptions *options = NULL;
    OrtStatus *status = api->CreateSessionOptions(&options);
    if (status == NULL)
        status = api->SetIntraOpNumThreads(options, 1);
    if (status == NULL)
        status = api->SetInterOpNumThreads(options, 1);
    if (status == NULL)
        status = api->SetSessionExecutionMode(options, ORT_SEQUENTIAL);
    if (status == NULL)
        status = api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL);
    for (size_t i = 0; status == NULL && i < sizeof entries / sizeof entries[0]; i++)
        status = api->AddSessionConfigEntry(options, entries[i][0], entries[i][1]);
    int rc = nj_onnx_result(&session->library, status, "ONNX Runtime session options", err);
    if (rc == 0)
        *out = options;
    else if (options != NULL)
        api->ReleaseSessionOptions(options);
    return rc;
}

// Adds the CUDA provider for the device with this number.
static int add_cuda(struct nj_onnx_session *session, OrtSessionOptions *options, const char *number,
                    struct nj_error *err)
{
    const OrtApi *api = session->library.api;
    static const char *const keys[] = {"device_id"};
    OrtCUDAProviderOptionsV2 *cuda = NULL;
    OrtStatus *status = api->CreateCUDAProviderOptions(&cuda);
    if (status == NULL)
        status = api->UpdateCUDAProviderOptions(cuda, keys, &number, 1);
    if (status == NULL)
        status = api->SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda);
    if (cuda != NULL)
        api->ReleaseCUDAProviderOptions(cuda);
    return nj_onnx_result(&session->library, status, "CUDA", err);
}

struct weights {
    char *bytes;
    size_t length;
};

static int load_on(struct nj_onnx_session *session, const struct weights *weights,
                   const char *cuda_number, struct nj_error *err)
{
    const OrtApi *api = session->library.api;
    OrtSessionOptions *options = NULL;
    int rc = make_cpu_options(session, &options, err);
    if (rc == 0 && cuda_number != NULL)
        rc = add_cuda(session, options, cuda_number, err);
    if (rc == 0) {
        OrtStatus *status = api->CreateSessionFromArray(
            session->env, weights->bytes, weights->length, options, &session->session);
        rc = nj_onnx_result(&session->library, status, session->model->weights_path, err);
    }
    if (options != NULL)
        api->ReleaseSessionOptions(options);
    return rc;
}

// "cuda" or "cuda:N" gives the number, "cpu" NULL.
static int parse_device(const char *device, const char **out_cuda, struct nj_error *err)
{
    if (device == NULL || device[0] == '\0' || strcmp(device, "cpu") == 0) {
        *out_cuda = NULL;
        return 0;
    }
    int64_t number = 0;
    if (strcmp(device, "cuda") == 0) {
        *out_cuda = "0";
        return 0;
    }
    if (strncmp(device, "cuda:", 5) == 0 && nj_text_to_int(device + 5, &number) == 0 &&
        number >= 0 && number < 64) {
        *out_cuda = device + 5;
        return 0;
    }
    return nj_error_set(err, NJ_E_INVALID, "detect.device is \"%s\", allowed is cpu or cuda:N",
                        device);
}

static int load_session(struct nj_onnx_session *session, const struct nj_engine_config *config,
                        const struct weights *weights, struct nj_error *err)
{
    const char *cuda = NULL;
    struct nj_error reason = {0};
    int rc = parse_device(config->options->device, &cuda, err);
    if (rc != 0)
        return rc;
    nj_text_copy(session->device, sizeof session->device, "cpu");
    if (cuda != NULL && load_on(session, weights, cuda, &reason) == 0) {
        snprintf(session->device, sizeof session->device, "cuda:%s", cuda);
        return 0;
    }
    if (cuda != NULL)
        nj_log_at(config->log, NJ_LOG_WARNING, "Device not available, detecting on the CPU",
                  NJ_TEXT("device", config->options->device), NJ_TEXT("reason", reason.text));
    return load_on(session, weights, NULL, err);
}

static int read_weights(const struct nj_model *model, struct weights *out, struct nj_error *err)
{
    char sum[NJ_SHA256_HEX_SIZE];
    struct weights weights = {0};
    int rc =
        nj_file_read(model->weights_path, WEIGHTS_BYTES_MAX, &weights.bytes, &weights.length, err);
    if (rc == NJ_E_NOT_FOUND)
        nj_error_prefix(err, "weights of the model \"%s\" (tools/fetch-models brings known ones)",
                        model->name);
    if (rc != 0)
        return rc;
    if (model->weights_sha256[0] != '\0') {
        rc = nj_sha256_hex(weights.bytes, weights.length, sum);
        if (rc != 0)
            rc = nj_error_set(err, rc, "%s: no checksum could be made", model->weights_path);
        else if (strcmp(sum, model->weights_sha256) != 0)
            rc = nj_error_set(err, NJ_E_CORRUPT,
                              "%s: SHA-256 of the weights is %s, the manifest expects %s",
                              model->weights_path, sum, model->weights_sha256);
    }
    if (rc != 0)
        free(weights.bytes);
    else
        *out = weights;
    return rc;
}

static int open_runtime(struct nj_onnx_session *session, const struct nj_engine_config *config,
                        struct nj_error *err)
{
    int rc = nj_onnx_library_open(config->options->engine_library, &session->library, err);
    if (rc != 0)
        return rc;
    const OrtApi *api = session->library.api;
    OrtStatus *status = api->CreateEnvWithCustomLogger(discard_log, NULL, ORT_LOGGING_LEVEL_FATAL,
                                                       "nightjar", &session->env);
    if (status == NULL)
        status = api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &session->memory);
    if (status == NULL)
        status = api->GetAllocatorWithDefaultOptions(&session->allocator);
    return nj_onnx_result(&session->library, status, "ONNX Runtime", err);
}

int nj_onnx_session_create(const struct nj_engine_config *config, struct nj_onnx_session **out,
                           struct nj_error *err)
{
    struct weights weights = {0};
    struct nj_onnx_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an inference engine");
    session->model = config->model;
    session->max_batch = config->model->max_batch;

    int rc = open_runtime(session, config, err);
    rc = rc != 0 ? rc : read_weights(config->model, &weights, err);
    rc = rc != 0 ? rc : load_session(session, config, &weights, err);
    free(weights.bytes);
    rc = rc != 0 ? rc : nj_onnx_session_describe(session, err);
    if (rc != 0)
        nj_onnx_session_destroy(session);
    else
        *out = session;
    return rc;
}

void nj_onnx_session_destroy(struct nj_onnx_session *session)
{
    if (session == NULL)
        return;
    const OrtApi *api = session->library.api;
    if (api != NULL) {
        if (session->input_name != NULL)
            session->allocator->Free(session->allocator, session->input_name);
        for (size_t k = 0; k < NJ_ENGINE_OUTPUTS_MAX; k++) {
            if (session->output_names[k] != NULL)
                session->allocator->Free(session->allocator, session->output_names[k]);
        }
        // The library's release functions accept NULL.
        api->ReleaseMemoryInfo(session->memory);
        api->ReleaseSession(session->session);
        api->ReleaseEnv(session->env);
    }
    nj_onnx_library_close(&session->library);
    free(session);
}
