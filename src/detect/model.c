// SPDX-License-Identifier: Apache-2.0
// Reading model manifests: strict JSON, every key known, every value in its range.
#include "detect/model.h"

#include "detect/decoder_priv.h"
#include "detect/model_priv.h"
#include "util/digest.h"
#include "util/file.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    MANIFEST_BYTES_MAX = 256 * 1024, // 1024 classes of 63 bytes, thrice
    SIDE_MIN_PX = 32,                // one cell of the coarsest stride
    SIDE_MAX_PX = 4096,              // 200 MB of tensor; nothing known is beyond 1920
    WIDTH_STEP_PX = 32,              // of a width that varies: some 30 sizes, not 1000
    TOP_CLASSES = 5,
};

static const char *const manifest_keys[] = {"name",
                                            "weights",
                                            "sha256",
                                            "task",
                                            "decoder",
                                            "input",
                                            "max_batch",
                                            "threshold",
                                            "nms_iou",
                                            "group_iou",
                                            "fast_path_threshold",
                                            "classes",
                                            "labels",
                                            "groups",
                                            "label_map",
                                            "softmax",
                                            "label_offset",
                                            "top",
                                            "point_order",
                                            "space",
                                            NULL};
static const char *const input_keys[] = {"width",  "height", "width_max", "width_step",
                                         "fit",    "order",  "layout",    "scale",
                                         "offset", "pad",    NULL};

// `choices` is NULL-terminated; an absent key leaves *out alone.
static int get_choice(const json_t *object, const char *key, const char *const *choices, int *out,
                      struct nj_error *err)
{
    const char *text = NULL;
    int rc = nj_json_get_text(object, key, false, &text, err);
    if (rc != 0 || text == NULL)
        return rc;
    char allowed[160] = "";
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return 0;
        }
        strncat(allowed, i > 0 ? " | " : "", sizeof allowed - strlen(allowed) - 1);
        strncat(allowed, choices[i], sizeof allowed - strlen(allowed) - 1);
    }
    return nj_error_set(err, NJ_E_INVALID, "\"%s\" is \"%s\", allowed is %s", key, text, allowed);
}

struct range {
    const char *key;
    bool required;
    double min, max;
};

static int get_int(const json_t *object, const struct range *range, int32_t *out,
                   struct nj_error *err)
{
    int64_t value = *out;
    int rc = nj_json_get_int(object, range->key, range->required, &value, err);
    if (rc != 0)
        return rc;
    if (value < (int64_t)range->min || value > (int64_t)range->max)
        return nj_error_set(err, NJ_E_INVALID, "\"%s\" is %lld, allowed is %.0f to %.0f",
                            range->key, (long long)value, range->min, range->max);
    *out = (int32_t)value;
    return 0;
}

static int get_number(const json_t *object, const struct range *range, double *out,
                      struct nj_error *err)
{
    double value = *out;
    int rc = nj_json_get_number(object, range->key, range->required, &value, err);
    if (rc != 0)
        return rc;
    if (!(value >= range->min && value <= range->max))
        return nj_error_set(err, NJ_E_INVALID, "\"%s\" is %g, allowed is %g to %g", range->key,
                            value, range->min, range->max);
    *out = value;
    return 0;
}

static int check_keys(const json_t *object, const char *const *known, struct nj_error *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        if (known[i] == NULL)
            return nj_error_set(err, NJ_E_INVALID, "unknown key \"%s\"", key);
    }
    return 0;
}

// One number for all channels, or an array of three.
static int get_channels(const json_t *object, const char *key, float out[3], struct nj_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL)
        return 0;
    const bool is_array = json_is_array(value) && json_array_size(value) == 3;
    float channels[3];
    for (size_t i = 0; i < 3; i++) {
        const json_t *item = is_array ? json_array_get(value, i) : value;
        const double number = json_number_value(item);
        if (!json_is_number(item) || !(number >= -1e6 && number <= 1e6))
            return nj_error_set(err, NJ_E_INVALID,
                                "\"%s\" is neither a number nor three numbers, each within 1e6",
                                key);
        channels[i] = (float)number;
    }
    memcpy(out, channels, sizeof channels);
    return 0;
}

static int parse_input_sides(const json_t *input, struct nj_tensor_spec *out, struct nj_error *err)
{
    static const struct range width = {"width", true, SIDE_MIN_PX, SIDE_MAX_PX};
    static const struct range height = {"height", true, SIDE_MIN_PX, SIDE_MAX_PX};
    static const struct range pad_range = {"pad", false, 0, 255};
    double pad = 114; // what the YOLO families were trained with
    int rc = get_int(input, &width, &out->width, err);
    rc = rc != 0 ? rc : get_int(input, &height, &out->height, err);
    rc = rc != 0 ? rc : get_number(input, &pad_range, &pad, err);
    out->pad = (float)pad;
    return rc;
}

static int parse_width(const json_t *input, struct nj_model *out, struct nj_error *err)
{
    static const struct range max = {"width_max", false, SIDE_MIN_PX, SIDE_MAX_PX};
    static const struct range step = {"width_step", false, 1, SIDE_MAX_PX};
    if (json_object_get(input, "width_max") == NULL)
        return 0;
    out->width_max = SIDE_MIN_PX;
    out->width_step = WIDTH_STEP_PX;
    int rc = get_int(input, &max, &out->width_max, err);
    rc = rc != 0 ? rc : get_int(input, &step, &out->width_step, err);
    if (rc != 0)
        return rc;
    if (out->decoder != NJ_DECODER_CTC || out->max_batch != 1)
        return nj_error_set(err, NJ_E_INVALID,
                            "\"width_max\" is for the decoder \"ctc\" with a max_batch of 1");
    if (out->width_max < out->input.width)
        return nj_error_set(err, NJ_E_INVALID, "\"width_max\" is %d, less than the width %d",
                            (int)out->width_max, (int)out->input.width);
    return 0;
}

static int parse_input(const json_t *input, struct nj_tensor_spec *out, struct nj_error *err)
{
    static const char *const fits[] = {"letterbox_top_left", "letterbox_centre", "stretch", NULL};
    static const char *const orders[] = {"rgb", "bgr", NULL};
    static const char *const layouts[] = {"nchw", "nhwc", NULL};
    int fit = NJ_FIT_LETTERBOX_CENTRE;
    int order = 0;
    int layout = 0;

    if (!json_is_object(input))
        return nj_error_set(err, NJ_E_INVALID, "\"input\" is missing or no object");
    for (size_t i = 0; i < 3; i++) {
        out->scale[i] = 1;
        out->offset[i] = 0;
    }
    int rc = check_keys(input, input_keys, err);
    rc = rc != 0 ? rc : parse_input_sides(input, out, err);
    rc = rc != 0 ? rc : get_choice(input, "fit", fits, &fit, err);
    rc = rc != 0 ? rc : get_choice(input, "order", orders, &order, err);
    rc = rc != 0 ? rc : get_choice(input, "layout", layouts, &layout, err);
    rc = rc != 0 ? rc : get_channels(input, "scale", out->scale, err);
    rc = rc != 0 ? rc : get_channels(input, "offset", out->offset, err);
    out->fit = (enum nj_tensor_fit)fit;
    out->bgr = order == 1;
    out->nhwc = layout == 1;
    return rc;
}

static int parse_weights(const json_t *root, const char *folder, struct nj_model *out,
                         struct nj_error *err)
{
    const char *weights = NULL;
    const char *sha256 = "";
    int rc = nj_json_get_text(root, "weights", true, &weights, err);
    rc = rc != 0 ? rc : nj_json_get_text(root, "sha256", false, &sha256, err);
    if (rc != 0)
        return rc;
    const size_t digits = strspn(sha256, "0123456789abcdef");
    if (sha256[digits] != '\0' || (digits != 0 && digits != NJ_SHA256_HEX_SIZE - 1))
        return nj_error_set(err, NJ_E_INVALID, "\"sha256\" must be 64 digits of 0-9 and a-f");
    memcpy(out->weights_sha256, sha256, digits + 1);
    if (weights[0] == '\0')
        return nj_error_set(err, NJ_E_INVALID, "\"weights\" is empty");
    if (weights[0] == '/')
        rc = nj_text_copy(out->weights_path, sizeof out->weights_path, weights) ? 0 : NJ_E_TOO_BIG;
    else
        rc = nj_path_join(out->weights_path, sizeof out->weights_path, folder, weights);
    return rc == 0 ? 0 : nj_error_set(err, NJ_E_TOO_BIG, "\"weights\": the path is too long");
}

static int parse_numbers(const json_t *root, struct nj_model *out, struct nj_error *err)
{
    static const struct range batch = {"max_batch", false, 1, NJ_MODEL_BATCH_MAX};
    static const struct range threshold = {"threshold", true, 0, 1};
    static const struct range fast = {"fast_path_threshold", false, 0, 1};
    static const struct range nms = {"nms_iou", false, 0, 1};
    static const struct range group = {"group_iou", false, 0, 1};
    out->max_batch = 1;
    out->nms_iou = 0.45;
    out->group_iou = 0.6;
    out->fast_path_threshold = 0.9;
    int rc = get_int(root, &batch, &out->max_batch, err);
    rc = rc != 0 ? rc : get_number(root, &threshold, &out->threshold, err);
    rc = rc != 0 ? rc : get_number(root, &fast, &out->fast_path_threshold, err);
    rc = rc != 0 ? rc : get_number(root, &nms, &out->nms_iou, err);
    return rc != 0 ? rc : get_number(root, &group, &out->group_iou, err);
}

static int parse_name(const json_t *root, struct nj_model *out, struct nj_error *err)
{
    const char *name = NULL;
    int rc = nj_json_get_text(root, "name", true, &name, err);
    if (rc != 0)
        return rc;
    if (name[0] == '\0' || !nj_text_copy(out->name, sizeof out->name, name))
        return nj_error_set(err, NJ_E_INVALID, "\"name\" must have 1 to %d bytes",
                            NJ_MODEL_NAME_SIZE - 1);
    return 0;
}

static const char *const tasks[NJ_TASK_COUNT + 1] = {[NJ_TASK_DETECT] = "detect",
                                                     [NJ_TASK_CLASSIFY] = "classify",
                                                     [NJ_TASK_RECOGNISE] = "recognise"};

static int parse_decoder(const json_t *root, struct nj_model *out, struct nj_error *err)
{
    const char *names[NJ_DECODER_COUNT + 1] = {NULL};
    for (int i = 0; i < NJ_DECODER_COUNT; i++)
        names[i] = nj_decoders[i]->name;
    int decoder = -1;
    int rc = get_choice(root, "decoder", names, &decoder, err);
    if (rc == 0 && decoder < 0)
        rc = nj_error_set(err, NJ_E_INVALID, "\"decoder\" is missing");
    if (rc != 0)
        return rc;
    out->decoder = (enum nj_model_decoder)decoder;
    out->task = nj_decoders[decoder]->task;
    int task = (int)out->task;
    rc = get_choice(root, "task", tasks, &task, err);
    if (rc == 0 && task != (int)out->task)
        rc = nj_error_set(err, NJ_E_INVALID, "\"task\" is \"%s\", the decoder \"%s\" does \"%s\"",
                          tasks[task], names[decoder], tasks[out->task]);
    return rc;
}

static int parse_point_order(const json_t *root, struct nj_model *out, struct nj_error *err)
{
    const json_t *order = json_object_get(root, "point_order");
    unsigned seen = 0;
    for (int32_t i = 0; i < NJ_MODEL_POINTS; i++) {
        const json_t *item = json_array_get(order, (size_t)i);
        const json_int_t number = json_is_integer(item) ? json_integer_value(item) : -1;
        out->point_order[i] = order == NULL ? i : (int32_t)number;
        if (order == NULL || (number >= 0 && number < NJ_MODEL_POINTS))
            seen |= 1U << (unsigned)out->point_order[i];
    }
    if (seen != (1U << NJ_MODEL_POINTS) - 1 ||
        (order != NULL && json_array_size(order) != NJ_MODEL_POINTS))
        return nj_error_set(err, NJ_E_INVALID, "\"point_order\" must hold 0, 1, 2 and 3 once each");
    return 0;
}

// What only some decoders look at.
static int parse_task_members(const json_t *root, struct nj_model *out, struct nj_error *err)
{
    static const struct range offset = {"label_offset", false, 0, NJ_MODEL_CLASSES_MAX};
    static const struct range top = {"top", false, 1, NJ_MODEL_CLASSES_MAX};
    out->top = TOP_CLASSES;
    int rc = nj_json_get_bool(root, "softmax", false, &out->softmax, err);
    rc = rc != 0 ? rc : nj_json_get_bool(root, "space", false, &out->space, err);
    rc = rc != 0 ? rc : get_int(root, &offset, &out->label_offset, err);
    rc = rc != 0 ? rc : get_int(root, &top, &out->top, err);
    return rc != 0 ? rc : parse_point_order(root, out, err);
}

static int parse(const json_t *root, const char *folder, struct nj_model *out, struct nj_error *err)
{
    if (!json_is_object(root))
        return nj_error_set(err, NJ_E_INVALID, "a manifest is a JSON object");
    int rc = check_keys(root, manifest_keys, err);
    rc = rc != 0 ? rc : parse_name(root, out, err);
    rc = rc != 0 ? rc : parse_weights(root, folder, out, err);
    rc = rc != 0 ? rc : parse_decoder(root, out, err);
    rc = rc != 0 ? rc : parse_input(json_object_get(root, "input"), &out->input, err);
    rc = rc != 0 ? rc : parse_numbers(root, out, err);
    rc = rc != 0 ? rc : parse_width(json_object_get(root, "input"), out, err);
    rc = rc != 0 ? rc : parse_task_members(root, out, err);
    return rc != 0 ? rc : nj_model_parse_labels(root, folder, out, err);
}

int nj_model_parse(const char *json, size_t length, const char *folder, struct nj_model *out,
                   struct nj_error *err)
{
    json_t *root = NULL;
    int rc = nj_json_parse(json, length, MANIFEST_BYTES_MAX, &root, err);
    if (rc != 0)
        return rc;
    // On the heap for its size: two of these would be 8 KiB of stack below deep callers.
    struct nj_model *model = calloc(1, sizeof *model);
    rc = model != NULL ? parse(root, folder, model, err)
                       : nj_error_set(err, NJ_E_NOMEM, "no memory for a manifest");
    json_decref(root);
    if (rc == 0)
        *out = *model;
    else if (model != NULL)
        nj_model_finish(model);
    free(model);
    return rc;
}

int nj_model_load(const char *manifest_path, struct nj_model *out, struct nj_error *err)
{
    char folder[NJ_MODEL_PATH_SIZE];
    if (!nj_text_copy(folder, sizeof folder, manifest_path))
        return nj_error_set(err, NJ_E_TOO_BIG, "path of the manifest is too long");
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        nj_text_copy(folder, sizeof folder, ".");
    else
        slash[slash == folder ? 1 : 0] = '\0';

    char *json = NULL;
    size_t length = 0;
    int rc = nj_file_read(manifest_path, MANIFEST_BYTES_MAX, &json, &length, err);
    if (rc != 0)
        return rc;
    rc = nj_model_parse(json, length, folder, out, err);
    free(json);
    if (rc != 0)
        nj_error_prefix(err, "%s", manifest_path);
    return rc;
}

void nj_model_finish(struct nj_model *model)
{
    if (model == NULL)
        return;
    free(model->class_names);
    free(model->class_groups);
    free(model->class_map);
    free(model->alphabet);
    model->class_names = NULL;
    model->class_groups = NULL;
    model->class_map = NULL;
    model->alphabet = NULL;
    model->class_count = model->network_class_count = model->alphabet_count = 0;
}

int32_t nj_model_class(const struct nj_model *model, const char *name)
{
    for (int32_t i = 0; i < model->class_count; i++)
        if (nj_text_equal_nocase(model->class_names[i], name))
            return i;
    return -1;
}
