// SPDX-License-Identifier: Apache-2.0
// Counted frames, their memory, and the latest-frame slot.
#include "frames/frame.h"

#include "util/ref.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLANE_ALIGN_BYTES = 32, // one AVX2 register
    ROW_SLACK_BYTES = 32,   // vector code may read past the last row's end
};

struct counted_frame {
    struct nj_frame frame; // first, so that the public pointer is the allocation
    struct nj_ref ref;
    void (*release)(void *owner);
    void *owner;
    void *pixels; // own memory, NULL when borrowed
};

static bool size_is_valid(int32_t width, int32_t height)
{
    return width >= 1 && height >= 1 && width <= NJ_FRAME_SIDE_MAX_PX &&
           height <= NJ_FRAME_SIDE_MAX_PX && (int64_t)width * height <= NJ_FRAME_PIXELS_MAX;
}

static struct counted_frame *new_counted(void)
{
    struct counted_frame *counted = calloc(1, sizeof(*counted));
    if (counted)
        nj_ref_init(&counted->ref);
    return counted;
}

int nj_frame_create(const struct nj_frame *description, void (*release)(void *owner), void *owner,
                    struct nj_frame **out)
{
    int result = NJ_E_TOO_BIG;
    struct counted_frame *counted = NULL;
    if (size_is_valid(description->width, description->height)) {
        counted = new_counted();
        result = counted ? NJ_OK : NJ_E_NOMEM;
    }
    if (result < 0) {
        if (release)
            release(owner);
        return result;
    }
    counted->frame = *description;
    counted->release = release;
    counted->owner = owner;
    *out = &counted->frame;
    return NJ_OK;
}

struct plane_sizes {
    int32_t row_bytes[3]; // 0 where the format has no such plane
    int32_t rows[3];
};

static struct plane_sizes sizes_of_planes(int32_t width, int32_t height,
                                          enum nj_pixel_format format)
{
    struct plane_sizes sizes = {{width, 0, 0}, {height, 0, 0}};
    int32_t chroma_width = format == NJ_PIXEL_I444 ? width : (width + 1) / 2;
    int32_t chroma_height = format == NJ_PIXEL_I420 ? (height + 1) / 2 : height;
    if (format == NJ_PIXEL_RGB24)
        sizes.row_bytes[0] = 3 * width;
    if (format == NJ_PIXEL_RGB24 || format == NJ_PIXEL_GRAY)
        return sizes;
    for (int i = 1; i < 3; i++) {
        sizes.row_bytes[i] = chroma_width;
        sizes.rows[i] = chroma_height;
    }
    return sizes;
}

static int32_t aligned_stride(int32_t row_bytes)
{
    return (row_bytes + PLANE_ALIGN_BYTES - 1) / PLANE_ALIGN_BYTES * PLANE_ALIGN_BYTES;
}

int nj_frame_allocate(int32_t width, int32_t height, enum nj_pixel_format format,
                      struct nj_frame **out)
{
    if (!size_is_valid(width, height))
        return NJ_E_TOO_BIG;
    struct plane_sizes sizes = sizes_of_planes(width, height, format);
    size_t total = ROW_SLACK_BYTES;
    for (int i = 0; i < 3; i++)
        total += (size_t)aligned_stride(sizes.row_bytes[i]) * (size_t)sizes.rows[i];

    struct counted_frame *counted = new_counted();
    if (!counted)
        return NJ_E_NOMEM;
    if (posix_memalign(&counted->pixels, PLANE_ALIGN_BYTES, total) != 0) {
        free(counted);
        return NJ_E_NOMEM;
    }
    struct nj_frame *frame = &counted->frame;
    frame->width = frame->full_width = width;
    frame->height = frame->full_height = height;
    frame->format = format;
    uint8_t *next = counted->pixels;
    for (int i = 0; i < 3 && sizes.rows[i] > 0; i++) {
        frame->planes[i] = next;
        frame->strides[i] = aligned_stride(sizes.row_bytes[i]);
        next += (size_t)frame->strides[i] * (size_t)sizes.rows[i];
    }
    memset(next, 0, ROW_SLACK_BYTES);
    *out = frame;
    return NJ_OK;
}

struct nj_frame *nj_frame_ref(struct nj_frame *frame)
{
    nj_ref_take(&((struct counted_frame *)(void *)frame)->ref);
    return frame;
}

void nj_frame_unref(struct nj_frame *frame)
{
    if (!frame)
        return;
    struct counted_frame *counted = (struct counted_frame *)(void *)frame;
    if (!nj_ref_drop(&counted->ref))
        return;
    if (counted->release)
        counted->release(counted->owner);
    free(counted->pixels);
    free(counted);
}

struct nj_frame_slot {
    _Atomic(struct nj_frame *) latest; // the slot owns one reference
    atomic_ullong dropped;
};

int nj_frame_slot_create(struct nj_frame_slot **out)
{
    struct nj_frame_slot *slot = calloc(1, sizeof(*slot));
    if (!slot)
        return NJ_E_NOMEM;
    atomic_init(&slot->latest, NULL);
    atomic_init(&slot->dropped, 0);
    *out = slot;
    return NJ_OK;
}

void nj_frame_slot_destroy(struct nj_frame_slot *slot)
{
    if (!slot)
        return;
    nj_frame_unref(nj_frame_slot_take(slot));
    free(slot);
}

int nj_frame_slot_put(struct nj_frame_slot *slot, struct nj_frame *frame)
{
    struct nj_frame *old = atomic_exchange(&slot->latest, nj_frame_ref(frame));
    if (!old)
        return 0;
    atomic_fetch_add_explicit(&slot->dropped, 1, memory_order_relaxed);
    nj_frame_unref(old);
    return 1;
}

struct nj_frame *nj_frame_slot_take(struct nj_frame_slot *slot)
{
    return atomic_exchange(&slot->latest, NULL);
}

uint64_t nj_frame_slot_dropped(const struct nj_frame_slot *slot)
{
    return atomic_load_explicit(&slot->dropped, memory_order_relaxed);
}
