// SPDX-License-Identifier: Apache-2.0
// FFmpeg as an independent client of the test camera, with a deadline on everything.
#ifndef NJ_CAMERA_AV_CLIENT_H
#define NJ_CAMERA_AV_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

struct av_client; // opaque

// What was seen so far.
struct av_seen {
    int frames, timed; // decoded; of these with a timestamp
    int b_frames;
    int key_packets, packets, audio_packets;
    int concealed;     // decoded with errors
    int width, height; // of the last frame
    int width_changes; // frames whose width was not the one before's
    bool pts_fell;     // a later frame had no later timestamp
    int64_t first_pts_us, last_pts_us;
    int64_t widest_gap_us; // between the timestamps of two frames
};

// NULL with *error (FFmpeg's) when the stream cannot be opened within `timeout_ms`.
struct av_client *av_client_open(const char *url, int timeout_ms, int *error);
void av_client_close(struct av_client *client);
// Reads until `frames` more were decoded. 0, or FFmpeg's error: AVERROR_EXIT at the deadline.
int av_client_read(struct av_client *client, int frames, int timeout_ms);
// The same until `packets` more of sound came.
int av_client_read_audio(struct av_client *client, int packets, int timeout_ms);
const struct av_seen *av_client_seen(const struct av_client *client);

#endif
