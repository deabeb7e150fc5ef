// SPDX-License-Identifier: Apache-2.0
// How many NAL units a packet of H.264 or H.265 has: libavcodec keeps about 4 KiB for each, so that
// a stranger's packet of empty ones costs a thousand times its size.
#ifndef NJ_FRAMES_NAL_COUNT_H
#define NJ_FRAMES_NAL_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NJ_NALS_MAX = 8192, // of a packet; a picture of 4K with a slice a row of blocks has 135
};

// In a stream of bytes (Annex B), wherever they come from: a camera may write start codes into what
// it calls one NAL. Counts no further than NJ_NALS_MAX + 1.
size_t nj_nals_count(const uint8_t *bytes, size_t size);
// As before, of NALs that stand behind their length in `length_bytes` bytes, 1 to 4 (ISO 14496-15).
size_t nj_nals_count_lengths(const uint8_t *bytes, size_t size, unsigned length_bytes);
// There are no more than NJ_NALS_MAX in a stream of bytes; looks at large ones alone.
bool nj_nals_fit(const uint8_t *bytes, size_t size);

#endif
