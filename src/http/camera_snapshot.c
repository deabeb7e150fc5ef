// SPDX-License-Identifier: Apache-2.0
// GET /api/cameras/{id}/snapshot: newest live frame, else the newest uploaded picture or the newest
// detection's, whichever was taken later.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "util/text.h"

#include <stdlib.h>

struct snapshot_call {
    struct nj_store_call call;
    char id[NJ_CAMERA_ID_SIZE];
    struct nj_detection_row *rows; // the newest detection, or none
    size_t count;
    struct nj_detection_row upload; // a row for the newest uploaded picture; no path: none
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct snapshot_call *self = NJ_CONTAINER_OF(op, struct snapshot_call, call.op);
    const struct nj_detection_filter filter = {.camera_id = self->id, .limit = 1};
    int rc = nj_cameras_get_picture(db, self->id, self->upload.file_path, &self->upload.detected_us,
                                    err);
    return rc != 0 ? rc : nj_detections_list(db, &filter, &self->rows, &self->count, err);
}

static void reply(struct nj_store_call *call)
{
    const struct snapshot_call *self = NJ_CONTAINER_OF(call, struct snapshot_call, call);
    const struct nj_detection_row *seen = self->count > 0 ? self->rows : NULL;
    struct nj_picture_want want = {.detection = seen, .newest = true};
    if (self->upload.file_path[0] != '\0' &&
        (seen == NULL || self->upload.detected_us > seen->detected_us)) {
        want.detection = &self->upload;
        want.instead = seen;
    }
    if (want.detection == NULL)
        nj_exchange_problem(call->exchange, 404, "this camera has no picture yet");
    else
        nj_picture_reply(call->exchange, &want);
}

static void finish(struct nj_store_call *call)
{
    free(NJ_CONTAINER_OF(call, struct snapshot_call, call)->rows);
}

void nj_route_camera_snapshot(struct nj_exchange *exchange)
{
    struct nj_live_pipeline *pipeline =
        nj_api_live_find(exchange->api->context, exchange->params[0]);
    struct nj_live_view view = {.frame = NULL};
    int64_t width = 0;
    if (!nj_query_int(exchange, "width", (const int64_t[]){16, NJ_FRAME_SIDE_MAX_PX}, &width))
        return;
    if (pipeline != NULL)
        nj_live_pipeline_view(pipeline, &view);
    if (view.frame != NULL) {
        nj_frame_reply(exchange, &(struct nj_frame_want){.frame = view.frame,
                                                         .camera_id = exchange->params[0],
                                                         .max_width = (int32_t)width});
        return;
    }
    struct snapshot_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
        nj_text_copy(self->id, sizeof self->id, exchange->params[0]);
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
