// SPDX-License-Identifier: Apache-2.0
// Small videos encoded on the spot; frame i is flat grey of level video_level(i).
#ifndef NJ_FAKE_VIDEO_H
#define NJ_FAKE_VIDEO_H

#include <stdint.h>

struct video_recipe {
    const char *path;    // its ending chooses the container
    const char *encoder; // "mpeg4", "mjpeg", "ffv1", "pcm_s16le" for sound alone
    const char *pixels;  // FFmpeg's name; NULL: yuv420p
    int width, height, frames, fps, gop;
    int rotation; // degrees clockwise in the container
};

int video_level(int frame);
void make_video(const struct video_recipe *recipe);
// A video of one packet, said to be H.264, whatever is in it.
void make_packet_video(const char *path, const uint8_t *bytes, int size);

#endif
