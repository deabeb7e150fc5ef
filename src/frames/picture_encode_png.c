// SPDX-License-Identifier: Apache-2.0
// PNG out of RGB frames.
#include "frames/picture.h"

#include <stdlib.h>

#include <png.h>

int nj_picture_encode_png(const struct nj_frame *frame, void **out, size_t *out_length,
                          struct nj_error *err)
{
    if (frame->format != NJ_PIXEL_RGB24)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "PNG is made of RGB frames only");
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)frame->width,
                       .height = (png_uint_32)frame->height,
                       .format = PNG_FORMAT_RGB,
                       .flags = PNG_IMAGE_FLAG_FAST};
    png_alloc_size_t length = PNG_IMAGE_PNG_SIZE_MAX(image);
    void *bytes = malloc(length);
    if (bytes == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "PNG: no memory for %d x %d pixels", frame->width,
                            frame->height);
    if (!png_image_write_to_memory(&image, bytes, &length, 0, frame->planes[0], frame->strides[0],
                                   NULL)) {
        const int rc = nj_error_set(err, NJ_E_INTERNAL, "PNG: %s", image.message);
        png_image_free(&image);
        free(bytes);
        return rc;
    }
    *out = bytes;
    void *smaller = realloc(bytes, length); // the room was for the worst case
    if (smaller != NULL)
        *out = smaller;
    *out_length = length;
    return 0;
}
