// SPDX-License-Identifier: Apache-2.0
// Options of the live pipeline.
#include "pipeline/live.h"
#include "util/mem.h"

static const struct nj_option options[] = {
    {.name = "new_track_margin",
     .type = NJ_OPTION_NUMBER,
     .offset = offsetof(struct nj_live_options, new_track_margin),
     .min = 0,
     .max = 0.5,
     .fallback = "0.2",
     .help = "A track begins only from a detection this much surer than the detector's threshold; "
             "raise it when false objects appear, lower it when small ones are missed."},
    {.name = "frame_deadline_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_live_options, frame_deadline_us),
     .min = 0.05,
     .max = 60,
     .unit = "s",
     .fallback = "1",
     .help = "A live frame that waited longer than this for inference is dropped and counted."},
    {.name = "picture_quality",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_live_options, picture_quality),
     .min = 30,
     .max = 100,
     .fallback = "85",
     .help = "JPEG quality of the pictures that are kept of live tracks."},
};

const struct nj_option_group nj_live_option_group = {
    .name = "live",
    .title = "Live cameras",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_live_options),
};
