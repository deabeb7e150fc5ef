// SPDX-License-Identifier: Apache-2.0
// What a run found, as JSON: each branch under its model's id, and the object that goes to the
// backend.
#include "pipeline/executor_priv.h"

#include "util/json_writer.h"
#include "util/text.h"

#include <string.h>

enum { CONFIDENCE_DIGITS = 4 };

struct alias {
    const char *part;  // of a classifier's modelId, whatever its case
    const char *field; // under which its class is known
};
// The first that fits.
static const struct alias aliases[] = {
    {"brand", "brand"},     {"body", "body_type"}, {"color", "color"}, {"colour", "color"},
    {"car_model", "model"}, {"carmodel", "model"}, {"year", "year"},
};

struct wire_name {
    const char *field, *key, *confidence_key; // confidence_key NULL: not told
};
static const struct wire_name wire_names[] = {
    {"brand", "carBrand", NULL},     {"model", "carModel", NULL},
    {"body_type", "bodyType", NULL}, {"year", "carYear", NULL},
    {"color", "color", NULL},        {"text", "licensePlateText", "licensePlateConfidence"},
};

const char *nj_run_alias(const struct nj_run_node *node)
{
    const enum nj_model_task task = nj_detector_model(node->loaded->detector)->task;
    if (task == NJ_TASK_RECOGNISE)
        return "text";
    for (size_t i = 0; task == NJ_TASK_CLASSIFY && i < NJ_COUNT_OF(aliases); i++) {
        if (strcasestr(node->spec->model_id, aliases[i].part) != NULL)
            return aliases[i].field;
    }
    return NULL;
}

static const char *value_of(const struct nj_run_node *node)
{
    return node->text[0] != '\0' ? node->text : node->found[0].label;
}

static double confidence_of(const struct nj_run_node *node)
{
    return node->text[0] != '\0' ? (double)node->text_confidence
                                 : (double)node->found[0].detection.confidence;
}

static void write_box(const struct nj_rect *box, struct nj_json_writer *writer)
{
    nj_json_array_begin(writer, "bbox");
    nj_json_fixed(writer, NULL, (double)box->x, 1);
    nj_json_fixed(writer, NULL, (double)box->y, 1);
    nj_json_fixed(writer, NULL, (double)box->x + (double)box->w, 1);
    nj_json_fixed(writer, NULL, (double)box->y + (double)box->h, 1);
    nj_json_array_end(writer);
}

static void write_found(const struct nj_run_node *node, struct nj_json_writer *writer)
{
    const char *alias = nj_run_alias(node);
    const bool detects = nj_detector_model(node->loaded->detector)->task == NJ_TASK_DETECT;
    if (node->found_count > 0)
        nj_json_text(writer, "class",
                     node->outcome == NJ_NODE_UNSURE ? NULL : node->found[0].label);
    nj_json_fixed(writer, "confidence", confidence_of(node), CONFIDENCE_DIGITS);
    if (alias != NULL && node->outcome == NJ_NODE_OK)
        nj_json_text(writer, alias, value_of(node));
    else if (alias != NULL && node->found_count == 0)
        nj_json_null(writer, alias); // of a reader, which has no class
    if (detects)
        write_box(&node->found[0].detection.box, writer);
}

static void write_branch(const struct nj_run_node *node, struct nj_json_writer *writer)
{
    if (node->outcome == NJ_NODE_NONE)
        return;
    nj_json_object_begin(writer, node->spec->model_id);
    if (node->outcome == NJ_NODE_ERROR) {
        nj_json_text(writer, "error", node->error);
        nj_json_text(writer, "type", node->error_type);
    } else {
        write_found(node, writer);
    }
    nj_json_object_end(writer);
}

static void write_branches(struct nj_run_work *work)
{
    struct nj_json_writer writer;
    nj_json_init(&writer, &work->branch_results);
    nj_json_object_begin(&writer, NULL);
    for (size_t i = 1; i < work->node_count; i++)
        write_branch(&work->nodes[i], &writer);
    nj_json_object_end(&writer);
}

// The first node, in reading order, that has the field.
static const struct nj_run_node *find_field(const struct nj_run_work *work, const char *field)
{
    for (size_t i = 0; i < work->node_count; i++) {
        const char *alias = nj_run_alias(&work->nodes[i]);
        if (work->nodes[i].outcome == NJ_NODE_OK && alias != NULL && strcmp(alias, field) == 0)
            return &work->nodes[i];
    }
    return NULL;
}

static void write_detection(struct nj_run_work *work)
{
    const struct nj_run_node *root = &work->nodes[0];
    struct nj_json_writer writer;
    bool any = false;
    nj_json_init(&writer, &work->detection);
    nj_json_object_begin(&writer, NULL);
    for (size_t i = 0; i < NJ_COUNT_OF(wire_names); i++) {
        const struct nj_run_node *node = find_field(work, wire_names[i].field);
        if (node == NULL)
            continue;
        any = true;
        nj_json_text(&writer, wire_names[i].key, value_of(node));
        if (wire_names[i].confidence_key != NULL)
            nj_json_fixed(&writer, wire_names[i].confidence_key, confidence_of(node),
                          CONFIDENCE_DIGITS);
    }
    if (!any && root->found_count > 0) {
        nj_json_text(&writer, "class", root->found[0].label);
        nj_json_fixed(&writer, "confidence", confidence_of(root), CONFIDENCE_DIGITS);
        write_box(&root->found[0].detection.box, &writer);
    }
    nj_json_object_end(&writer);
}

int nj_run_write_results(struct nj_run_work *work, struct nj_error *err)
{
    const struct nj_run_node *root = &work->nodes[0];
    struct nj_run_result *result = &work->result;
    result->detection_count = root->found_count;
    result->best = 0; // surest first
    memcpy(result->detections, root->found, root->found_count * sizeof root->found[0]);
    if (work->phase != NJ_RUN_ACTING)
        return 0;
    write_branches(work);
    write_detection(work);
    const int failed = nj_buf_failed(&work->branch_results) != 0
                           ? nj_buf_failed(&work->branch_results)
                           : nj_buf_failed(&work->detection);
    if (failed != 0)
        return nj_error_set(err, failed, "no memory for the results of a pipeline");
    result->branch_results = work->branch_results.data;
    result->detection = work->detection.data;
    return 0;
}
