// SPDX-License-Identifier: Apache-2.0
// From the decoder's frames to ours.
#ifndef NJ_FRAMES_VIDEO_FRAME_H
#define NJ_FRAMES_VIDEO_FRAME_H

#include "frames/frame.h"
#include "util/error.h"

#include <libavutil/frame.h>

// Shares the planes where the format is one of ours, else converts. `orientation` as EXIF's.
// The caller keeps `from` and owns *out.
int nj_video_wrap(const AVFrame *from, int orientation, struct nj_frame **out,
                  struct nj_error *err);

#endif
