// SPDX-License-Identifier: Apache-2.0
// What a loaded ONNX network takes and gives, and whether that is what the manifest says.
#include "detect/decoder_priv.h"
#include "detect/onnx_session_priv.h"

#include <stdlib.h>
#include <string.h>

// A network that claims more than this for one picture is damaged or hostile.
static const int64_t output_floats_max = (int64_t)64 * 1024 * 1024;

static int read_shape(struct nj_onnx_session *session, const OrtTensorTypeAndShapeInfo *tensor,
                      struct nj_engine_shape *out, struct nj_error *err)
{
    const OrtApi *api = session->library.api;
    enum ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t rank = 0;
    OrtStatus *status = api->GetTensorElementType(tensor, &type);
    if (status == NULL)
        status = api->GetDimensionsCount(tensor, &rank);
    int rc = nj_onnx_result(&session->library, status, session->model->weights_path, err);
    if (rc != 0)
        return rc;
    if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
        return nj_error_set(err, NJ_E_UNSUPPORTED,
                            "%s: expected float32 tensors, found element type %d of ONNX",
                            session->model->weights_path, (int)type);
    if (rank < 1 || rank > NJ_ENGINE_RANK_MAX)
        return nj_error_set(err, NJ_E_INVALID, "%s: a tensor has %zu dimensions, expected 1 to %d",
                            session->model->weights_path, rank, NJ_ENGINE_RANK_MAX);
    struct nj_engine_shape shape = {.rank = rank};
    status = api->GetDimensions(tensor, shape.dims, rank);
    rc = nj_onnx_result(&session->library, status, session->model->weights_path, err);
    for (size_t i = 0; i < rank; i++) {
        if (shape.dims[i] < 0)
            shape.dims[i] = -1;
    }
    if (rc == 0)
        *out = shape;
    return rc;
}

static int read_type(struct nj_onnx_session *session, bool is_input, size_t index,
                     struct nj_engine_shape *out, struct nj_error *err)
{
    const OrtApi *api = session->library.api;
    OrtTypeInfo *type = NULL;
    const OrtTensorTypeAndShapeInfo *tensor = NULL;
    OrtStatus *status = is_input ? api->SessionGetInputTypeInfo(session->session, index, &type)
                                 : api->SessionGetOutputTypeInfo(session->session, index, &type);
    if (status == NULL)
        status = api->CastTypeInfoToTensorInfo(type, &tensor);
    int rc = nj_onnx_result(&session->library, status, session->model->weights_path, err);
    if (rc == 0 && tensor == NULL)
        rc = nj_error_set(err, NJ_E_UNSUPPORTED, "%s: an input or output is no tensor",
                          session->model->weights_path);
    if (rc == 0)
        rc = read_shape(session, tensor, out, err);
    api->ReleaseTypeInfo(type);
    return rc;
}

static int read_names(struct nj_onnx_session *session, struct nj_error *err)
{
    const OrtApi *api = session->library.api;
    OrtStatus *status =
        api->SessionGetInputName(session->session, 0, session->allocator, &session->input_name);
    for (size_t k = 0; status == NULL && k < session->info.output_count; k++)
        status = api->SessionGetOutputName(session->session, k, session->allocator,
                                           &session->output_names[k]);
    return nj_onnx_result(&session->library, status, session->model->weights_path, err);
}

static int count_tensors(struct nj_onnx_session *session, struct nj_error *err)
{
    const OrtApi *api = session->library.api;
    size_t inputs = 0;
    size_t outputs = 0;
    OrtStatus *status = api->SessionGetInputCount(session->session, &inputs);
    if (status == NULL)
        status = api->SessionGetOutputCount(session->session, &outputs);
    int rc = nj_onnx_result(&session->library, status, session->model->weights_path, err);
    if (rc != 0)
        return rc;
    if (inputs != 1 || outputs < 1 || outputs > NJ_ENGINE_OUTPUTS_MAX)
        return nj_error_set(err, NJ_E_INVALID,
                            "%s: expected 1 input and 1 to %d outputs, found %zu and %zu",
                            session->model->weights_path, NJ_ENGINE_OUTPUTS_MAX, inputs, outputs);
    session->info.output_count = outputs;
    return 0;
}

static int refuse_input(const struct nj_onnx_session *session,
                        const struct nj_engine_shape *expected, struct nj_error *err)
{
    char expected_text[NJ_SHAPE_TEXT_SIZE];
    char found_text[NJ_SHAPE_TEXT_SIZE];
    nj_shape_text(expected, expected_text);
    nj_shape_text(&session->info.input, found_text);
    return nj_error_set(err, NJ_E_INVALID,
                        "%s: the manifest expects an input of %s, the model has %s",
                        session->model->weights_path, expected_text, found_text);
}

static size_t width_axis(const struct nj_model *model)
{
    return model->input.nhwc ? 2 : 3;
}

// What varies is -1.
static struct nj_engine_shape wanted_input(const struct nj_model *model)
{
    struct nj_engine_shape wanted = {.rank = 4};
    const size_t axis = width_axis(model);
    wanted.dims[0] = model->max_batch > 1 ? -1 : 1;
    wanted.dims[model->input.nhwc ? 3 : 1] = 3;
    wanted.dims[axis - 1] = model->input.height;
    wanted.dims[axis] = model->width_max > 0 ? -1 : model->input.width;
    return wanted;
}

// Compares with the manifest, then replaces what varies besides the batch by its sizes: of a width
// that varies the greatest.
static int check_input(struct nj_onnx_session *session, struct nj_error *err)
{
    const struct nj_model *model = session->model;
    struct nj_engine_shape wanted = wanted_input(model);
    struct nj_engine_shape *found = &session->info.input;
    bool fits = found->rank == wanted.rank;
    for (size_t i = 0; fits && i < wanted.rank; i++)
        fits = found->dims[i] == -1 || found->dims[i] == wanted.dims[i];
    if (!fits)
        return refuse_input(session, &wanted, err);
    if (model->width_max > 0)
        wanted.dims[width_axis(model)] = model->width_max;
    memcpy(&found->dims[1], &wanted.dims[1], 3 * sizeof wanted.dims[0]);
    return 0;
}

static bool is_fixed(const struct nj_engine_info *info)
{
    for (size_t k = 0; k < info->output_count; k++) {
        for (size_t i = 1; i < info->outputs[k].rank; i++) {
            if (info->outputs[k].dims[i] < 0)
                return false;
        }
    }
    return true;
}

static int read_results(struct nj_onnx_session *session, OrtValue *const *values,
                        struct nj_error *err)
{
    const OrtApi *api = session->library.api;
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < session->info.output_count; k++) {
        struct nj_engine_shape *shape = &session->info.outputs[k];
        const int64_t batch = shape->dims[0];
        OrtTensorTypeAndShapeInfo *tensor = NULL;
        OrtStatus *status = api->GetTensorTypeAndShape(values[k], &tensor);
        rc = nj_onnx_result(&session->library, status, session->model->weights_path, err);
        if (rc == 0)
            rc = read_shape(session, tensor, shape, err);
        if (rc == 0 && batch == -1)
            shape->dims[0] = -1;
        api->ReleaseTensorTypeAndShapeInfo(tensor);
    }
    return rc;
}

// Runs once on a blank picture to learn the sizes that the file leaves open.
static int run_once(struct nj_onnx_session *session, struct nj_error *err)
{
    const OrtApi *api = session->library.api;
    struct nj_engine_shape shape = session->info.input;
    size_t count = 1;
    for (size_t i = 1; i < shape.rank; i++)
        count *= (size_t)shape.dims[i];
    OrtValue *input = NULL;
    OrtValue *outputs[NJ_ENGINE_OUTPUTS_MAX] = {NULL};
    float *blank = calloc(count, sizeof *blank);
    if (blank == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a blank picture");
    shape.dims[0] = 1;
    OrtStatus *status = api->CreateTensorWithDataAsOrtValue(
        session->memory, blank, count * sizeof *blank, shape.dims, shape.rank,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &input);
    if (status == NULL)
        status =
            api->Run(session->session, NULL, (const char *const *)&session->input_name,
                     (const OrtValue *const *)&input, 1, (const char *const *)session->output_names,
                     session->info.output_count, outputs);
    int rc = nj_onnx_result(&session->library, status, session->model->weights_path, err);
    rc = rc != 0 ? rc : read_results(session, outputs, err);
    api->ReleaseValue(input);
    for (size_t k = 0; k < session->info.output_count; k++)
        api->ReleaseValue(outputs[k]);
    free(blank);
    return rc;
}

static int check_outputs(const struct nj_onnx_session *session, struct nj_error *err)
{
    for (size_t k = 0; k < session->info.output_count; k++) {
        const struct nj_engine_shape *shape = &session->info.outputs[k];
        int64_t floats = session->max_batch;
        bool fits = shape->dims[0] == -1 || (shape->dims[0] == 1 && session->max_batch == 1);
        for (size_t i = 1; fits && i < shape->rank; i++) {
            fits = shape->dims[i] > 0 && shape->dims[i] <= output_floats_max / floats;
            floats *= fits ? shape->dims[i] : 1;
        }
        if (!fits) {
            char text[NJ_SHAPE_TEXT_SIZE];
            nj_shape_text(shape, text);
            return nj_error_set(err, NJ_E_INVALID,
                                "%s: output %zu has the shape %s, expected a batch of %s first and "
                                "at most %lld values",
                                session->model->weights_path, k, text,
                                session->max_batch > 1 ? "any size" : "1",
                                (long long)output_floats_max);
        }
    }
    return 0;
}

int nj_onnx_session_describe(struct nj_onnx_session *session, struct nj_error *err)
{
    int rc = count_tensors(session, err);
    rc = rc != 0 ? rc : read_type(session, true, 0, &session->info.input, err);
    for (size_t k = 0; rc == 0 && k < session->info.output_count; k++)
        rc = read_type(session, false, k, &session->info.outputs[k], err);
    rc = rc != 0 ? rc : read_names(session, err);
    rc = rc != 0 ? rc : check_input(session, err);
    if (rc == 0 && !is_fixed(&session->info))
        rc = run_once(session, err);
    return rc != 0 ? rc : check_outputs(session, err);
}
