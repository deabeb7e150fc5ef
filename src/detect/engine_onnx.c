// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime in this process: one session shared by all threads, one core for each run.
#include "detect/decoder_priv.h"
#include "detect/onnx_library_priv.h"
#include "detect/onnx_session_priv.h"

#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 }; // a cache line, and what AVX-512 loads like

struct onnx_thread {
    struct nj_onnx_session *session;
    int32_t max_batch;
    size_t input_stride; // floats of one picture
    size_t output_strides[NJ_ENGINE_OUTPUTS_MAX];
    float *input;
    float *outputs[NJ_ENGINE_OUTPUTS_MAX];
    // For each batch size from 1: the input, then the outputs, as views on the memory above.
    OrtValue **values;
    // Of a model whose width varies: outputs are the library's, as large as each run makes them.
    bool varies;
    int32_t width, rows;
};

static int engine_create(const struct nj_engine_config *config, void **out, struct nj_error *err)
{
    struct nj_onnx_session *session = NULL;
    int rc = nj_onnx_session_create(config, &session, err);
    if (rc == 0)
        *out = session;
    return rc;
}

static void engine_destroy(void *engine)
{
    nj_onnx_session_destroy(engine);
}

static const char *engine_device(const void *engine)
{
    return ((const struct nj_onnx_session *)engine)->device;
}

static void engine_describe(const void *engine, struct nj_engine_info *out)
{
    *out = ((const struct nj_onnx_session *)engine)->info;
}

static size_t stride_of(const struct nj_engine_shape *shape)
{
    size_t stride = 1;
    for (size_t i = 1; i < shape->rank; i++)
        stride *= (size_t)shape->dims[i];
    return stride;
}

static float *allocate(size_t count, size_t stride)
{
    const size_t bytes = count * stride * sizeof(float);
    float *memory = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

static int make_value(struct onnx_thread *thread, float *memory,
                      const struct nj_engine_shape *shape, int32_t batch, OrtValue **out)
{
    const struct nj_onnx_session *session = thread->session;
    struct nj_engine_shape full = *shape;
    full.dims[0] = batch;
    const size_t bytes = stride_of(&full) * (size_t)batch * sizeof(float);
    OrtStatus *status = session->library.api->CreateTensorWithDataAsOrtValue(
        session->memory, memory, bytes, full.dims, full.rank, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        out);
    return nj_onnx_result(&session->library, status, "tensor", NULL);
}

static OrtValue **values_of(const struct onnx_thread *thread, size_t count)
{
    return thread->values + (count - 1) * (1 + thread->session->info.output_count);
}

static int thread_set_width(void *state, int32_t width_px, struct nj_error *err)
{
    struct onnx_thread *thread = state;
    const struct nj_onnx_session *session = thread->session;
    if (width_px == thread->width)
        return 0;
    struct nj_engine_shape shape = session->info.input;
    shape.dims[session->model->input.nhwc ? 2 : 3] = width_px;
    OrtValue *value = NULL;
    if (make_value(thread, thread->input, &shape, 1, &value) != 0)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the tensor of an inference thread");
    if (thread->values[0] != NULL)
        session->library.api->ReleaseValue(thread->values[0]);
    thread->values[0] = value;
    thread->width = width_px;
    return 0;
}

static int make_values(struct onnx_thread *thread)
{
    const struct nj_engine_info *info = &thread->session->info;
    if (thread->varies)
        return thread_set_width(thread, thread->session->model->input.width, NULL);
    int rc = 0;
    for (int32_t batch = 1; rc == 0 && batch <= thread->max_batch; batch++) {
        OrtValue **values = values_of(thread, (size_t)batch);
        rc = make_value(thread, thread->input, &info->input, batch, &values[0]);
        for (size_t k = 0; rc == 0 && k < info->output_count; k++)
            rc = make_value(thread, thread->outputs[k], &info->outputs[k], batch, &values[1 + k]);
    }
    return rc;
}

static void thread_destroy(void *state)
{
    struct onnx_thread *thread = state;
    if (thread == NULL)
        return;
    const size_t outputs = thread->session->info.output_count;
    const size_t count = thread->values != NULL ? (size_t)thread->max_batch * (1 + outputs) : 0;
    for (size_t i = 0; i < count; i++) {
        if (thread->values[i] != NULL)
            thread->session->library.api->ReleaseValue(thread->values[i]);
    }
    free(thread->values);
    free(thread->input);
    for (size_t k = 0; k < outputs; k++)
        free(thread->outputs[k]);
    free(thread);
}

static int thread_create(void *engine, void **out, struct nj_error *err)
{
    struct nj_onnx_session *session = engine;
    const struct nj_engine_info *info = &session->info;
    struct onnx_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an inference thread");
    thread->session = session;
    thread->max_batch = session->max_batch;
    thread->input_stride = stride_of(&info->input);
    const size_t batch = (size_t)thread->max_batch;
    thread->input = allocate(batch, thread->input_stride);
    thread->values = calloc(batch * (1 + info->output_count), sizeof(OrtValue *));
    thread->varies = session->model->width_max > 0;
    bool complete = thread->input != NULL && thread->values != NULL;
    for (size_t k = 0; !thread->varies && k < info->output_count; k++) {
        thread->output_strides[k] = stride_of(&info->outputs[k]);
        thread->outputs[k] = allocate(batch, thread->output_strides[k]);
        complete = complete && thread->outputs[k] != NULL;
    }
    if (!complete || make_values(thread) != 0) {
        thread_destroy(thread);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the tensors of an inference thread");
    }
    *out = thread;
    return 0;
}

static float *thread_input(void *state, size_t index)
{
    struct onnx_thread *thread = state;
    return thread->input + index * thread->input_stride;
}

// Lets go of the outputs that the library made for the run before.
static void release_outputs(struct onnx_thread *thread, OrtValue **outputs)
{
    for (size_t k = 0; k < thread->session->info.output_count; k++) {
        if (outputs[k] != NULL)
            thread->session->library.api->ReleaseValue(outputs[k]);
        outputs[k] = NULL;
    }
}

static int read_dims(const struct onnx_thread *thread, const OrtValue *value,
                     struct nj_engine_shape *out, struct nj_error *err)
{
    const struct nj_onnx_session *session = thread->session;
    const OrtApi *api = session->library.api;
    OrtTensorTypeAndShapeInfo *tensor = NULL;
    OrtStatus *status = api->GetTensorTypeAndShape(value, &tensor);
    if (status == NULL)
        status = api->GetDimensionsCount(tensor, &out->rank);
    if (status == NULL && out->rank <= NJ_ENGINE_RANK_MAX)
        status = api->GetDimensions(tensor, out->dims, out->rank);
    api->ReleaseTensorTypeAndShapeInfo(tensor);
    return nj_onnx_result(&session->library, status, session->model->weights_path, err);
}

// The decoder knows the shape at the greatest width; only the rows may be fewer.
static bool is_part_of(const struct nj_engine_shape *found, const struct nj_engine_shape *most)
{
    if (found->rank != most->rank || found->rank < 2 || found->dims[0] != 1)
        return false;
    for (size_t i = 2; i < found->rank; i++) {
        if (found->dims[i] != most->dims[i])
            return false;
    }
    return found->dims[1] >= 0 && found->dims[1] <= most->dims[1];
}

// Finds the values that the library made, and how many rows the first output has.
static int look_at_outputs(struct onnx_thread *thread, OrtValue **outputs,
                           const float *out[NJ_ENGINE_OUTPUTS_MAX], struct nj_error *err)
{
    const struct nj_onnx_session *session = thread->session;
    struct nj_engine_shape shape = {0};
    int rc = read_dims(thread, outputs[0], &shape, err);
    for (size_t k = 0; rc == 0 && k < session->info.output_count; k++) {
        void *data = NULL;
        OrtStatus *status = session->library.api->GetTensorMutableData(outputs[k], &data);
        rc = nj_onnx_result(&session->library, status, session->model->weights_path, err);
        out[k] = data;
    }
    if (rc == 0 && !is_part_of(&shape, &session->info.outputs[0]))
        rc = nj_error_set(err, NJ_E_INVALID, "%s: the output changed its shape with the width",
                          session->model->weights_path);
    thread->rows = rc == 0 ? (int32_t)shape.dims[1] : 0;
    return rc;
}

static int32_t thread_rows(const void *state)
{
    return ((const struct onnx_thread *)state)->rows;
}

static int thread_run(void *state, size_t count, const float *out[NJ_ENGINE_OUTPUTS_MAX],
                      struct nj_error *err)
{
    struct onnx_thread *thread = state;
    const struct nj_onnx_session *session = thread->session;
    OrtValue **values = values_of(thread, count);
    if (thread->varies)
        release_outputs(thread, values + 1);
    OrtStatus *status = session->library.api->Run(
        session->session, NULL, (const char *const *)&session->input_name,
        (const OrtValue *const *)values, 1, (const char *const *)session->output_names,
        session->info.output_count, values + 1);
    int rc = nj_onnx_result(&session->library, status, session->model->weights_path, err);
    if (rc == 0 && thread->varies)
        return look_at_outputs(thread, values + 1, out, err);
    for (size_t k = 0; rc == 0 && k < session->info.output_count; k++)
        out[k] = thread->outputs[k];
    return rc;
}

const struct nj_engine_driver nj_engine_onnx = {
    .name = "onnx",
    .create = engine_create,
    .destroy = engine_destroy,
    .device = engine_device,
    .thread_create = thread_create,
    .thread_destroy = thread_destroy,
    .describe = engine_describe,
    .input = thread_input,
    .run = thread_run,
    .set_width = thread_set_width,
    .rows = thread_rows,
};
