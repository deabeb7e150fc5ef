// SPDX-License-Identifier: Apache-2.0
// What is remembered of subscriptions: newest detections, newest results, sessions. One bounded
// cache.
#include "pipeline/subscriptions_priv.h"
#include "util/json_reader.h"
#include "util/json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = NJ_SUBSCRIPTION_ID_SIZE + 16, SESSION_JSON_MAX = 64 << 10 };

static void make_key(enum nj_subscription_memory which, const char *name, char key[KEY_SIZE])
{
    static const char *const prefixes[] = {"detections", "result", "session"};
    snprintf(key, KEY_SIZE, "%s:%s", prefixes[which], name);
}

static void keep(struct nj_subscriptions *registry, enum nj_subscription_memory which,
                 const char *name, const struct nj_buf *buf)
{
    char key[KEY_SIZE];
    make_key(which, name, key);
    if (nj_buf_failed(buf) == 0)
        nj_lru_put(registry->cache, key, buf->data, buf->length, nj_feed_now_us(registry));
}

const char *nj_subscriptions_recall(struct nj_subscriptions *subscriptions,
                                    enum nj_subscription_memory which, const char *key)
{
    char full[KEY_SIZE];
    size_t length;
    make_key(which, key, full);
    return nj_lru_get(subscriptions->cache, full, nj_feed_now_us(subscriptions), &length);
}

static void write_box(struct nj_json_writer *writer, float x, float y, float w, float h)
{
    const float sides[] = {x, y, x + w, y + h};
    nj_json_array_begin(writer, "bbox");
    for (size_t i = 0; i < NJ_COUNT_OF(sides); i++)
        nj_json_fixed(writer, NULL, (double)sides[i], 1);
    nj_json_array_end(writer);
}

static const struct nj_validator_result *result_of(const struct nj_validator_result *results,
                                                   size_t count, int64_t track_id)
{
    for (size_t i = 0; i < count; i++) {
        if (results[i].track_id == track_id)
            return &results[i];
    }
    return NULL;
}

static void write_track(const struct nj_feed *feed, const struct nj_track *track,
                        const struct nj_validator_result *result, struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, NULL);
    nj_json_int(writer, "track_id", track->id);
    nj_json_text(writer, "class", nj_detector_class_name(feed->job.detector, track->class_id));
    nj_json_fixed(writer, "confidence", (double)track->score, 4);
    write_box(writer, track->x, track->y, track->w, track->h);
    nj_json_bool(writer, "lost", track->state == NJ_TRACK_LOST);
    nj_json_text(writer, "state", result != NULL ? nj_validator_state_name(result->state) : NULL);
    nj_json_text(writer, "reason", result != NULL ? result->reason : NULL);
    nj_json_object_end(writer);
}

void nj_feed_cache_tracks(struct nj_feed *feed, const struct nj_frame *frame,
                          const struct nj_validator_result *results, size_t count)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, NJ_FEED_JSON_MAX);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_int(&writer, "sequence", (int64_t)frame->sequence);
    nj_json_int(&writer, "width", frame->full_width);
    nj_json_int(&writer, "height", frame->full_height);
    nj_json_time(&writer, "captured_at", frame->captured_wall_us);
    nj_json_array_begin(&writer, "tracks");
    for (size_t i = 0; i < feed->track_count; i++) {
        const struct nj_track *track = &feed->tracks[i];
        if (track->state != NJ_TRACK_TENTATIVE)
            write_track(feed, track, result_of(results, count, track->id), &writer);
    }
    nj_json_array_end(&writer);
    nj_json_object_end(&writer);
    keep(feed->registry, NJ_NEWEST_DETECTIONS, feed->spec.id, &buf);
    nj_buf_finish(&buf);
}

void nj_feed_write_detections(const struct nj_run_result *result, struct nj_buf *out)
{
    struct nj_json_writer writer;
    nj_json_init(&writer, out);
    nj_json_array_begin(&writer, NULL);
    for (size_t i = 0; i < result->detection_count; i++) {
        const struct nj_run_detection *item = &result->detections[i];
        const struct nj_rect *box = &item->detection.box;
        nj_json_object_begin(&writer, NULL);
        nj_json_text(&writer, "class", item->label);
        nj_json_fixed(&writer, "confidence", (double)item->detection.confidence, 4);
        write_box(&writer, box->x, box->y, box->w, box->h);
        if (item->track_id != 0)
            nj_json_int(&writer, "track_id", item->track_id);
        else
            nj_json_null(&writer, "track_id");
        nj_json_object_end(&writer);
    }
    nj_json_array_end(&writer);
}

void nj_feed_cache_result(struct nj_feed *feed, const struct nj_subscription_result *result,
                          nj_us took_us)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, NJ_FEED_JSON_MAX);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_time(&writer, "timestamp", result->wall_us);
    nj_json_int(&writer, "track_id", feed->run_track);
    nj_json_fixed(&writer, "duration_ms", (double)took_us / NJ_US_PER_MS, 2);
    nj_json_raw(&writer, "detection", result->detection, strlen(result->detection));
    nj_json_raw(&writer, "detections", result->detections, strlen(result->detections));
    nj_json_raw(&writer, "branch_results", result->branch_results, strlen(result->branch_results));
    nj_json_object_end(&writer);
    keep(feed->registry, NJ_NEWEST_RESULT, feed->spec.id, &buf);
    nj_buf_finish(&buf);
}

// RFC 7396. Both are objects of limited depth: they were parsed.
static int merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, key, value)
    {
        json_t *old = json_object_get(target, key);
        int rc = 0;
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (!json_is_object(value)) {
            rc = json_object_set(target, key, value);
        } else {
            if (!json_is_object(old)) {
                rc = json_object_set_new(target, key, json_object());
                old = json_object_get(target, key);
            }
            rc = rc != 0 ? rc : merge(old, value);
        }
        if (rc != 0)
            return NJ_E_NOMEM;
    }
    return 0;
}

static json_t *load_session(struct nj_subscriptions *registry, const char *session_id)
{
    json_t *known = NULL;
    const char *text = nj_subscriptions_recall(registry, NJ_SESSION_DATA, session_id);
    if (text == NULL || nj_json_parse(text, strlen(text), SESSION_JSON_MAX, &known, NULL) != 0)
        return json_object();
    return known;
}

static int store_session(struct nj_subscriptions *registry, const char *session_id,
                         const json_t *known, struct nj_error *err)
{
    struct nj_buf buf;
    nj_buf_init(&buf, SESSION_JSON_MAX);
    char *text = json_dumps(known, JSON_COMPACT);
    if (text == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a session");
    nj_buf_append_text(&buf, text);
    free(text);
    int rc = nj_buf_failed(&buf);
    if (rc != 0)
        nj_error_set(err, rc, "a session's data may have %d bytes", SESSION_JSON_MAX);
    keep(registry, NJ_SESSION_DATA, session_id, &buf);
    nj_buf_finish(&buf);
    return rc;
}

int nj_subscriptions_patch_session(struct nj_subscriptions *subscriptions, const char *session_id,
                                   const char *patch, struct nj_error *err)
{
    json_t *change = NULL;
    int rc = nj_json_parse(patch, strlen(patch), SESSION_JSON_MAX, &change, err);
    if (rc != 0)
        return rc;
    if (!json_is_object(change)) {
        json_decref(change);
        return nj_error_set(err, NJ_E_INVALID, "data: must be an object");
    }
    json_t *known = load_session(subscriptions, session_id);
    rc = known == NULL ? NJ_E_NOMEM : merge(known, change);
    if (rc != 0)
        nj_error_set(err, rc, "no memory for a session");
    else
        rc = store_session(subscriptions, session_id, known, err);
    json_decref(known);
    json_decref(change);
    return rc;
}

void nj_feed_cache_session(struct nj_feed *feed)
{
    const struct nj_session *session = &feed->session;
    struct nj_buf buf;
    struct nj_json_writer writer;
    if (session->id[0] == '\0')
        return;
    nj_buf_init(&buf, SESSION_JSON_MAX);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "displayIdentifier", feed->display);
    nj_json_text(&writer, "progressionStage", session->stage[0] != '\0' ? session->stage : NULL);
    nj_json_object_end(&writer);
    if (nj_buf_failed(&buf) == 0) // without memory the session is only not remembered
        (void)nj_subscriptions_patch_session(feed->registry, session->id, buf.data, NULL);
    nj_buf_finish(&buf);
}
