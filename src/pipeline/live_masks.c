// SPDX-License-Identifier: Apache-2.0
// Masks of a camera as people write them: "x,y x,y x,y" in parts of the picture.
#include "pipeline/live_priv.h"

#include <stdlib.h>
#include <string.h>

static int read_points(const char *text, float *points, size_t *out_count)
{
    size_t count = 0;
    while (*text != '\0') {
        char *end = NULL;
        if (count == 2 * (size_t)NJ_LIVE_MASK_POINTS_MAX)
            return NJ_E_INVALID;
        float value = strtof(text, &end);
        if (end == text || !(value >= 0 && value <= 1)) // nor is it "nan"
            return NJ_E_INVALID;
        points[count++] = value;
        text = end + strspn(end, ", ");
    }
    if (count < 6 || count % 2 != 0)
        return NJ_E_INVALID;
    *out_count = count / 2;
    return 0;
}

int nj_live_masks_read(const struct nj_text_list *masks, struct nj_live_masks *out,
                       struct nj_error *err)
{
    if (masks->count > NJ_LIVE_MASKS_MAX)
        return nj_error_set(err, NJ_E_INVALID, "masks: %zu are given, at most %d are possible",
                            masks->count, NJ_LIVE_MASKS_MAX);
    out->count = masks->count;
    for (size_t i = 0; i < masks->count; i++) {
        out->polygons[i].points = out->points[i];
        int rc = read_points(masks->items[i], out->points[i], &out->polygons[i].count);
        if (rc != 0)
            return nj_error_set(err, rc,
                                "masks[%zu] '%s': three to %d points \"x,y x,y x,y\" in parts of "
                                "the picture, 0 to 1",
                                i, masks->items[i], NJ_LIVE_MASK_POINTS_MAX);
    }
    return 0;
}
