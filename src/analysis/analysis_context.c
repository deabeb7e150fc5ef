// SPDX-License-Identifier: Apache-2.0
// What an analyser is shown, and the event made of its finding.
#include "analysis/analysis_priv.h"
#include "analysis/rules.h"
#include "storage/store_cameras.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "Recent" in the rules and in the prompt.
static const nj_us recent_us = 3600 * (nj_us)NJ_US_PER_S;

static int load_detections(struct nj_analysis_task *task, struct nj_db *db, struct nj_error *err)
{
    struct nj_detection_filter filter = {.batch_id = task->batch_id,
                                         .limit = NJ_ANALYSIS_DETECTIONS};
    size_t count = 0;
    free(task->detections);
    task->detections = NULL;
    int rc = nj_detections_list(db, &filter, &task->detections, &count, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < count / 2; i++) { // the list is newest first
        struct nj_detection_row swap = task->detections[i];
        task->detections[i] = task->detections[count - 1 - i];
        task->detections[count - 1 - i] = swap;
    }
    task->context.detections = task->detections;
    task->context.detection_count = count;
    return 0;
}

int nj_analysis_load(struct nj_analysis_task *task, struct nj_db *db, struct nj_error *err)
{
    struct nj_analysis_context *context = &task->context;
    task->nothing_to_do = true;
    int rc = nj_batches_get(db, task->batch_id, &context->batch, err);
    if (rc == NJ_E_NOT_FOUND)
        return 0; // retention was faster
    if (rc != 0 || strcmp(context->batch.state, "analysed") == 0)
        return rc;
    if (strcmp(context->batch.state, "open") == 0)
        return nj_error_set(err, NJ_E_CONFLICT, "batch %s is still open", task->batch_id);
    rc = load_detections(task, db, err);
    if (rc != 0 || context->detection_count == 0)
        return rc;
    struct nj_camera_row camera;
    rc = nj_cameras_get(db, context->batch.camera_id, &camera, err);
    if (rc != 0 && rc != NJ_E_NOT_FOUND)
        return rc;
    nj_text_copy(context->camera_name, sizeof context->camera_name,
                 rc == 0 ? camera.name : context->batch.camera_id);
    rc = nj_events_recent(db, context->batch.camera_id, context->batch.started_us - recent_us,
                          &context->recent_events, err);
    if (rc != 0)
        return rc;
    nj_timezone_local(task->analysis->zone, context->batch.started_us, &context->local);
    context->fast_path = strcmp(context->batch.close_reason, "fast_path") == 0;
    task->nothing_to_do = false;
    return 0;
}

static void write_types(const struct nj_analysis_context *context, char *out, size_t size)
{
    struct nj_class_count classes[NJ_CLASS_COUNTS_MAX];
    size_t count = nj_rules_count_classes(context, classes);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(out);
        if (used + strlen(classes[i].name) + 2 > size)
            return; // no half names
        snprintf(out + used, size - used, "%s%s", i > 0 ? "," : "", classes[i].name);
    }
}

void nj_analysis_make_event(struct nj_analysis_task *task)
{
    const struct nj_analysis_context *context = &task->context;
    const struct nj_finding *finding = &task->finding;
    struct nj_event_row *event = &task->event;
    *event = (struct nj_event_row){
        .started_us = context->batch.started_us,
        .ended_us = context->batch.last_activity_us,
        .risk_score = finding->risk_score,
        .detection_count = context->batch.detection_count,
        .is_fast_path = context->fast_path,
        .version = 1,
    };
    double surest = -1;
    for (size_t i = 0; i < context->detection_count; i++) {
        const struct nj_detection_row *row = &context->detections[i];
        if (row->ended_us > event->ended_us)
            event->ended_us = row->ended_us;
        if (row->confidence > surest) {
            surest = row->confidence;
            event->best_detection_id = row->id;
        }
    }
    nj_text_copy(event->batch_id, sizeof event->batch_id, context->batch.id);
    nj_text_copy(event->camera_id, sizeof event->camera_id, context->batch.camera_id);
    nj_text_copy(event->risk_level, sizeof event->risk_level,
                 nj_severity_level(&task->severity, finding->risk_score));
    nj_text_copy(event->summary, sizeof event->summary, finding->summary);
    nj_text_copy(event->reasoning, sizeof event->reasoning, finding->reasoning);
    nj_text_copy(event->breakdown, sizeof event->breakdown, finding->breakdown);
    nj_text_copy(event->analyser, sizeof event->analyser, finding->analyser);
    write_types(context, event->object_types, sizeof event->object_types);
}
