// SPDX-License-Identifier: Apache-2.0
// Fuzzes the decoder of classifiers: the first byte says how, the others are the network's output.
#include "tests/fuzz/detect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OFFSET = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nj_candidates found;
    static float values[OFFSET + FUZZ_CLASSES];
    int32_t map[FUZZ_CLASSES] = {1, -1, 1};
    const float *outputs[] = {values};
    struct nj_model model = fuzz_model(NJ_DECODER_CLASSES);
    struct nj_decoder_layout layout = {0};
    const uint8_t how = size > 0 ? data[0] : 0;
    model.softmax = (how & 1) != 0;
    model.class_map = (how & 2) != 0 ? map : NULL;
    model.class_count = model.class_map != NULL ? 2 : FUZZ_CLASSES;
    model.label_offset = OFFSET;
    const struct nj_engine_info info = {
        .output_count = 1, .outputs = {{.dims = {1, OFFSET + FUZZ_CLASSES}, .rank = 2}}};
    if (nj_decoder_classes.check(&model, &info, &layout, NULL) != 0)
        abort();
    fuzz_fill(values, OFFSET + FUZZ_CLASSES, data, size);
    found.count = 0;
    nj_decoder_classes.decode(&layout, outputs, 0, &found);
    if (found.count > (size_t)model.class_count)
        abort();
    for (size_t i = 0; i < found.count; i++) {
        const struct nj_candidate *c = &found.items[i];
        if (!(c->score > 0 && c->score <= 1) || c->class_id < 0 || c->class_id >= model.class_count)
            abort();
    }
    return 0;
}
