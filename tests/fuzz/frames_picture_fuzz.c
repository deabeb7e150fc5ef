// SPDX-License-Identifier: Apache-2.0
// Any bytes as a picture: probe, strict and lenient decoding at full and small size.
#include "frames/picture.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    // Small limits: the fuzzer is to look for faults, not to fill memory.
    static const struct nj_picture_limits limits = {1 << 20, 1};
    struct nj_picture_decoder *decoder = NULL;
    struct nj_picture_info info;
    (void)nj_picture_probe(bytes, length, &limits, &info, NULL);
    if (nj_picture_decoder_create(&decoder) < 0)
        return 0;
    for (int variant = 0; variant < 3; variant++) {
        struct nj_picture_request request = {
            .bytes = bytes, .length = length, .limits = &limits, .strict = variant == 0};
        request.least_width = request.least_height = variant == 2 ? 40 : 0;
        struct nj_frame *frame = NULL;
        if (nj_picture_decode(decoder, &request, &frame, NULL) < 0)
            continue;
        volatile uint8_t last =
            frame->planes[0][(ptrdiff_t)(frame->height - 1) * frame->strides[0] + frame->width - 1];
        (void)last;
        nj_frame_unref(frame);
    }
    nj_picture_decoder_destroy(decoder);
    return 0;
}
