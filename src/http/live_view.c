// SPDX-License-Identifier: Apache-2.0
// What the live pipelines tell about a camera.
#include "http/http_priv.h"

struct nj_live_pipeline *nj_api_live_find(const struct nj_api_context *context,
                                          const char *camera_id)
{
    return context->live != NULL ? nj_live_set_find(context->live, camera_id) : NULL;
}

void nj_api_live_write(struct nj_live_pipeline *pipeline, struct nj_json_writer *writer)
{
    struct nj_live_stats stats;
    if (pipeline == NULL) {
        nj_json_null(writer, "live");
        return;
    }
    nj_live_pipeline_get_stats(pipeline, &stats);
    nj_json_object_begin(writer, "live");
    stats.source.dropped += stats.dropped; // whoever dropped them, they are gone
    nj_api_stream_write(&stats.source, writer);
    nj_json_int(writer, "frames_inferred", (int64_t)stats.inferred);
    nj_json_int(writer, "frames_still", (int64_t)stats.skipped_still);
    nj_json_object_end(writer);
}

static void write_track(const struct nj_api_context *context, const struct nj_track *track,
                        struct nj_json_writer *writer)
{
    const char *name = NULL;
    if (context->detector != NULL)
        name = nj_detector_class_name(context->detector, track->class_id);
    nj_json_object_begin(writer, NULL);
    nj_json_int(writer, "track_id", track->id);
    nj_json_text(writer, "object_type", name);
    nj_json_fixed(writer, "confidence", (double)track->score, 4);
    nj_json_object_begin(writer, "bbox");
    nj_json_fixed(writer, "x", (double)track->x, 1);
    nj_json_fixed(writer, "y", (double)track->y, 1);
    nj_json_fixed(writer, "width", (double)track->w, 1);
    nj_json_fixed(writer, "height", (double)track->h, 1);
    nj_json_object_end(writer);
    nj_json_bool(writer, "lost", track->state == NJ_TRACK_LOST);
    nj_json_object_end(writer);
}

void nj_api_live_write_frame(const struct nj_api_context *context,
                             struct nj_live_pipeline *pipeline, struct nj_json_writer *writer)
{
    struct nj_live_view view = {.frame = NULL};
    if (pipeline != NULL)
        nj_live_pipeline_view(pipeline, &view);
    if (view.frame == NULL) {
        nj_json_null(writer, "frame");
        return;
    }
    nj_json_object_begin(writer, "frame");
    nj_json_int(writer, "sequence", (int64_t)view.frame->sequence);
    nj_json_int(writer, "width", view.frame->full_width);
    nj_json_int(writer, "height", view.frame->full_height);
    nj_json_time(writer, "captured_at", view.frame->captured_wall_us);
    nj_json_array_begin(writer, "tracks");
    for (size_t i = 0; i < view.track_count; i++) {
        if (view.tracks[i].state != NJ_TRACK_TENTATIVE)
            write_track(context, &view.tracks[i], writer);
    }
    nj_json_array_end(writer);
    nj_json_object_end(writer);
    nj_frame_unref(view.frame);
}
