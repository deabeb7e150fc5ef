// SPDX-License-Identifier: Apache-2.0
// What all who decode video with libav need: from its frames to ours, and silence.
#ifndef NJ_FRAMES_VIDEO_FRAME_H
#define NJ_FRAMES_VIDEO_FRAME_H

#include "frames/frame.h"
#include "util/error.h"

#include <libavutil/frame.h>

// Shares the planes where the format is one of ours, else converts. `orientation` as EXIF's.
// The caller keeps `from` and owns *out.
int nj_video_wrap(const AVFrame *from, int orientation, struct nj_frame **out,
                  struct nj_error *err);

// From the first call on, libav logs nothing in this process: its errors come back to who called,
// and what else it would say of foreign bytes helps nobody. Explicitly thread-safe.
void nj_video_silence(void);

#endif
