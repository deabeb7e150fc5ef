// SPDX-License-Identifier: Apache-2.0
// Fuzzes the decoder of boxes with landmarks: the bytes are the network's output.
#include "tests/fuzz/detect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 40, COLUMNS = 5 + 2 * NJ_MODEL_POINTS + FUZZ_CLASSES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t dims[2] = {ROWS, COLUMNS};
    static float values[ROWS * COLUMNS];
    const float *outputs[] = {values};
    struct nj_model model = fuzz_model(NJ_DECODER_YOLOV5_POINTS);
    for (int32_t i = 0; i < NJ_MODEL_POINTS; i++)
        model.point_order[i] = NJ_MODEL_POINTS - 1 - i;
    const struct nj_decoder_layout layout = {
        .rows = ROWS, .columns = COLUMNS, .class_count = FUZZ_CLASSES, .model = &model};
    fuzz_one_output(NJ_DECODER_YOLOV5_POINTS, dims, data, size);
    fuzz_fill(values, ROWS * COLUMNS, data, size);
    for (int32_t row = 0; row < ROWS; row++) {
        float points[NJ_MODEL_POINTS][2];
        const struct nj_candidate candidate = {.row = row};
        if (!nj_decoder_yolov5_points.find_points(&layout, outputs, &candidate, points))
            continue;
        for (size_t i = 0; i < NJ_MODEL_POINTS; i++) {
            if (!isfinite(points[i][0]) || !isfinite(points[i][1]))
                abort();
        }
    }
    return 0;
}
