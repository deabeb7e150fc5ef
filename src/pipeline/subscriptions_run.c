// SPDX-License-Identifier: Apache-2.0
// The session of a subscription: when its archive's pipeline runs, and what is told of it.
#include "pipeline/subscriptions_priv.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <string.h>

static const char nothing[] = "null", no_object[] = "{}", no_list[] = "[]";

static void tell(struct nj_feed *feed, const struct nj_session *session,
                 const struct nj_subscription_result *result)
{
    struct nj_subscriptions *registry = feed->registry;
    const struct nj_subscription_sink *sink = &registry->config.sink;
    struct nj_subscription_view view;
    if (registry->stopping || sink->detected == NULL)
        return;
    nj_feed_view(feed, &view);
    view.session = session;
    sink->detected(sink->context, &view, result);
}

void nj_feed_tick_session(struct nj_feed *feed)
{
    // The backend is told with the session that the car had.
    const struct nj_session before = feed->session;
    if (nj_session_tick(&feed->session, nj_feed_now_us(feed->registry)) != NJ_SESSION_ABANDONED)
        return;
    const struct nj_subscription_result result = {
        .detection = nothing,
        .detections = no_list,
        .branch_results = no_object,
        .wall_us = nj_wall_us(nj_loop_clock(feed->registry->config.loop)),
    };
    feed->result_track = 0;
    tell(feed, &before, &result);
}

static const char *first_branch_error(const json_t *branches, const char **out_branch)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)branches, name, value)
    {
        const char *error = json_string_value(json_object_get(value, "error"));
        if (error != NULL) {
            *out_branch = name;
            return error;
        }
    }
    return NULL;
}

static void tell_branches(struct nj_feed *feed, const struct nj_run_result *result)
{
    json_t *branches = NULL;
    const char *text = result->branch_results;
    if (text == NULL || nj_json_parse(text, strlen(text), NJ_FEED_JSON_MAX, &branches, NULL) != 0)
        return;
    const char *name = NULL, *error = first_branch_error(branches, &name);
    struct nj_error line = {0};
    if (error != NULL) {
        nj_error_set(&line, NJ_E_INTERNAL, "%s: %s", name, error);
        nj_feed_tell_failure(feed, NJ_FAILURE_BRANCH, line.text);
    }
    json_decref(branches);
}

static void tell_found(struct nj_feed *feed, const struct nj_run_result *run)
{
    struct nj_subscriptions *registry = feed->registry;
    struct nj_buf detections;
    nj_buf_init(&detections, NJ_FEED_JSON_MAX);
    nj_feed_write_detections(run, &detections);
    const struct nj_subscription_result result = {
        .detection = run->detection != NULL ? run->detection : no_object,
        .detections = nj_buf_failed(&detections) == 0 ? detections.data : no_list,
        .branch_results = run->branch_results != NULL ? run->branch_results : no_object,
        .wall_us = feed->run_wall_us,
    };
    feed->detections++;
    registry->detections++;
    feed->result_track = feed->run_track;
    if (registry->metric_detections != NULL)
        nj_metric_add(registry->metric_detections, 1);
    nj_feed_cache_result(feed, &result, run->finished_us - run->started_us);
    tell(feed, &feed->session, &result);
    tell_branches(feed, run);
    nj_buf_finish(&detections);
}

static void tell_failed(struct nj_feed *feed, const struct nj_run_result *result)
{
    const bool failed = result->rc != 0 && result->rc != NJ_E_CANCELLED;
    if (failed && !feed->run_failed)
        nj_feed_tell_failure(feed, NJ_FAILURE_PIPELINE,
                             result->error.text[0] != '\0' ? result->error.text
                                                           : nj_error_name(result->rc));
    feed->run_failed = failed;
}

static void handle_ran(struct nj_run *run, const struct nj_run_result *result)
{
    struct nj_feed *feed = NJ_CONTAINER_OF(run, struct nj_feed, run);
    const bool found = result->rc == 0 && result->found;
    feed->running = false;
    if (!feed->ended) {
        nj_session_ran(&feed->session, feed->run_track, found, nj_feed_now_us(feed->registry));
        tell_failed(feed, result);
        if (found) {
            nj_feed_mark_car(feed, feed->run_track);
            tell_found(feed, result);
        }
        nj_feed_cache_session(feed);
    }
    nj_frame_unref(run->frame);
    run->frame = NULL;
    feed->registry->parts->unref(run->pipeline);
    run->pipeline = NULL;
    nj_feed_settle(feed);
}

static int64_t track_of_input(const struct nj_feed *feed, size_t input)
{
    for (size_t i = 0; i < feed->track_count; i++) {
        if (feed->tracks[i].input == (int32_t)input)
            return feed->tracks[i].id;
    }
    return 0;
}

// What tracking found is what the run begins with, but for things too unsure to count.
static size_t note_known(struct nj_feed *feed, const struct nj_detect_job *job)
{
    size_t count = 0;
    for (size_t i = 0; i < job->result.count && count < NJ_RUN_DETECTIONS_MAX; i++) {
        const struct nj_detection *item = &job->result.items[i];
        if (item->confidence < feed->keep_threshold)
            continue;
        feed->known[count++] = (struct nj_run_detection){
            .label = nj_detector_class_name(job->detector, item->class_id),
            .detection = *item,
            .track_id = track_of_input(feed, i),
        };
    }
    return count;
}

void nj_feed_start_run(struct nj_feed *feed, const struct nj_detect_job *job, int64_t track_id)
{
    struct nj_subscriptions *registry = feed->registry;
    struct nj_error error = {0};
    if (feed->running) { // one of an earlier archive has not ended yet
        nj_session_ran(&feed->session, track_id, false, nj_feed_now_us(registry));
        return;
    }
    feed->run = (struct nj_run){
        .pipeline = registry->parts->ref(feed->pipeline),
        .frame = nj_frame_ref(job->frame),
        .crop = job->crop,
        .display_id = feed->display,
        .camera_id = feed->camera,
        .subscription_id = feed->key,
        .session_id = feed->session.id,
        .known = feed->known,
        .known_count = note_known(feed, job),
        .done = handle_ran,
    };
    feed->run_track = track_id;
    feed->run_wall_us = job->frame->captured_wall_us;
    feed->runs++;
    registry->runs++;
    if (registry->metric_runs != NULL)
        nj_metric_add(registry->metric_runs, 1);
    feed->running = true;
    int rc = registry->parts->run(registry->config.executor, &feed->run, &error);
    if (rc != 0)
        handle_ran(&feed->run, &(struct nj_run_result){.rc = rc, .error = error});
}

void nj_feed_cancel_run(struct nj_feed *feed)
{
    if (feed->running)
        feed->registry->parts->cancel(feed->registry->config.executor, &feed->run);
}
