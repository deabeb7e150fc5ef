// SPDX-License-Identifier: Apache-2.0
// An archive with its models: loaded through the cache, counted, with the times of each node.
#include "pipeline/executor_priv.h"

#include "util/ref.h"
#include "util/text.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMES_KEPT = 128 }; // newest runs of a node, for average and percentile

struct node_times {
    uint64_t runs, skipped, failed, timeouts;
    float ms[TIMES_KEPT];
    size_t count, next;
};

struct nj_loaded_pipeline {
    struct nj_ref ref;
    struct nj_archive *archive;
    struct nj_model_cache *models;
    size_t node_count;
    struct nj_loaded_node *nodes; // by index
    pthread_mutex_t lock;
    struct node_times *times; // by index; protected by lock
};

static void free_initial(struct nj_spec_action *action)
{
    if (action == NULL)
        return;
    nj_template_destroy(action->key_value);
    for (size_t i = 0; i < action->field_count; i++)
        nj_template_destroy(action->fields[i].value);
    free(action->fields);
    free(action);
}

static void pipeline_free(struct nj_loaded_pipeline *pipeline)
{
    for (size_t i = 0; pipeline->nodes != NULL && i < pipeline->node_count; i++) {
        nj_model_cache_put(pipeline->models, pipeline->nodes[i].detector);
        free(pipeline->nodes[i].wanted);
        free_initial(pipeline->nodes[i].initial);
    }
    free(pipeline->nodes);
    free(pipeline->times);
    nj_archive_unref(pipeline->archive);
    pthread_mutex_destroy(&pipeline->lock);
    free(pipeline);
}

static struct nj_value lookup_x(const void *context, const char *name)
{
    (void)context;
    (void)name;
    return (struct nj_value){.kind = NJ_VALUE_TEXT, .text = "x"};
}

// Whether the template is "{session_id}" and nothing else.
static bool is_session(const struct nj_template *template_)
{
    static const struct nj_values values = {.lookup = lookup_x};
    struct nj_buf text;
    if (template_ == NULL || nj_template_name_count(template_) != 1 ||
        strcmp(nj_template_name(template_, 0), "session_id") != 0)
        return false;
    nj_buf_init(&text, 16);
    const bool is = nj_template_fill(template_, &values, NJ_TEMPLATE_PLAIN, &text, NULL) == 0 &&
                    text.length == 1;
    nj_buf_finish(&text);
    return is;
}

static bool updates_session(const struct nj_spec_action *action)
{
    return (action->kind == NJ_ACTION_POSTGRESQL_UPDATE ||
            action->kind == NJ_ACTION_POSTGRESQL_UPDATE_COMBINED) &&
           is_session(action->key_value);
}

// The update whose row has to be there first; NULL: there is none, or the archive makes its record
// itself.
static const struct nj_spec_action *find_update(const struct nj_spec_node *node)
{
    if (!node->multi_class)
        return NULL;
    for (size_t i = 0; i < node->action_count; i++) {
        if (node->actions[i].kind == NJ_ACTION_POSTGRESQL_CREATE_RECORD)
            return NULL;
    }
    for (size_t i = 0; i < node->parallel_action_count; i++) {
        if (updates_session(&node->parallel_actions[i]))
            return &node->parallel_actions[i];
    }
    return NULL;
}

static int make_initial(struct nj_loaded_node *node, struct nj_error *err)
{
    static const char *const columns[][2] = {{"display_id", "{display_id}"},
                                             {"captured_timestamp", "{timestamp}"}};
    const struct nj_spec_action *update = find_update(node->spec);
    if (update == NULL)
        return 0;
    struct nj_spec_action *action = calloc(1, sizeof *action);
    struct nj_spec_field *fields = calloc(NJ_COUNT_OF(columns), sizeof *fields);
    if (action == NULL || fields == NULL) {
        free(action);
        free(fields);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a pipeline");
    }
    node->initial = action;
    action->fields = fields;
    action->kind = NJ_ACTION_POSTGRESQL_CREATE_RECORD;
    snprintf(action->path, sizeof action->path, "%.100s.record", node->spec->path);
    nj_text_copy(action->table, sizeof action->table, update->table);
    nj_text_copy(action->key_field, sizeof action->key_field, update->key_field);
    int rc = nj_template_parse("{session_id}", &action->key_value, err);
    for (size_t i = 0; i < NJ_COUNT_OF(columns) && rc == 0; i++) {
        struct nj_spec_field *field = &fields[action->field_count];
        nj_text_copy(field->column, sizeof field->column, columns[i][0]);
        rc = nj_template_parse(columns[i][1], &field->value, err);
        action->field_count += rc == 0;
    }
    return rc;
}

static int find_wanted(struct nj_loaded_node *node, struct nj_error *err)
{
    const struct nj_spec_names *classes = &node->spec->trigger_classes;
    const struct nj_model *model = nj_detector_model(node->detector);
    if (node->spec->index != 0 || classes->count == 0 || model->class_count <= 0)
        return 0;
    node->wanted = calloc((size_t)model->class_count, sizeof *node->wanted);
    if (node->wanted == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a pipeline");
    size_t known = 0;
    for (int32_t id = 0; id < model->class_count; id++) {
        for (size_t i = 0; i < classes->count && !node->wanted[id]; i++)
            node->wanted[id] = nj_text_equal_nocase(model->class_names[id], classes->items[i]);
        known += node->wanted[id];
    }
    return known > 0 ? 0
                     : nj_error_set(err, NJ_E_INVALID,
                                    "the model knows none of the triggerClasses (%s, ...)",
                                    classes->items[0]);
}

static int load_node(struct nj_loaded_pipeline *pipeline, const struct nj_spec_node *spec,
                     struct nj_error *err)
{
    struct nj_loaded_node *node = &pipeline->nodes[spec->index];
    node->spec = spec;
    int rc = nj_model_cache_get(pipeline->models, pipeline->archive->manifests[spec->index],
                                &node->detector, err);
    rc = rc != 0 ? rc : find_wanted(node, err);
    rc = rc != 0 ? rc : make_initial(node, err);
    if (rc != 0) {
        nj_archive_shorten_error(pipeline->archive, err);
        return nj_error_prefix(err, "%s (%s)", spec->path, spec->model_id);
    }
    for (size_t i = 0; i < spec->branch_count && rc == 0; i++)
        rc = load_node(pipeline, &spec->branches[i], err);
    return rc;
}

int nj_loaded_pipeline_create(struct nj_archive *archive, struct nj_model_cache *models,
                              struct nj_loaded_pipeline **out, struct nj_error *err)
{
    struct nj_loaded_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (pipeline == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a pipeline");
    nj_ref_init(&pipeline->ref);
    pthread_mutex_init(&pipeline->lock, NULL);
    pipeline->archive = nj_archive_ref(archive);
    pipeline->models = models;
    pipeline->node_count = archive->spec->node_count;
    pipeline->nodes = calloc(pipeline->node_count, sizeof *pipeline->nodes);
    pipeline->times = calloc(pipeline->node_count, sizeof *pipeline->times);
    int rc = pipeline->nodes != NULL && pipeline->times != NULL
                 ? load_node(pipeline, &archive->spec->root, err)
                 : nj_error_set(err, NJ_E_NOMEM, "no memory for a pipeline");
    if (rc != 0)
        pipeline_free(pipeline);
    else
        *out = pipeline;
    return rc;
}

struct nj_loaded_pipeline *nj_loaded_pipeline_ref(struct nj_loaded_pipeline *pipeline)
{
    nj_ref_take(&pipeline->ref);
    return pipeline;
}

void nj_loaded_pipeline_unref(struct nj_loaded_pipeline *pipeline)
{
    if (pipeline != NULL && nj_ref_drop(&pipeline->ref))
        pipeline_free(pipeline);
}

const struct nj_archive *nj_loaded_pipeline_archive(const struct nj_loaded_pipeline *pipeline)
{
    return pipeline->archive;
}

struct nj_detector *nj_loaded_pipeline_model(const struct nj_loaded_pipeline *pipeline,
                                             size_t node_index)
{
    return node_index < pipeline->node_count ? pipeline->nodes[node_index].detector : NULL;
}

const struct nj_loaded_node *nj_loaded_pipeline_node(const struct nj_loaded_pipeline *pipeline,
                                                     size_t node_index)
{
    return &pipeline->nodes[node_index];
}

void nj_loaded_pipeline_note(struct nj_loaded_pipeline *pipeline, size_t node_index,
                             enum nj_node_end end, nj_us took_us)
{
    pthread_mutex_lock(&pipeline->lock);
    struct node_times *times = &pipeline->times[node_index];
    if (end == NJ_NODE_RAN) {
        times->runs++;
        times->ms[times->next] = (float)took_us / NJ_US_PER_MS;
        times->next = (times->next + 1) % TIMES_KEPT;
        times->count += times->count < TIMES_KEPT;
    }
    times->skipped += end == NJ_NODE_SKIPPED;
    times->failed += end == NJ_NODE_FAILED;
    times->timeouts += end == NJ_NODE_TIMEOUT;
    pthread_mutex_unlock(&pipeline->lock);
}

static int compare_ms(const void *a, const void *b)
{
    const float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

void nj_loaded_pipeline_timing(const struct nj_loaded_pipeline *pipeline, size_t node_index,
                               struct nj_node_timing *out)
{
    struct nj_loaded_pipeline *self = (struct nj_loaded_pipeline *)(uintptr_t)pipeline;
    struct node_times times;
    double sum = 0;
    *out = (struct nj_node_timing){0};
    if (node_index >= pipeline->node_count)
        return;
    pthread_mutex_lock(&self->lock);
    times = self->times[node_index];
    pthread_mutex_unlock(&self->lock);
    *out = (struct nj_node_timing){.runs = times.runs,
                                   .skipped = times.skipped,
                                   .failed = times.failed,
                                   .timeouts = times.timeouts};
    if (times.count == 0)
        return;
    out->ms_last = (double)times.ms[(times.next + TIMES_KEPT - 1) % TIMES_KEPT];
    for (size_t i = 0; i < times.count; i++)
        sum += (double)times.ms[i];
    out->ms_avg = sum / (double)times.count;
    qsort(times.ms, times.count, sizeof times.ms[0], compare_ms);
    out->ms_p95 = (double)times.ms[(size_t)ceil(.95 * (double)times.count) - 1];
}
