// SPDX-License-Identifier: Apache-2.0
// Fuzzes the reading of a detector service's answer.
#include "detect/answer_priv.h"
#include "util/json_reader.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char names[2][64] = {"person", "dog"};
    static struct nj_detections found;
    static const struct nj_answer_place place = {.scale_x = 2, .scale_y = 2, .origin_x = 5};
    const struct nj_model model = {.class_count = 2, .class_names = names};
    json_t *root = NULL;
    if (nj_json_parse((const char *)data, size, 1 << 20, &root, NULL) != 0)
        return 0;
    if (nj_answer_read(json_object_get(root, "detections"), &model, &place, &found, NULL) == 0) {
        for (size_t i = 0; i < found.count; i++) {
            const struct nj_detection *d = &found.items[i];
            if (d->class_id < 0 || d->class_id > 1 || !(d->confidence >= 0 && d->confidence <= 1) ||
                !isfinite(d->box.x) || !isfinite(d->box.w))
                abort();
        }
    }
    json_decref(root);
    return 0;
}
