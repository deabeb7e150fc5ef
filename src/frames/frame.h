// SPDX-License-Identifier: Apache-2.0
// One decoded picture: counted reference to immutable pixels, with its capture time.
#ifndef NJ_FRAMES_FRAME_H
#define NJ_FRAMES_FRAME_H

#include "util/clock.h"
#include "util/error.h"

#include <stdint.h>

enum {
    NJ_FRAME_SIDE_MAX_PX = 16384, // sensors and decoders end well below
    NJ_FRAME_PIXELS_MAX = 128 * 1000 * 1000,
};

enum nj_pixel_format {
    NJ_PIXEL_I420, // Y, U, V planes, chroma halved both ways (rounded up)
    NJ_PIXEL_I422, // chroma halved across
    NJ_PIXEL_I444,
    NJ_PIXEL_GRAY, // Y alone
    NJ_PIXEL_RGB24 // packed R, G, B
};

enum nj_pixel_range {
    NJ_RANGE_FULL,   // JPEG: 0..255
    NJ_RANGE_LIMITED // video: 16..235
};

struct nj_frame {
    int32_t width, height; // pixels, upright (orientation already applied)
    enum nj_pixel_format format;
    enum nj_pixel_range range;
    const uint8_t *planes[3];        // NULL where the format has none
    int32_t strides[3];              // bytes
    int32_t full_width, full_height; // of the original, when decoding scaled it down; else the same
    nj_us captured_wall_us;          // when the camera took it
    nj_us captured_mono_us;          // when it reached us
    uint64_t sequence;               // of its source, from 1
    nj_us group_us; // a live keyframe's: time between keyframes; 0: another frame, or not known
};

// What a maker fills; nj_frame_create copies the description, not the pixels. `release` (may be
// NULL) is called once with `owner` when the last reference goes, from any thread. On failure
// release is called too.
int nj_frame_create(const struct nj_frame *description, void (*release)(void *owner), void *owner,
                    struct nj_frame **out);

// A frame with its own memory (planes aligned to 32 bytes) to be filled before it is shared:
// cast away const only then. Limits: 1..NJ_FRAME_SIDE_MAX_PX a side,
// NJ_FRAME_PIXELS_MAX in all. NJ_E_TOO_BIG, NJ_E_NOMEM.
int nj_frame_allocate(int32_t width, int32_t height, enum nj_pixel_format format,
                      struct nj_frame **out);

struct nj_frame *nj_frame_ref(struct nj_frame *frame); // explicitly thread-safe
void nj_frame_unref(struct nj_frame *frame);           // explicitly thread-safe; accepts NULL

// Latest-frame slot of one subscriber: the newest replaces the one not yet taken, which counts as
// dropped. Explicitly thread-safe.
struct nj_frame_slot;

int nj_frame_slot_create(struct nj_frame_slot **out);
void nj_frame_slot_destroy(struct nj_frame_slot *slot);
// Takes a reference of its own. Returns 1 when an older frame was dropped for it, else 0.
int nj_frame_slot_put(struct nj_frame_slot *slot, struct nj_frame *frame);
// The caller gets the reference; NULL when nothing new.
struct nj_frame *nj_frame_slot_take(struct nj_frame_slot *slot);
uint64_t nj_frame_slot_dropped(const struct nj_frame_slot *slot);

#endif
