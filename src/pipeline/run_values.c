// SPDX-License-Identifier: Apache-2.0
// The names that templates know while a pipeline runs.
#include "pipeline/executor_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CONFIDENCE_STEPS = 10000, PLACE_STEPS = 10 };

static struct nj_value text_value(const char *text)
{
    return (struct nj_value){
        .kind = text != NULL && text[0] != '\0' ? NJ_VALUE_TEXT : NJ_VALUE_NONE, .text = text};
}

static struct nj_value number_value(double number)
{
    return (struct nj_value){.kind = NJ_VALUE_NUMBER, .number = number};
}

// Numbers as people write them: single precision shows digits that mean nothing.
static double round_to(float value, double steps)
{
    return round((double)value * steps) / steps;
}

static double confidence_of(const struct nj_run_node *node)
{
    return round_to(node->found_count > 0 ? node->found[0].detection.confidence
                                          : node->text_confidence,
                    CONFIDENCE_STEPS);
}

static struct nj_value box_value(const struct nj_run_node *node)
{
    char *scratch = node->work->scratch;
    const struct nj_rect *box = &node->found[0].detection.box;
    snprintf(scratch, sizeof node->work->scratch, "%.0f,%.0f,%.0f,%.0f", (double)box->x,
             (double)box->y, (double)box->x + (double)box->w, (double)box->y + (double)box->h);
    return text_value(scratch);
}

static struct nj_value place_value(const struct nj_rect *box, char side)
{
    const float value = side == 'x' ? box->x : side == 'y' ? box->y : side == 'w' ? box->w : box->h;
    return number_value(round_to(value, PLACE_STEPS));
}

// Of its surest detection or class.
static struct nj_value seen_value(const struct nj_run_node *node, const char *field)
{
    const struct nj_run_detection *seen = &node->found[0];
    const char *alias = nj_run_alias(node);
    if (strcmp(field, "class") == 0 || (alias != NULL && strcmp(field, alias) == 0))
        return text_value(seen->label);
    if (strcmp(field, "bbox") == 0)
        return box_value(node);
    if (strlen(field) == 1 && strchr("xywh", field[0]) != NULL)
        return place_value(&seen->detection.box, field[0]);
    if (strcmp(field, "track_id") == 0 && seen->track_id > 0)
        return number_value((double)seen->track_id);
    return (struct nj_value){.kind = NJ_VALUE_NONE};
}

// A field of what one node found.
static struct nj_value field_value(const struct nj_run_node *node, const char *field)
{
    const struct nj_value none = {.kind = NJ_VALUE_NONE};
    if (node->outcome != NJ_NODE_OK)
        return none;
    if (strcmp(field, "model_id") == 0)
        return text_value(node->spec->model_id);
    if (strcmp(field, "confidence") == 0)
        return number_value(confidence_of(node));
    if (strcmp(field, "text") == 0)
        return text_value(node->text);
    return node->found_count > 0 ? seen_value(node, field) : none;
}

struct context_name {
    const char *name;
    size_t offset; // of a text in struct nj_run_work
};

static struct nj_value context_value(const struct nj_run_work *work, const char *name)
{
    static const struct context_name names[] = {
        {"display_id", offsetof(struct nj_run_work, display_id)},
        {"camera_id", offsetof(struct nj_run_work, camera_id)},
        {"subscription_id", offsetof(struct nj_run_work, subscription_id)},
        {"session_id", offsetof(struct nj_run_work, session_id)},
        {"timestamp", offsetof(struct nj_run_work, timestamp)},
        {"uuid", offsetof(struct nj_run_work, uuid)},
        {"filename", offsetof(struct nj_run_work, filename)},
        {"image_key", offsetof(struct nj_run_work, image_key)},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        if (strcmp(name, names[i].name) == 0)
            return text_value((const char *)work + names[i].offset);
    }
    if (strcmp(name, "timestamp_ms") == 0)
        return number_value((double)work->timestamp_ms);
    return (struct nj_value){.kind = NJ_VALUE_NONE};
}

struct nj_value nj_run_lookup(const void *context, const char *name)
{
    const struct nj_run_node *node = context;
    const struct nj_run_work *work = node->work;
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < work->node_count; i++) {
        const char *id = work->nodes[i].spec->model_id;
        const size_t length = (size_t)(dot - name);
        if (strlen(id) == length && strncmp(id, name, length) == 0)
            return field_value(&work->nodes[i], dot + 1);
    }
    const struct nj_value value = context_value(work, name);
    return value.kind != NJ_VALUE_NONE ? value : field_value(node, name);
}
