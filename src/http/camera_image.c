// SPDX-License-Identifier: Apache-2.0
// GET /camera/{id}/image: the newest picture of a subscription or a camera, from memory.
#include "http/http_priv.h"
#include "http/routes_priv.h"

// NULL: there is none yet, or nobody has this name; *out_known tells which.
static struct nj_frame *find_frame(const struct nj_api_context *context, const char *id,
                                   struct nj_rect *out_crop, bool *out_known)
{
    struct nj_frame *frame = NULL;
    *out_crop = (struct nj_rect){.w = 0};
    *out_known = context->subscriptions != NULL &&
                 nj_subscriptions_frame(context->subscriptions, id, &frame, out_crop) == 0;
    if (*out_known)
        return frame;
    struct nj_live_pipeline *pipeline = nj_api_live_find(context, id);
    struct nj_live_view view = {.frame = NULL};
    *out_known = pipeline != NULL;
    if (pipeline != NULL)
        nj_live_pipeline_view(pipeline, &view);
    return view.frame;
}

void nj_route_camera_image(struct nj_exchange *exchange)
{
    static const int64_t side[] = {16, NJ_FRAME_SIDE_MAX_PX}, percent[] = {1, 100};
    const struct nj_api_context *context = exchange->api->context;
    const char *id = exchange->params[0];
    int64_t quality = 0, width = 0, height = 0;
    struct nj_rect crop;
    bool known;
    if (context->subscriptions == NULL && context->live == NULL) {
        nj_exchange_missing(exchange, "the detector worker");
        return;
    }
    if (!nj_query_int(exchange, "quality", percent, &quality) ||
        !nj_query_int(exchange, "width", side, &width) ||
        !nj_query_int(exchange, "height", side, &height))
        return;
    struct nj_frame *frame = find_frame(context, id, &crop, &known);
    if (frame == NULL) {
        nj_exchange_problem(exchange, 404,
                            known ? "this camera has no picture yet"
                                  : "no subscription and no camera has this name");
        return;
    }
    nj_frame_reply(exchange, &(struct nj_frame_want){.frame = frame,
                                                     .camera_id = id,
                                                     .crop = crop,
                                                     .quality = (int)quality,
                                                     .max_width = (int32_t)width,
                                                     .max_height = (int32_t)height});
}
