// SPDX-License-Identifier: Apache-2.0
// Options of the upload pipeline.
#include "pipeline/upload.h"

#include "util/mem.h"

static const struct nj_option options[] = {
    {.name = "video_frame_interval_seconds",
     .env = "VIDEO_FRAME_INTERVAL_SECONDS",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_upload_options, video_interval_us),
     .min = 0.1,
     .max = 3600,
     .unit = "s",
     .fallback = "2.0",
     .help = "An uploaded clip is looked at this often."},
    {.name = "video_max_frames",
     .env = "VIDEO_MAX_FRAMES",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_upload_options, video_max_frames),
     .min = 1,
     .max = 300,
     .unit = "frames",
     .fallback = "30",
     .help = "At most this many pictures of a clip, spread evenly over the whole of it."},
    {.name = "in_flight",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_upload_options, in_flight),
     .min = 0,
     .max = 256,
     .unit = "items",
     .fallback = "0",
     .help = "Uploads under way at once; 0: sixteen for each inference thread."},
};

const struct nj_option_group nj_upload_option_group = {
    .name = "upload",
    .title = "Uploads",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_upload_options),
};
