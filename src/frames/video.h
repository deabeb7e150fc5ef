// SPDX-License-Identifier: Apache-2.0
// Video files through the FFmpeg libraries, decoded in process into counted frames.
#ifndef NJ_FRAMES_VIDEO_H
#define NJ_FRAMES_VIDEO_H

#include "frames/frame.h"
#include "loop/thread.h"
#include "util/error.h"

#include <stdbool.h>

struct nj_video; // belongs to one thread

struct nj_video_info {
    int32_t width, height;
    double fps;        // 0 when unknown
    nj_us duration_us; // 0 when unknown
    char codec[32];
};

// Opens a local file; only file protocol is allowed, network and playlists are refused. `cancel`
// (may be NULL) interrupts reads. Limits as for frames. Errors: NJ_E_NOT_FOUND, NJ_E_INVALID,
// NJ_E_CORRUPT, NJ_E_UNSUPPORTED (no video stream).
int nj_video_open(const char *path, const struct nj_cancel *cancel, struct nj_video **out,
                  struct nj_video_info *out_info, struct nj_error *err);
void nj_video_close(struct nj_video *video);

// The next frame; *out_pts_us is its time from the start of the file. NJ_E_AGAIN at the end.
// The caller owns *out.
int nj_video_next(struct nj_video *video, struct nj_frame **out, nj_us *out_pts_us,
                  struct nj_error *err);

// Back to the start (looping).
int nj_video_rewind(struct nj_video *video, struct nj_error *err);

// The frame shown at `pts_us` (or the last before it): seeks to the keyframe before and decodes on.
int nj_video_at(struct nj_video *video, nj_us pts_us, struct nj_frame **out, nj_us *out_pts_us,
                struct nj_error *err);

// Whether the file ends well before the time or bytes that its head tells, as one that was cut
// does. Some kinds of files are known to do so only when their end was reached.
bool nj_video_is_cut(const struct nj_video *video);

// Times at which a clip is sampled: every `interval_us`, at most `max_frames` spread evenly over
// the whole clip; at least one. Returns how many were written to `out` (max_frames places).
size_t nj_video_sample_times(nj_us duration_us, nj_us interval_us, size_t max_frames, nj_us *out);

#endif
